"""Log-sum-exp head: a soft maximum of a class map.

A 1x1 convolution gives the class map M_k; over its S cells

    logit_k = 1/r * log(1/S * sum_i exp(r * M_ki)),

which is the mean of the map as r goes to 0 and its maximum as r grows.  Pinheiro & Collobert, CVPR
2015, https://doi.org/10.1109/CVPR.2015.7298780; ChestX-ray8 pools so (Wang et al., CVPR 2017,
https://doi.org/10.1109/CVPR.2017.369, with r = 10 for its maps, although there features are pooled,
before they are weighed).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from heatproof.models.heads import HeadModule, heads


class LogSumExpHead(HeadModule):
    """A 1x1 convolution, and a soft maximum over the grid."""

    uniform = False

    def __init__(self, sharpness: float, channels: int, findings: int) -> None:
        super().__init__()
        self.sharpness = sharpness
        self.evidence = nn.Conv2d(channels, findings, kernel_size=1)

    def forward(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k"]:
        """The logits of these features."""
        cells = self.class_map(features).flatten(2)
        # ``logsumexp`` takes the largest out of the sum, so that nothing overflows.
        pooled = torch.logsumexp(self.sharpness * cells, dim=-1) - math.log(cells.shape[-1])
        return pooled / self.sharpness

    def class_map(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k y x"]:
        """The map whose soft maximum is the logit."""
        maps: Tensor = self.evidence(features)
        return maps


@heads.register("log_sum_exp")
@dataclass(frozen=True)
class LogSumExp:
    """A soft maximum of a class map.

    Attributes:
        sharpness: r: from a mean (near 0) to a maximum (large).
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"sharpness": (1e-3, 1e3)}
    sharpness: float = 10.0

    def __call__(self, channels: int, findings: int) -> HeadModule:
        """Build it."""
        return LogSumExpHead(self.sharpness, channels, findings)
