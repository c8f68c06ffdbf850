"""Grad-CAM++: Grad-CAM with weights of positive gradients only, each cell with a weight of its own.

With g = dy/dA_d at each cell and S_d = sum of A_d over the grid:

    alpha = g^2 / (2 g^2 + S_d g^3)  (0 where the denominator is 0),
    w_d = sum over the grid of alpha ReLU(g),  M = ReLU(sum over d of w_d A_d).

Chattopadhay et al., WACV 2018, https://arxiv.org/abs/1710.11063, equations 19 and 7 for the score
exp(y), to which the closed form belongs; its factor exp(y), the same for the whole map, is left out
of w, as in pytorch-grad-cam.  A are the features that the head sees.

g^2 cancels, and is cancelled here: alpha = 1 / (2 + S_d g) has nothing to round off however small
the gradients are.  After a ReLU S_d >= 0 and no denominator that counts is below 2; of features
that are taken before a ReLU the weights can be large, or negative.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass


@methods.register("grad_cam_plus_plus")
@dataclass(frozen=True)
class GradCAMPlusPlus:
    """At the resolution of the features."""

    title: ClassVar[str] = "Grad-CAM++"
    kind: ClassVar[Kind] = "class activation"
    needs: ClassVar[Need] = "feature gradients"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        features, gradients = forward.features, forward.feature_gradients(targets)
        denominators = 2 + features.sum(dim=(2, 3), keepdim=True)[:, None] * gradients
        terms = torch.where(denominators == 0, 0.0, gradients.relu() / denominators)
        # Their sum over the grid, even where one cell stands for all.
        weights = terms.mean(dim=(3, 4)) * features[0, 0].numel()
        return Maps(torch.einsum("nkd,ndyx->nkyx", weights, features).relu())
