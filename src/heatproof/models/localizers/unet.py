"""U-Net: a segmenter, whose decoder gets the encoder's features back at every stride.

Ronneberger et al., MICCAI 2015, https://arxiv.org/abs/1505.04597, with a backbone as encoder.
From the coarsest features on: repeat each cell, append the backbone's features of that stride, then
two 3x3 convolutions with group norm (no image depends on its batch) and ReLU.  A 1x1 convolution
gives the logits at the finest stride of the backbone (2 for ResNet, 1 for VGG), which are
interpolated to the input.

The map is the probability of each pixel, one by one: findings may overlap.  The probability of the
image is the maximum of its map.  (A single pixel decides it; it says that the finding is somewhere,
and ranks images, but is not calibrated.)

The loss is binary cross-entropy, a mean over the pixels of the images whose place of a finding is
known, plus soft Dice per finding (Milletari et al., 3DV 2016, without squares): with p and g the
probability and the mask of all pixels of those images, 1 - (2 sum p g + 1) / (sum p + sum g + 1),
a mean over the findings that are known in any image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import log
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate

from heatproof.errors import SpecError
from heatproof.models.backbones import Architecture, backbones
from heatproof.models.backbones.resnet import ResNet18
from heatproof.models.localizers import Localized, Localizer, localizers
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.strides import Stages
from heatproof.models.targets import MaskTarget, mask_target
from heatproof.types import REFERENCE, Sample

_GROUP = 8  # channels that are normalized together
_RARE = 0.01  # probability of a pixel before training


def _convolved(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.GroupNorm(outputs // _GROUP, outputs),
        nn.ReLU(inplace=True),
    ]


def _grown(values: Float[Tensor, "n d y x"], factor: int, mode: str) -> Float[Tensor, "n d h w"]:
    """The features on a grid that is finer by a whole factor."""
    return interpolate(values, scale_factor=factor, mode=mode) if factor > 1 else values


class UNetLocalizer(Localizer[MaskTarget]):
    """Backbone and decoder."""

    regions = "masks"
    spec: "UNet"

    def __init__(
        self, spec: "UNet", stages: Stages, findings: Sequence[str], preprocessing: Preprocessing
    ) -> None:
        super().__init__(spec, stages, findings, preprocessing)
        widths = [spec.width * 2**level for level in range(len(stages.strides) - 1)]
        decoders, below = [], stages.channels[-1]
        for width, skipped in zip(reversed(widths), reversed(stages.channels[:-1]), strict=True):
            inner = _convolved(below + skipped, width) + _convolved(width, width)
            decoders.append(nn.Sequential(*inner))
            below = width
        self.decoders = nn.ModuleList(decoders)
        self.classifier = nn.Conv2d(below, len(findings), 1)
        # Most pixels are background.  Were that left to learn, features would learn it first: maps
        # then rise only to where the features fall silent, to the same height in every image.
        nn.init.constant_(self.classifier.get_parameter("bias"), log(_RARE / (1 - _RARE)))

    def outputs(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k h w"]:
        """The logits of every pixel of the input."""
        *skipped, values = self.stages(images)
        factors = [coarse // fine for fine, coarse in pairwise(self.stages.strides)]
        for decoder, skip, factor in zip(
            self.decoders, reversed(skipped), reversed(factors), strict=True
        ):
            values = decoder(torch.cat([_grown(values, factor, "nearest"), skip], dim=1))
        grown = _grown(self.classifier(values), self.stages.strides[0], "bilinear")
        # ``Stages`` continues an image that its coarsest stride does not divide; that part is cut
        # off.
        return grown[..., : images.shape[2], : images.shape[3]]

    def found(self, outputs: Float[Tensor, "n k h w"]) -> Localized:
        """The probability of every pixel, and their maximum."""
        maps = outputs.sigmoid()
        return Localized(maps.amax(dim=(2, 3)), maps)

    def loss_of(
        self, outputs: Float[Tensor, "n k h w"], targets: Sequence[MaskTarget]
    ) -> Float[Tensor, ""]:
        """Binary cross-entropy plus soft Dice."""
        known = torch.stack([target.known for target in targets]).to(outputs.device)
        masks = torch.stack([target.masks for target in targets]).to(outputs.device)
        return segmentation_loss(outputs, masks, known)

    def target(self, sample: Sample, source: str = REFERENCE) -> MaskTarget:
        """The masks of one radiograph; see ``mask_target``."""
        return mask_target(sample, self.findings, self.preprocessing, source)


def segmentation_loss(
    logits: Float[Tensor, "n k h w"], masks: Bool[Tensor, "n k h w"], known: Bool[Tensor, "n k"]
) -> Float[Tensor, ""]:
    """Binary cross-entropy plus soft Dice over what is known; 0 where nothing is."""
    inside = masks.to(logits.dtype)
    entropy = binary_cross_entropy_with_logits(logits, inside, reduction="none").mean(dim=(2, 3))
    entropy = (entropy * known).sum() / known.sum().clamp(min=1)
    counted = known[..., None, None]
    p, g = logits.sigmoid() * counted, inside * counted
    over = (0, 2, 3)
    dice = 1 - (2 * (p * g).sum(over) + 1) / (p.sum(over) + g.sum(over) + 1)
    # Where no image is known both sums are 0, and so is the loss.
    return entropy + dice.sum() / known.any(dim=0).sum().clamp(min=1)


@localizers.register("unet")
@dataclass(frozen=True)
class UNet:
    """Each pixel's probability by a U-Net, trained with masks.

    Attributes:
        backbone: Any with a regular grid.
        width: Channels of the finest level of the decoder, a multiple of 8; each coarser one has
            twice as many.
    """

    title: ClassVar[str] = "U-Net segmentation"
    method: ClassVar[str] = "segmentation"
    reference: ClassVar[str] = "Trained segmentation networks"
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"width": (_GROUP, 1e9)}

    backbone: Architecture = field(default=ResNet18(), metadata={"registry": backbones})
    width: int = 32

    def __post_init__(self) -> None:
        if self.width < 1 or self.width % _GROUP:
            raise SpecError(f"width={self.width}: expected a positive multiple of {_GROUP}")

    def __call__(
        self, findings: Sequence[str], preprocessing: Preprocessing, weights: str = "random"
    ) -> UNetLocalizer:
        """Build it."""
        stages = Stages(self.backbone(preprocessing.channels, weights), preprocessing.channels)
        return UNetLocalizer(self, stages, findings, preprocessing)
