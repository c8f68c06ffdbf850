"""Guided Grad-CAM: guided backpropagation, where Grad-CAM sees evidence.

M = (guided backpropagation, signed, summed over channels) * (Grad-CAM, upsampled).  Selvaraju et
al., ICCV 2017, https://arxiv.org/abs/1610.02391.  Grad-CAM is upsampled bilinearly between the
centres of its cells, and is constant beyond the outermost.  For a grey image copied to its
channels, the sum over channels is what guided backpropagation says of the grey value.

With ``product="views"`` the factors are what PAIR's ``VisualizeImageGrayscale`` makes of each:
V(m) = (G - min G) / (p - min G), clipped to [0, 1], where G = sum over channels of |m| and p its
99th percentile (linear between order statistics).  So did Arun et al., Radiology: AI 2021,
https://doi.org/10.1148/ryai.2021200267.  The view of a constant map is 0/0 and not defined; the map
is then not finite, and marked so.

Defined for networks of ReLUs, as guided backpropagation is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from heatproof.saliency import Kind, Maps, Need, is_constant, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.methods.grad_cam import GradCAM
from heatproof.saliency.methods.guided_backprop import GuidedReLU

SHOWN = 0.99  # the share of pixels that a view does not clip


@methods.register("guided_grad_cam")
@dataclass(frozen=True)
class GuidedGradCAM:
    """At the resolution of the input; signed, unless of views.

    Attributes:
        product: What is multiplied: the ``maps`` (the paper), or their clipped ``views``.
    """

    product: Literal["maps", "views"] = "maps"
    presets: ClassVar[Mapping[str, str]] = {"arun": "product='views'"}
    title: ClassVar[str] = "Guided Grad-CAM"
    kind: ClassVar[Kind] = "gradient"
    needs: ClassVar[Need] = "feature gradients"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target; raises MapError for networks with other activations."""
        # The rule is that of a pass of its own: Grad-CAM needs plain gradients.
        guided = forward.under(GuidedReLU()).input_gradients(targets)
        size = forward.images.shape[2:]
        cells = GradCAM()(forward, targets).values
        cam = F.interpolate(cells, size=size, mode="bilinear")
        if self.product == "views":
            product = _view(guided.abs().sum(dim=2)) * _view(cam)
            # Upsampled, a constant map has a range of rounding, which is no view.
            return Maps(product.masked_fill(is_constant(cells), torch.nan))
        return Maps(guided.sum(dim=2) * cam)


def _view(magnitude: Float[Tensor, "n k h w"]) -> Float[Tensor, "n k h w"]:
    """Clipped to [0, 1]; ``nan`` where constant."""
    flat = magnitude.flatten(2)
    low = flat.amin(dim=-1)[..., None, None]
    high = torch.quantile(flat, SHOWN, dim=-1)[..., None, None]
    return ((magnitude - low) / (high - low)).clamp(0, 1)
