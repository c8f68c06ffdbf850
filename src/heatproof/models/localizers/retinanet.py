"""RetinaNet: a detector that scores boxes at every place and size.

Lin et al., ICCV 2017, https://arxiv.org/abs/1708.02002: a feature pyramid on a backbone, nine
anchors per cell, focal loss for what a box shows and L1 for where it ends.  Heads, losses, matching
and suppression of overlapping boxes are torchvision's.

The *detection map* gives each pixel the score of the highest-scoring box that holds its centre, 0
where none does.  The probability of a finding is the score of its highest box, 0 where there is
none.  At another resolution the boxes are to be resized, not the map.

The loss is the mean over the pairs of image and finding whose place is known, each pair being a
detection problem of its own: a box teaches nothing about a finding that was not looked for, and
two findings may lie in the same place.  With one finding it is torchvision's loss.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import FeaturePyramidNetwork

from heatproof.errors import SpecError
from heatproof.models.backbones import Architecture, backbones
from heatproof.models.backbones.resnet import ResNet50
from heatproof.models.localizers import Localized, Localizer, LocalizerOutput, localizers
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.strides import Stages
from heatproof.models.targets import BoxTarget, box_target
from heatproof.types import REFERENCE, Sample

_FINEST = 8  # pixels: stride of the first level of the pyramid
_SIZES = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))  # of anchors, within a level


def detection_map(
    detections: LocalizerOutput, findings: int, size: tuple[int, int]
) -> Float[Tensor, "k h w"]:
    """Each pixel's highest score of a box that holds its centre; 0 where there is none.

    Args:
        detections: Boxes may overhang the image.
        findings: How many maps.
        size: Height and width in the pixels that the corners are given in.
    """
    maps = torch.zeros(findings, *size)
    order = detections.scores.argsort()  # the highest is painted last
    for (x0, y0, x1, y1), score, finding in zip(
        detections.corners[order].tolist(),
        detections.scores[order].tolist(),
        detections.findings[order].tolist(),
        strict=True,
    ):
        maps[finding, _centres(y0, y1), _centres(x0, x1)] = score
    return maps


def _centres(start: float, stop: float) -> slice:
    """The pixels whose centre c has ``start <= c < stop``, as boxes of readers are filled."""
    return slice(max(ceil(start - 0.5), 0), max(ceil(stop - 0.5), 0))


class Pyramid(nn.Module):
    """A feature pyramid from stride 8, with coarser levels made by strided convolutions.

    Args:
        stages: The backbone whose features it gets.
        width: Channels of every level.
        levels: Number of levels.

    Attributes:
        strides: Stride of each level.
        out_channels: ``width``.
    """

    def __init__(self, stages: Stages, width: int, levels: int) -> None:
        super().__init__()
        self._first = next(i for i, stride in enumerate(stages.strides) if stride >= _FINEST)
        used = slice(self._first, self._first + levels)
        channels, strides = list(stages.channels[used]), list(stages.strides[used])
        self.fpn = FeaturePyramidNetwork(channels, width)
        self.coarser = nn.ModuleList()
        while len(strides) < levels:
            inputs = width if self.coarser else channels[-1]
            self.coarser.append(nn.Conv2d(inputs, width, 3, stride=2, padding=1))
            strides.append(strides[-1] * 2)
        self._used = used
        self.strides = tuple(strides)
        self.out_channels = width

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """The levels of the pyramid, finest first."""
        used = features[self._used]
        levels = list(self.fpn(OrderedDict(enumerate(used))).values())
        values = used[-1]
        for convolution in self.coarser:
            values = convolution(values)
            levels.append(values)
            # As published, the ReLU stands before the next convolution and not in the level itself.
            values = values.relu()
        return levels


class Anchored(NamedTuple):
    """The outputs of a RetinaNet for each of its anchors.

    Attributes:
        logits: Logit of each finding.
        moves: How far the corners of each anchor move.
        anchors: The anchors, by level.
        size: Height and width of the images.
    """

    logits: Float[Tensor, "n a k"]
    moves: Float[Tensor, "n a 4"]
    anchors: list[Float[Tensor, "_ 4"]]
    size: tuple[int, int]


class RetinaNetLocalizer(Localizer[BoxTarget]):
    """Backbone, pyramid and torchvision's heads."""

    regions = "boxes"
    spec: "RetinaNet"

    def __init__(
        self,
        spec: "RetinaNet",
        stages: Stages,
        findings: Sequence[str],
        preprocessing: Preprocessing,
    ) -> None:
        super().__init__(spec, stages, findings, preprocessing)
        sides = tuple(tuple(side * size for size in _SIZES) for side in spec.anchors)
        self.detector: Any = detection.RetinaNet(
            Pyramid(stages, spec.width, len(sides)),
            num_classes=len(findings),
            anchor_generator=AnchorGenerator(sides, (spec.ratios,) * len(sides)),
            score_thresh=spec.score,
            nms_thresh=spec.overlap,
        )
        # Images come preprocessed.  Its own normalization and resizing are never run: the parts
        # below are called one by one.
        self.detector.transform = nn.Identity()

    def train(self, mode: bool = True) -> "RetinaNetLocalizer":
        """Set the mode; batch norm of a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.spec.frozen_norm:
            for module in self.backbone.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def outputs(self, images: Float[Tensor, "n c h w"]) -> Anchored:
        """The outputs for all anchors."""
        pyramid, generator = self.detector.backbone, self.detector.anchor_generator
        levels = pyramid(self.stages(images))
        generator.set_cell_anchors(levels[0].dtype, images.device)
        # torchvision would divide the image by the grid, which is less than the stride where a grid
        # was rounded up; anchors would then drift from their cells.
        anchors = generator.grid_anchors(
            [level.shape[2:] for level in levels], [(stride, stride) for stride in pyramid.strides]
        )
        said = self.detector.head(levels)
        size = (images.shape[2], images.shape[3])
        return Anchored(said["cls_logits"], said["bbox_regression"], anchors, size)

    def found(self, outputs: Anchored) -> Localized:
        """Boxes, their maps, and the highest score of each finding."""
        logits, moves, anchors, size = outputs
        cells = [len(level) for level in anchors]
        by_name = {"cls_logits": logits, "bbox_regression": moves}
        detected = self.detector.postprocess_detections(
            {name: torch.split(output, cells, dim=1) for name, output in by_name.items()},
            [anchors] * len(logits),
            [size] * len(logits),
        )
        boxes = tuple(_inside(f["boxes"], f["scores"], f["labels"]) for f in detected)
        count = len(self.findings)
        maps = [detection_map(detections, count, size) for detections in boxes]
        tops = [
            b.scores.new_zeros(count).scatter_reduce(0, b.findings, b.scores, "amax") for b in boxes
        ]
        return Localized(torch.stack(tops), torch.stack(maps).to(logits.device), boxes)

    def loss_of(self, outputs: Anchored, targets: Sequence[BoxTarget]) -> Float[Tensor, ""]:
        """Focal loss plus L1 of box corners, each over anchors that match a box."""
        logits, moves, anchors, _ = outputs
        places = torch.stack([target.known for target in targets]).nonzero().tolist()
        if not places:
            # Training calls ``backward`` on every loss, which a constant would not allow.
            return (logits.sum() + moves.sum()) * 0
        rows, columns = (list(indices) for indices in zip(*places, strict=True))
        problems = [_of_finding(targets[row], column, logits.device) for row, column in places]
        losses = self.detector.compute_loss(
            problems,
            {"cls_logits": logits[rows, :, columns, None], "bbox_regression": moves[rows]},
            [torch.cat(anchors)] * len(problems),
        )
        loss: Tensor = losses["classification"] + losses["bbox_regression"]
        return loss

    def target(self, sample: Sample, source: str = REFERENCE) -> BoxTarget:
        """The boxes of one radiograph; see ``box_target``."""
        return box_target(sample, self.findings, self.preprocessing, source)


def _inside(
    corners: Float[Tensor, "m 4"], scores: Float[Tensor, " m"], findings: Int[Tensor, " m"]
) -> LocalizerOutput:
    """The boxes of which something is left after they were cut to the image."""
    kept = (corners[:, :2] < corners[:, 2:]).all(dim=1)
    return LocalizerOutput(corners[kept], scores[kept], findings[kept])


def _of_finding(target: BoxTarget, finding: int, device: torch.device) -> dict[str, Tensor]:
    """The target of one finding, in torchvision's form."""
    # Each problem has one class, which is 0 whatever the finding.
    boxes = target.corners[target.findings == finding].to(device)
    return {"boxes": boxes, "labels": torch.zeros(len(boxes), dtype=torch.int64, device=device)}


@localizers.register("retinanet")
@dataclass(frozen=True)
class RetinaNet:
    """Each pixel's highest score of a box that a RetinaNet, trained with boxes, drew around it.

    0 where it drew none.  The defaults suit images of 96 to 320 pixels.

    Attributes:
        backbone: Any with a regular grid; published with ResNet-18 to -152.
        anchors: Side in pixels of the smallest anchors of each level of the pyramid, whose strides
            are 8, 16, 32 and so on.  Each level also has anchors 1.26 and 1.59 times that size.
        ratios: Height over width of the anchors.
        width: Channels of the pyramid and the heads.
        frozen_norm: Batch norm of the backbone keeps the statistics that it came with, as in the
            published detector; for backbones that came with some, not for random ones.
        score: Boxes that score no more are no detections.
        overlap: A box is suppressed by a higher one of the same finding where their intersection
            over union is larger.
    """

    title: ClassVar[str] = "RetinaNet detection"
    method: ClassVar[str] = "detection"
    reference: ClassVar[str] = "Trained detectors"

    backbone: Architecture = field(default=ResNet50(), metadata={"registry": backbones})
    anchors: tuple[float, ...] = (16.0, 32.0, 64.0, 128.0)
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    width: int = 256
    frozen_norm: bool = True
    score: float = 0.05
    overlap: float = 0.5

    def __post_init__(self) -> None:
        for name in ("anchors", "ratios"):
            values = getattr(self, name)
            if not values or min(values) <= 0:
                raise SpecError(f"{name}={values}: expected at least one, all positive")
        if self.width < 1:
            raise SpecError(f"width={self.width}: expected at least 1 channel")
        for name in ("score", "overlap"):
            if not 0 <= getattr(self, name) <= 1:
                raise SpecError(f"{name}={getattr(self, name)}: expected 0 to 1")

    def __call__(
        self, findings: Sequence[str], preprocessing: Preprocessing, weights: str = "random"
    ) -> RetinaNetLocalizer:
        """Build it."""
        stages = Stages(self.backbone(preprocessing.channels, weights), preprocessing.channels)
        return RetinaNetLocalizer(self, stages, findings, preprocessing)
