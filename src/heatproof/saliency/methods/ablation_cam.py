"""Ablation-CAM: features weighted by how much the logit falls without each.

w_d = (y - y_d) / |y|,  M = ReLU(sum over d of w_d A_d), where y_d is the logit with channel d of
the features set to 0.  Desai & Ramaswamy, WACV 2020,
https://doi.org/10.1109/WACV45572.2020.9093360.  A are the features that the head sees, and only the
head runs again.

The paper divides by y, which is positive for the class that it explains.  The logit of an absent
finding is negative, and dividing by it would turn evidence for the finding into evidence against:
hence |y|, unless ``divisor="logit"`` asks for the formula to the letter.  A logit of 0 has no map;
it is not finite, and marked so.

For a linear head w_d = (weight of d) * mean(A_d) / |y|: compared with Grad-CAM, each channel counts
once more by its mean.  pytorch-grad-cam sets channels to 0 only where the least feature is 0, and
to -1e7 elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.errors import MapError, ModelError
from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass


@methods.register("ablation_cam")
@dataclass(frozen=True)
class AblationCAM:
    """At the resolution of the features.

    Attributes:
        relu: Keep positive evidence only, as in the paper; otherwise the map is signed.
        divisor: The ``magnitude`` of the logit, or the ``logit`` with its sign, as in the paper.
    """

    relu: bool = True
    divisor: Literal["magnitude", "logit"] = "magnitude"
    title: ClassVar[str] = "Ablation-CAM"
    kind: ClassVar[Kind] = "class activation"
    needs: ClassVar[Need] = "features"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target; raises MapError where the head cannot run alone."""
        features, chosen = forward.features, list(targets)
        # A head that sees only the mean gives the same for a grid of one cell that holds it.
        seen = features.mean(dim=(2, 3), keepdim=True) if forward.model.uniform else features
        whole = _head(forward, seen)[:, chosen]
        drops = whole[:, None] - torch.stack([_ablated(forward, x)[:, chosen] for x in seen])
        weights = drops / (whole if self.divisor == "logit" else whole.abs())[:, None]
        values = torch.einsum("ndk,ndyx->nkyx", weights, features)
        return Maps(values.relu() if self.relu else values)


def _ablated(forward: ForwardPass, features: Float[Tensor, "d y x"]) -> Float[Tensor, "d findings"]:
    """Logits of one image without each channel."""
    channels = torch.arange(len(features), device=features.device)
    logits = []
    for chunk in torch.split(channels, forward.at_once(differentiated=False)):
        without = features.repeat(len(chunk), 1, 1, 1)
        without[torch.arange(len(chunk), device=chunk.device), chunk] = 0
        logits.append(_head(forward, without))
    return torch.cat(logits)


def _head(forward: ForwardPass, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n findings"]:
    try:
        with torch.no_grad():
            return forward.model.head_logits(features)
    except ModelError as error:
        raise MapError(
            f"ablation_cam runs the head alone, which it cannot here: {error}; use score_cam or"
            " occlusion"
        ) from error
