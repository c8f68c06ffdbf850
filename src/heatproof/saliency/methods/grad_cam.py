"""Grad-CAM: features weighted by how much the logit depends on each.

w_d = mean over the grid of dy/dA_d,  M = ReLU(sum over d of w_d A_d).
Selvaraju et al., ICCV 2017, https://arxiv.org/abs/1610.02391.  A are the features that the head
sees: for DenseNet after the last ReLU.

Published maps of DenseNet (Venkatesh et al. 2024) were made of the output of its ``features``
layer, which lies before that ReLU: ``features="before_relu"`` reproduces them.  A then has values
that no head ever saw.

A map that is zero everywhere means that all evidence is negative; it is marked so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.errors import MapError
from heatproof.models.backbones import Backbone
from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.intercept import RELUS, InterceptRule, Operation


@methods.register("grad_cam")
@dataclass(frozen=True)
class GradCAM:
    """At the resolution of the features.

    Attributes:
        relu: Keep positive evidence only, as in the paper; otherwise the map is signed.
        features: The features that the ``head`` sees, or those ``before_relu``, the last one.
    """

    relu: bool = True
    features: Literal["head", "before_relu"] = "head"
    presets: ClassVar[Mapping[str, str]] = {"venkatesh": "features='before_relu'"}
    title: ClassVar[str] = "Grad-CAM"
    kind: ClassVar[Kind] = "class activation"
    needs: ClassVar[Need] = "feature gradients"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        features, gradients = forward.features, forward.feature_gradients(targets)
        if self.features == "before_relu":
            # The gradient passes the last ReLU where it was on.
            gradients = gradients * (features > 0)[:, None]
            features = _before_relu(forward)
        values = torch.einsum("nkd,ndyx->nkyx", gradients.mean(dim=(3, 4)), features)
        return Maps(values.relu() if self.relu else values)


def _before_relu(forward: ForwardPass) -> Float[Tensor, "n d y x"]:
    """What the last ReLU of the backbone was given, in a pass of its own."""
    backbone = getattr(forward.model, "backbone", None)
    if not isinstance(backbone, Backbone):
        raise MapError(
            "grad_cam(features='before_relu') is for backbones; of an adapted network name the"
            " layer before the ReLU as its features"
        )
    if backbone.grid.signed:
        raise MapError("grad_cam(features='before_relu'): no ReLU ends this backbone")
    last = _LastReLU()
    with torch.no_grad(), last.forward(forward.model):
        backbone(forward.images)
    assert last.given is not None
    return last.given


class _LastReLU(InterceptRule):
    """Keeps what the latest ReLU was given."""

    given: Tensor | None = None

    def instead(self, operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The operation, after a look at what it is given."""
        if operation in RELUS:
            self.given = args[0].clone()  # before it works in place
        return operation(*args, **kwargs)
