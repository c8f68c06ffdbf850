"""HiRes-CAM: features weighted, cell by cell, by how much the logit depends on each.

M = sum over d of dy/dA_d * A_d.  Draelos & Carin, 2020, https://arxiv.org/abs/2011.08891.  A are
the features that the head sees.  Unlike Grad-CAM it does not average the gradient over the grid, so
relevance stays where the head found it; where the gradient is the same everywhere the two are equal
(Grad-CAM without its ReLU).

Signed: where the logit is affine in the features the map sums to the logit less the bias, which a
ReLU would undo.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass


@methods.register("hires_cam")
@dataclass(frozen=True)
class HiResCAM:
    """At the resolution of the features.

    Attributes:
        relu: Keep positive evidence only; otherwise the map is signed, as in the paper.
    """

    relu: bool = False
    title: ClassVar[str] = "HiRes-CAM"
    kind: ClassVar[Kind] = "class activation"
    needs: ClassVar[Need] = "feature gradients"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        gradients = forward.feature_gradients(targets)
        values = torch.einsum("nkdyx,ndyx->nkyx", gradients, forward.features)
        return Maps(values.relu() if self.relu else values)
