"""Eigen-CAM: where the features vary together, whatever the finding.

With the features of one image as a matrix A (a row per cell, a column per channel), each column
less its mean, and v its first right singular vector: M = A v.  Muhammad & Yeasin, IJCNN 2020,
https://arxiv.org/abs/2008.00299; centring as in pytorch-grad-cam.  A are the features that the
head sees.

Class-agnostic: the same map for every finding of a model, so it cannot say what the model sees as
which.  A singular vector has no sign; here the map correlates positively with the mean of the
channels, or, where that mean is the same in every cell, has its longer tail above zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass

SILENT = 1e-6  # of the features' own size: what rounding leaves


@methods.register("eigen_cam")
@dataclass(frozen=True)
class EigenCAM:
    """Signed, at the resolution of the features; the same for every finding."""

    title: ClassVar[str] = "Eigen-CAM"
    kind: ClassVar[Kind] = "class activation"
    needs: ClassVar[Need] = "features"
    asks_finding: ClassVar[bool] = False

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image, repeated for every target."""
        # Image by image: the map must not depend on what else is in the batch.
        values = torch.stack([_projection(features) for features in forward.features])
        return Maps(values[:, None].expand(-1, len(targets), -1, -1))


def _projection(features: Float[Tensor, "d y x"]) -> Float[Tensor, "y x"]:
    """On the first principal component of the channels."""
    if not features.isfinite().all():  # there is no decomposition, and only this image has none
        return torch.full_like(features[0], torch.nan)
    centred = (features - features.mean(dim=(1, 2), keepdim=True)).flatten(1).T.double()
    # From the smaller of the two products of the matrix with itself, which is many times faster
    # than its own decomposition; in float64, since squaring halves the digits.
    if len(centred) <= centred.shape[1]:
        values, vectors = torch.linalg.eigh(centred @ centred.T)
        projection = vectors[:, -1] * values[-1].clamp(min=0).sqrt()
    else:
        projection = centred @ torch.linalg.eigh(centred.T @ centred)[1][:, -1]
    # Both have mean 0, so this has the sign of their correlation.  After a LayerNorm at its initial
    # weights the mean is the same everywhere and says nothing: then towards the longer tail.
    mean = centred.mean(dim=1)
    silent = mean.norm() <= SILENT * centred.norm()
    sign = torch.where(silent, projection.pow(3).sum(), projection @ mean)
    projection = torch.where(sign < 0, -projection, projection)
    return projection.to(features).view(features.shape[1:])
