"""Soft-CAM head: class evidence that is learned, and pressed to be sparse.

A 1x1 convolution gives the class map M_k, whose mean is the logit less the bias; the loss also has
the elastic net of the map (Djoumessi & Berens, 2025, https://arxiv.org/abs/2505.17748):

    penalty = mean over images, findings and cells of ( lasso * |M_ki| + ridge * M_ki^2 ).

Without a penalty it is the linear head, whose class map is CAM.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from heatproof.models.heads import HeadModule, heads
from heatproof.models.heads.linear import LinearHead


class SoftCamHead(LinearHead):
    """A linear head whose class map is penalized."""

    def __init__(self, spec: "SoftCam", channels: int, findings: int) -> None:
        super().__init__(channels, findings)
        self.spec = spec

    def penalty(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, ""]:
        """The elastic net of the class maps."""
        maps = self.class_map(features)
        return self.spec.lasso * maps.abs().mean() + self.spec.ridge * maps.square().mean()


@heads.register("soft_cam")
@dataclass(frozen=True)
class SoftCam:
    """A linear head with an elastic net on its class maps.

    Attributes:
        lasso: Weight of the absolute values: many cells become 0.
        ridge: Weight of the squares: no cell becomes large.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"lasso": (0, 1e9), "ridge": (0, 1e9)}
    lasso: float = 0.001
    ridge: float = 0.001

    def __call__(self, channels: int, findings: int) -> HeadModule:
        """Build it."""
        return SoftCamHead(self, channels, findings)
