"""Score-CAM: features weighted by the logit of the image seen through each.

    H_d = A_d upsampled (bilinear), less its minimum, divided by its range + 1e-8,
    s_d = y(x * H_d),  a = softmax of s over the channels,  M = ReLU(sum over d of a_d A_d).

Wang et al., CVPR workshops 2020, https://arxiv.org/abs/1910.01279.  The paper subtracts the logit
of a baseline from s_d, which the softmax cancels.  x is the preprocessed image, so that what
H_d hides becomes the mean of the training images.  A are the features that the head sees.

The softmax makes weights depend on the scale of the logits: where they differ little, the map is
near the mean of the channels.  One pass per channel and image; all findings share them, and so do
all constant channels, whose H_d is 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from heatproof.errors import SpecError
from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass

LEAST = 1e-8  # added to the range of a channel, as in pytorch-grad-cam


@methods.register("score_cam")
@dataclass(frozen=True)
class ScoreCAM:
    """At the resolution of the features; never negative where the features are not.

    Attributes:
        upsampling: Between the ``centres`` of the cells, constant beyond the outermost, or with the
            ``corners`` of grid and image aligned, as in pytorch-grad-cam.
        channels: Only so many, those that vary most over the grid (known as Faster-Score-CAM);
            None for all.
    """

    upsampling: Literal["centres", "corners"] = "centres"
    channels: int | None = None
    title: ClassVar[str] = "Score-CAM"
    kind: ClassVar[Kind] = "class activation"
    needs: ClassVar[Need] = "features"

    def __post_init__(self) -> None:
        if self.channels is not None and self.channels < 1:
            raise SpecError(
                f"channels={self.channels}; score_cam needs at least 1, or None for all of them"
            )

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        pairs = zip(forward.images, forward.features, strict=True)
        return Maps(torch.stack([self._one(forward, *pair, list(targets)) for pair in pairs]))

    def _one(
        self,
        forward: ForwardPass,
        image: Float[Tensor, "c h w"],
        features: Float[Tensor, "d y x"],
        targets: list[int],
    ) -> Float[Tensor, "k y x"]:
        """The maps of one image."""
        if self.channels is not None and self.channels < len(features):
            variance = features.var(dim=(1, 2), correction=0)
            features = features[variance.topk(self.channels).indices]
        # In double precision: weights are nearly equal, and what differs is in their last digits.
        weights = self._scores(forward, image, features)[:, targets].double().softmax(dim=0)
        return torch.einsum("dk,dyx->kyx", weights, features.double()).relu().to(features)

    def _scores(
        self,
        forward: ForwardPass,
        image: Float[Tensor, "c h w"],
        features: Float[Tensor, "d y x"],
    ) -> Float[Tensor, "d findings"]:
        """Logits of one image through each channel."""
        varying = features.amax(dim=(1, 2)) > features.amin(dim=(1, 2))
        channels = torch.cat([features[varying], torch.zeros_like(features[:1])])
        chunks = torch.split(channels, forward.at_once(differentiated=False))
        logits = torch.cat(
            [forward.over(image * self._masks(part, image)).logits for part in chunks]
        )
        # The last is that of a channel which hides everything, as constant ones do.
        scores = logits[-1].repeat(len(features), 1)
        scores[varying] = logits[:-1]
        return scores

    def _masks(
        self, features: Float[Tensor, "m y x"], image: Float[Tensor, "c h w"]
    ) -> Float[Tensor, "m 1 h w"]:
        corners = self.upsampling == "corners"
        masks = F.interpolate(
            features[:, None], image.shape[1:], mode="bilinear", align_corners=corners
        )
        masks = masks - masks.amin(dim=(2, 3), keepdim=True)
        return masks / (masks.amax(dim=(2, 3), keepdim=True) + LEAST)
