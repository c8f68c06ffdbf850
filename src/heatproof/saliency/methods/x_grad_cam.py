"""XGrad-CAM: Grad-CAM with gradients averaged where the feature is, not over the whole grid.

w_d = sum over the grid of (A_d / sum of A_d) dy/dA_d,  M = ReLU(sum over d of w_d A_d).
Fu et al., BMVC 2020, https://arxiv.org/abs/2008.02312.  A are the features that the head sees.
Where the gradient is the same everywhere this is Grad-CAM.

The weight of a feature that sums to 0 is 0: after a ReLU such a feature is 0 everywhere.  Features
that are taken before a ReLU can cancel out, and then the weights are large and unstable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass


@methods.register("x_grad_cam")
@dataclass(frozen=True)
class XGradCAM:
    """At the resolution of the features.

    Attributes:
        relu: Keep positive evidence only, as Grad-CAM does; otherwise the map is signed.
    """

    relu: bool = True
    title: ClassVar[str] = "XGrad-CAM"
    kind: ClassVar[Kind] = "class activation"
    needs: ClassVar[Need] = "feature gradients"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        features = forward.features
        effects = torch.einsum("nkdyx,ndyx->nkd", forward.feature_gradients(targets), features)
        totals = features.sum(dim=(2, 3))[:, None]
        # A feature that is 0 everywhere would divide 0 by 0.
        weights = torch.where(totals == 0, 0.0, effects / totals)
        values = torch.einsum("nkd,ndyx->nkyx", weights, features)
        return Maps(values.relu() if self.relu else values)
