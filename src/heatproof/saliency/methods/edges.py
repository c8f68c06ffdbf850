"""Edges: what a map would look like that knows the image and not the model.

M = sqrt(gx^2 + gy^2) with Sobel's 3 x 3 derivatives of the mean over channels; pixels beyond the
border equal those on it.  A control: a method whose maps are no closer to the truth than edges, or
look like them, has shown nothing about the model (Adebayo et al., NeurIPS 2018,
https://arxiv.org/abs/1810.03292).

Class-agnostic: the same map for every finding, and for every model with the same preprocessing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.types import ROUNDING


@methods.register("edges")
@dataclass(frozen=True)
class Edges:
    """At the resolution of the input, from 0; in units of the preprocessed image."""

    title: ClassVar[str] = "Edges (control)"
    kind: ClassVar[Kind] = "control"
    needs: ClassVar[Need] = "logits"
    asks_finding: ClassVar[bool] = False

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image, repeated for every target."""
        return Maps(magnitude(forward.images).expand(-1, len(targets), -1, -1))


def magnitude(images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 1 h w"]:
    """How steeply the mean over channels changes, from 0; 0 where it is flat but for rounding."""
    # A border of another value would be an edge itself.
    grey = F.pad(images.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = grey.new_tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    slopes = F.conv2d(grey, torch.stack([across, across.T])[:, None])
    steepness = torch.linalg.vector_norm(slopes, dim=1, keepdim=True)
    # A film that was resized is flat up to rounding where it was flat, and six pixels are summed.
    least = 4 * ROUNDING * torch.finfo(grey.dtype).eps * grey.abs().amax(dim=(2, 3), keepdim=True)
    return torch.where(steepness > least, steepness, 0)
