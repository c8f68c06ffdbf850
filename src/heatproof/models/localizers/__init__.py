"""Localizers: networks that were shown *where* findings are, and so bound saliency from above.

A localizer is a frozen part; called with findings, preprocessing and the weights of its backbone it
builds a network that gives a map and a probability per finding, as a classifier with a saliency
method does, so that it stands in the same tables.

It learns from regions: boxes or masks, moved with the image onto the network's canvas.  Where a
finding is in an image is *known* when it is annotated there, or when the image is labelled negative
for it.  It is not known where nobody marked the place and the image is labelled positive or
uncertain or not at all: such an image may teach other findings, but is left out of the loss of this
one, since none of its pixels is certainly background.

To be loaded again, a localizer needs its state dict and, on its card, what ``build`` takes (the
canonical spec, the findings in order, the preprocessing) and where its backbone's weights came from
(``pretrained``).  Its card also says whom it was trained and tuned on, and whose annotations it was
shown (``ModelCard.regions``).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy import ndimage
from torch import Tensor, nn
from torch.nn.functional import pad

from heatproof.data.annotations import Boxes, Points, Several
from heatproof.errors import AnnotationError, ModelError
from heatproof.models.backbones import Architecture, Backbone
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.seeding import seeded
from heatproof.registry import Registry
from heatproof.types import Sample, Shape

_PROBE = 64  # pixels: the side of the image on which strides are measured
Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class Detections:
    """The boxes that were found in one image.

    Attributes:
        corners: x0, y0, x1, y1 in pixels of the input, half-open as all boxes are.
        scores: In [0, 1].
        findings: Index of what each box shows.
    """

    corners: Float[Tensor, "m 4"]
    scores: Float[Tensor, "m"]
    findings: Int[Tensor, "m"]


@dataclass(frozen=True)
class Localized:
    """What a localizer says about a batch.

    Attributes:
        probabilities: That the image shows each finding, in [0, 1].
        maps: Of each finding at the resolution of the input, in [0, 1].
        boxes: One entry per image, of localizers that find boxes.
    """

    probabilities: Float[Tensor, "n k"]
    maps: Float[Tensor, "n k h w"]
    boxes: tuple[Detections, ...] | None = None


@dataclass(frozen=True)
class BoxTarget:
    """Where the findings of one image are, as boxes.

    Attributes:
        known: Whether the place of each finding is known; a known finding without boxes is absent.
        corners: x0, y0, x1, y1 in pixels of the input, x0 < x1 and y0 < y1.
        findings: Index of what each box shows; only known findings have boxes.
    """

    known: Bool[Tensor, "k"]
    corners: Float[Tensor, "m 4"]
    findings: Int[Tensor, "m"]

    @property
    def marked(self) -> Bool[Tensor, "k"]:
        """Which findings are somewhere in the image."""
        return torch.zeros_like(self.known).index_fill(0, self.findings, True)

    def to(self, device: torch.device) -> "BoxTarget":
        """Its copy on a device."""
        return BoxTarget(self.known.to(device), self.corners.to(device), self.findings.to(device))


@dataclass(frozen=True)
class MaskTarget:
    """Where the findings of one image are, as masks.

    Attributes:
        known: Whether the place of each finding is known; a known finding with an empty mask is
            absent.
        masks: At the resolution of the input; empty where the place is not known.
    """

    known: Bool[Tensor, "k"]
    masks: Bool[Tensor, "k h w"]

    @property
    def marked(self) -> Bool[Tensor, "k"]:
        """Which findings are somewhere in the image."""
        return self.masks.any(dim=2).any(dim=1)

    def to(self, device: torch.device) -> "MaskTarget":
        """Its copy on a device."""
        return MaskTarget(self.known.to(device), self.masks.to(device))


Target = TypeVar("Target", BoxTarget, MaskTarget)


class Localizer(nn.Module, ABC, Generic[Target]):
    """Images ``n c h w`` to probabilities and maps.

    Args:
        spec: The part that built it.
        stages: The backbone.
        findings: What it looks for, in order.
        preprocessing: What the images have gone through.

    Attributes:
        regions: What it learns from.
    """

    regions: ClassVar[Literal["boxes", "masks"]]

    def __init__(
        self,
        spec: "LocalizerArchitecture",
        stages: "Stages",
        findings: Sequence[str],
        preprocessing: Preprocessing,
    ) -> None:
        super().__init__()
        if not findings or len(set(findings)) != len(findings):
            raise ModelError(f"findings {list(findings)}: expected at least one, each named once")
        self.spec = spec
        self.stages = stages
        self.findings = tuple(findings)
        self.preprocessing = preprocessing

    @property
    def backbone(self) -> Backbone:
        """What may have been pretrained."""
        return self.stages.backbone

    @property
    def pretrained(self) -> str:
        """Where the weights of the backbone came from, in words."""
        return self.backbone.pretrained

    def forward(self, images: Float[Tensor, "n c h w"]) -> Localized:
        """What it finds; in evaluation mode the same whatever else is in the batch."""
        return self.found(self.outputs(images))

    @abstractmethod
    def outputs(self, images: Float[Tensor, "n c h w"]) -> Any:
        """What the network says, before it is told as probabilities and maps, or as a loss."""

    @abstractmethod
    def found(self, outputs: Any) -> Localized:
        """Told as probabilities and maps."""

    @abstractmethod
    def loss_of(self, outputs: Any, targets: Sequence[Target]) -> Float[Tensor, ""]:
        """What training makes small: a mean over images and findings whose place is known.

        0 where no place is known.
        """

    def loss(
        self, images: Float[Tensor, "n c h w"], targets: Sequence[Target]
    ) -> Float[Tensor, ""]:
        """Of images whose outputs nobody else wants."""
        return self.loss_of(self.outputs(images), targets)

    @abstractmethod
    def target(self, sample: Sample, source: str = "reference") -> Target:
        """What one radiograph teaches; see ``box_target`` and ``mask_target``."""


@runtime_checkable
class LocalizerArchitecture(Protocol):
    """Builds a localizer.

    Attributes:
        title: What people call its maps.
        method: What its maps are called where those of a saliency method bear its spec.
    """

    title: ClassVar[str]
    method: ClassVar[str]

    @property
    def backbone(self) -> Architecture:
        """What may be pretrained."""
        ...

    def __call__(
        self, findings: Sequence[str], preprocessing: Preprocessing, weights: str = "random"
    ) -> Localizer[Any]:
        """The network for those findings, its backbone with those weights; raises ModelError."""
        ...


localizers: Registry[LocalizerArchitecture] = Registry(
    "localizer", __name__, "heatproof.localizers"
)


def build(
    localizer: str,
    findings: Sequence[str],
    preprocessing: Preprocessing,
    weights: str = "random",
    seed: int = 0,
) -> Localizer[Any]:
    """A localizer from its spec, in evaluation mode.

    Args:
        localizer: Such as ``"retinanet(backbone=resnet18)"``.
        findings: What it looks for.
        preprocessing: Says how many channels the backbone gets.
        weights: Of the backbone: ``"random"``, ``"imagenet"`` or the path of a state dict.
        seed: Of what is random.

    Raises:
        SpecError: No such localizer or backbone.
        ModelError: The backbone has no regular grid, or its weights cannot be had.
    """
    make = localizers.parse(localizer)
    with seeded(seed):
        return make(findings, preprocessing, weights).eval()


class Stages(nn.Module):
    """A backbone that gives the last features at each of its strides, finest first.

    Args:
        backbone: Convolutional, and padded so that n pixels make n / s cells at stride s.
        channels: Of the images.

    Attributes:
        channels: Of the features at each stride.
        strides: Pixels from cell to cell.

    Raises:
        ModelError: The backbone is of another kind.
    """

    def __init__(self, backbone: Backbone, channels: int) -> None:
        super().__init__()
        self.backbone = backbone
        shapes = _shapes(backbone, channels)
        last = {_PROBE // side: index for index, (_, side) in enumerate(shapes)}
        self._ends = tuple(last.values())
        self.strides = tuple(last)
        self.channels = tuple(shapes[end][0] for end in self._ends)

    def forward(self, images: Float[Tensor, "n c h w"]) -> list[Tensor]:
        """Features ``n d y x`` at each stride s, where y = h / s and x = w / s.

        An image that the coarsest stride does not divide is continued by its last row and column,
        and y and x are rounded up: backbones differ in how they would round.
        """
        features: list[Tensor] = []
        bottom, right = (-side % self.strides[-1] for side in images.shape[2:])
        if bottom or right:
            images = pad(images, (0, right, 0, bottom), mode="replicate")
        for index, layer in enumerate(_layers(self.backbone)):
            images = layer(images)
            if index in self._ends:
                features.append(images)
        return features


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """What a chain of chains is made of: strides change within a backbone's blocks too."""
    if type(module).forward is not nn.Sequential.forward:
        yield module
        return
    for child in module.children():
        yield from _layers(child)


def _shapes(backbone: Backbone, channels: int) -> list[tuple[int, int]]:
    """Channels and side after every layer, of an image of ``_PROBE`` pixels."""
    training = backbone.training
    backbone.eval()
    shapes = []
    values = torch.zeros(1, channels, _PROBE, _PROBE)
    with torch.no_grad():
        for layer in _layers(backbone):
            values = layer(values)
            if values.ndim != 4 or _PROBE % values.shape[-1]:  # noqa: PLR2004 - n d y x
                grid = " x ".join(str(side) for side in values.shape[2:])
                found = f"a grid of {grid}" if values.ndim == 4 else "tokens"  # noqa: PLR2004
                raise ModelError(
                    f"the backbone ({', '.join(dict(backbone.named_children()))}) makes {found} of"
                    f" {_PROBE} x {_PROBE} pixels; a localizer needs convolutions that divide the"
                    " image evenly, as those of ResNet, DenseNet, VGG, EfficientNet and ConvNeXt do"
                )
            shapes.append((values.shape[1], values.shape[-1]))
    backbone.train(training)
    return shapes


def box_target(
    sample: Sample, findings: Sequence[str], preprocessing: Preprocessing, source: str = "reference"
) -> BoxTarget:
    """The boxes of one radiograph, moved with it.

    A box stays the box that was drawn.  Any other shape is boxed: one box around each connected
    part of its pixels (parts that touch at a corner are connected).  Points have no extent and are
    no region.

    Args:
        sample: The radiograph; its pixels are not read.
        findings: What the localizer looks for.
        preprocessing: Of the localizer.
        source: Whose annotations.

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
        for x0, y0, x1, y1 in boxes:
            start = preprocessing.geometry.point(x0, y0, (height, width))
            corners.append(start + preprocessing.geometry.point(x1, y1, (height, width)))
            indices.append(index)
    return BoxTarget(
        torch.tensor(known),
        torch.tensor(corners, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(indices, dtype=torch.int64),
    )


def mask_target(
    sample: Sample, findings: Sequence[str], preprocessing: Preprocessing, source: str = "reference"
) -> MaskTarget:
    """The masks of one radiograph, moved with it; as ``box_target``.

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


def drawn(sample: Sample, finding: str, source: str) -> Iterator[Shape]:
    """The shapes with an extent that one source drew of one finding."""
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
    """Whether it is known where a finding is, or that it is nowhere."""
    absent = sample.labels.get(finding) is False
    if absent and marked:
        raise AnnotationError(
            f"{sample.image_id}: labelled negative for {finding}, but {source} marked it; which is"
            " right?"
        )
    return absent or marked


def _boxes(shape: Shape, height: int, width: int) -> list[Corners]:
    """Boxes of a shape in pixels of the radiograph, without those outside."""
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
