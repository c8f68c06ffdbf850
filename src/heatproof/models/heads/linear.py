"""Linear head: mean over the grid, then one affine map to the logits.

Its class map is CAM (Zhou et al., CVPR 2016, https://arxiv.org/abs/1512.04150): M_k = sum_d w_kd
A_d. As there, the bias is no part of the map: logit_k = mean(M_k) + b_k.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from heatproof.models.heads import HeadModule, heads


class LinearHead(HeadModule):
    """Global average pooling and a linear classifier."""

    uniform = True
    complete = True

    def __init__(self, channels: int, findings: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(channels, findings)

    def forward(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k"]:
        """The logits of these features."""
        logits: Tensor = self.classifier(features.mean(dim=(2, 3)))
        return logits

    def constant(self) -> Float[Tensor, " k"]:
        """The bias."""
        return self.classifier.bias

    def class_map(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k y x"]:
        """CAM, without the bias."""
        return torch.einsum("ndyx,kd->nkyx", features, self.classifier.weight)


@heads.register("linear")
@dataclass(frozen=True)
class Linear:
    """GAP and a linear classifier, the head that most published classifiers have."""

    def __call__(self, channels: int, findings: int) -> HeadModule:
        """Build it."""
        return LinearHead(channels, findings)
