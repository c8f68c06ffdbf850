"""Targets of localizers: where the findings of one image are, as boxes or as masks.

Regions are moved with the image onto the network's canvas.  Where a finding is in an image is
*known* when it is annotated there, or when the image is labelled negative for it.  It is not known
where nobody marked the place and the image is labelled positive or uncertain or not at all: such an
image may teach other findings, but is left out of the loss of this one, since none of its pixels is
certainly background.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy import ndimage
from torch import Tensor

from heatproof.data.annotations import Boxes, Points, Several
from heatproof.data.geometry import Geometry
from heatproof.errors import AnnotationError
from heatproof.models.own_transform import AnyPreprocessing
from heatproof.types import REFERENCE, Sample, Shape

Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class BoxTarget:
    """Where the findings of one image are, as boxes.

    Attributes:
        known: Whether the place of each finding is known; a known finding without boxes is absent.
        corners: x0, y0, x1, y1 in pixels of the input, x0 < x1 and y0 < y1.
        findings: Index of what each box shows; only known findings have boxes.
    """

    known: Bool[Tensor, " k"]
    corners: Float[Tensor, "m 4"]
    findings: Int[Tensor, " m"]

    @property
    def marked(self) -> Bool[Tensor, " k"]:
        """Whether the image shows each finding."""
        return torch.zeros_like(self.known).index_fill(0, self.findings, True)

    def to(self, device: torch.device) -> "BoxTarget":
        """A copy on a device."""
        return BoxTarget(self.known.to(device), self.corners.to(device), self.findings.to(device))


@dataclass(frozen=True)
class MaskTarget:
    """Where the findings of one image are, as masks.

    Attributes:
        known: Whether the place of each finding is known; a known finding with an empty mask is
            absent.
        masks: At the resolution of the input; empty where the place is not known.
    """

    known: Bool[Tensor, " k"]
    masks: Bool[Tensor, "k h w"]

    @property
    def marked(self) -> Bool[Tensor, " k"]:
        """Whether the image shows each finding."""
        return self.masks.any(dim=2).any(dim=1)

    def to(self, device: torch.device) -> "MaskTarget":
        """A copy on a device."""
        return MaskTarget(self.known.to(device), self.masks.to(device))


Target = TypeVar("Target", BoxTarget, MaskTarget)


def box_target(
    sample: Sample,
    findings: Sequence[str],
    preprocessing: AnyPreprocessing,
    source: str = REFERENCE,
) -> BoxTarget:
    """The boxes of one radiograph, moved with it.

    A box stays the box that was drawn, as far as it lies on the canvas; a finding that a crop cuts
    off is of unknown place.  Any other shape is boxed: one box around each connected
    part of its pixels (parts that touch at a corner are connected).  Points have no extent and are
    no region.

    Args:
        sample: The radiograph; its pixels are not read.
        findings: What the localizer looks for.
        preprocessing: Preprocessing of the localizer.
        source: The reader whose annotations are taken.

    Raises:
        AnnotationError: A shape does not fit the image, or marks what the label says is absent.
        PixelError: The size of the image cannot be read.
    """
    height, width = sample.pixels.size()
    corners: list[Corners] = []
    indices: list[int] = []
    known = []
    for index, finding in enumerate(findings):
        boxes = [
            box for shape in drawn(sample, finding, source) for box in _boxes(shape, height, width)
        ]
        known.append(_is_known(sample, finding, source, marked=bool(boxes)))
        on_canvas = [
            corner
            for box in boxes
            if (corner := _on_canvas(box, preprocessing.geometry, (height, width)))
        ]
        corners += on_canvas
        indices += [index] * len(on_canvas)
        if boxes and not on_canvas:
            known[-1] = False  # a crop cut it off
    return BoxTarget(
        torch.tensor(known),
        # Without boxes the tensor still has four columns.
        torch.tensor(corners, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(indices, dtype=torch.int64),
    )


def mask_target(
    sample: Sample,
    findings: Sequence[str],
    preprocessing: AnyPreprocessing,
    source: str = REFERENCE,
) -> MaskTarget:
    """The masks of one radiograph, moved with it; arguments and errors as in ``box_target``.

    A finding so small that no pixel of the canvas is half covered is of unknown place.
    """
    height, width = sample.pixels.size()
    masks = np.zeros((len(findings), *preprocessing.size), bool)
    known = []
    for index, finding in enumerate(findings):
        marked = np.zeros((height, width), bool)
        for shape in drawn(sample, finding, source):
            marked |= shape.mask(height, width)
        is_known = _is_known(sample, finding, source, marked=bool(marked.any()))
        if marked.any():
            masks[index] = preprocessing.geometry.mask(marked)
            is_known = bool(masks[index].any())
        known.append(is_known)
    return MaskTarget(torch.tensor(known), torch.from_numpy(masks))


def _on_canvas(box: Corners, geometry: Geometry, size: tuple[int, int]) -> Corners | None:
    """A box of a film of that size on the canvas; None where nothing of it lies there."""
    x0, y0 = geometry.point(box[0], box[1], size)
    x1, y1 = geometry.point(box[2], box[3], size)
    x0, x1 = max(x0, 0.0), min(x1, float(geometry.width))
    y0, y1 = max(y0, 0.0), min(y1, float(geometry.height))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def drawn(sample: Sample, finding: str, source: str) -> Iterator[Shape]:
    """The shapes, other than points, that one source drew for one finding."""
    for annotation in sample.annotations:
        if (annotation.finding, annotation.source) == (finding, source):
            yield from _extended(annotation.shape)


def _extended(shape: Shape) -> Iterator[Shape]:
    if isinstance(shape, Several):
        for part in shape.shapes:
            yield from _extended(part)
    elif not isinstance(shape, Points):
        yield shape


def _is_known(sample: Sample, finding: str, source: str, *, marked: bool) -> bool:
    """Whether the place of a finding is known, or its absence."""
    absent = sample.labels.get(finding) is False
    if absent and marked:
        raise AnnotationError(
            f"{sample.image_id}: labelled negative for {finding}, but {source} marked it; which is"
            " right?"
        )
    return absent or marked


def _boxes(shape: Shape, height: int, width: int) -> list[Corners]:
    """Boxes of a shape in pixels of the radiograph; those outside of it are left out."""
    if not isinstance(shape, Boxes):
        parts, _ = ndimage.label(shape.mask(height, width), structure=np.ones((3, 3)))
        return [
            (float(x.start), float(y.start), float(x.stop), float(y.stop))
            for y, x in ndimage.find_objects(parts)
        ]
    shape.fit(height, width)
    frame_height, frame_width = shape.frame or (height, width)
    scale = np.tile([width / frame_width, height / frame_height], 2)
    drawn = np.clip(np.array(shape.boxes).reshape(-1, 4) * scale, 0, [width, height] * 2)
    return [(x0, y0, x1, y1) for x0, y0, x1, y1 in drawn.tolist() if x0 < x1 and y0 < y1]
