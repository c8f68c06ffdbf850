"""Attention head: each finding weighs the cells of the grid, and says where it looked.

With the features h_i of S cells, gated attention (Ilse, Tomczak & Welling, ICML 2018,
https://proceedings.mlr.press/v80/ilse18a.html) gives each finding its weights

    a_ki = softmax_i( w_k . (tanh(V h_i) * sigmoid(U h_i)) ),
    logit_k = sum_i a_ki (c_k . h_i) + b_k.

The class map is what each cell contributes, M_ki = S * a_ki * (c_k . h_i), so that its mean is the
logit less the bias.  Attention alone says where a finding looks, but neither for nor against what.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from heatproof.errors import SpecError
from heatproof.models.heads import HeadModule, heads


class AttentionHead(HeadModule):
    """Gated attention over cells, one for each finding."""

    uniform = False
    complete = True

    def __init__(self, hidden: int, channels: int, findings: int) -> None:
        super().__init__()
        self.content = nn.Conv2d(channels, hidden, kernel_size=1)
        self.gate = nn.Conv2d(channels, hidden, kernel_size=1)
        self.attention = nn.Conv2d(hidden, findings, kernel_size=1)
        self.classifier = nn.Linear(channels, findings)

    def forward(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k"]:
        """The logits of these features."""
        return self.class_map(features).mean(dim=(2, 3)) + self.constant()

    def constant(self) -> Float[Tensor, " k"]:
        """The bias."""
        return self.classifier.bias

    def class_map(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k y x"]:
        """What each cell contributes to the logit, times the number of cells."""
        evidence = torch.einsum("ndyx,kd->nkyx", features, self.classifier.weight)
        gated = self.content(features).tanh() * self.gate(features).sigmoid()
        scores: Tensor = self.attention(gated)
        weights = scores.flatten(2).softmax(dim=-1).view_as(scores)
        return weights * evidence * (scores.shape[2] * scores.shape[3])


@heads.register("attention_mil")
@dataclass(frozen=True)
class AttentionMil:
    """Gated attention over the cells of the grid.

    Attributes:
        hidden: Channels in which attention is computed.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"hidden": (1, 4096)}
    hidden: int = 128

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise SpecError(f"hidden={self.hidden}: expected at least 1 channel")

    def __call__(self, channels: int, findings: int) -> HeadModule:
        """Build it."""
        return AttentionHead(self.hidden, channels, findings)
