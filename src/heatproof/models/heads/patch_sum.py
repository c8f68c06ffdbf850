"""Patch-sum head: every patch is classified by itself, and the film is the sum of its patches.

A 1x1 convolution with bias gives the class map M_k, one logit per cell; over its S cells

    logit_k = 1/S * sum_i M_ki.

The map averages to the logit with nothing left over, as the bias is in every cell.  MedicalPatchNet
(Wienholt et al., Sci Rep 2026;16:7467, https://doi.org/10.1038/s41598-026-40358-0) adds up patches
so.  There no patch sees another; here a cell sees as much as the backbone lets it, which is a patch
alone behind ``patches(base=...)``.  The published map is M_k, or M_k times the probability of the
film, which only matters where maps of several films share a threshold.

Logits equal those of the linear head of the same weights; the map differs by the bias, so that the
sign of a cell means for or against.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from heatproof.models.heads import HeadModule, heads


class PatchSumHead(HeadModule):
    """A 1x1 convolution, and its mean over the grid."""

    uniform = True
    complete = True

    def __init__(self, channels: int, findings: int) -> None:
        super().__init__()
        self.evidence = nn.Conv2d(channels, findings, kernel_size=1)

    def forward(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k"]:
        """The logits of these features."""
        return self.class_map(features).mean(dim=(2, 3))

    def class_map(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k y x"]:
        """The logit of every cell."""
        maps: Tensor = self.evidence(features)
        return maps


@heads.register("patch_sum")
@dataclass(frozen=True)
class PatchSum:
    """The mean of the logits of all cells."""

    def __call__(self, channels: int, findings: int) -> HeadModule:
        """Build it."""
        return PatchSumHead(channels, findings)
