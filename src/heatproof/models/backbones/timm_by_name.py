"""Any other convolutional network of timm, by its name there.

One block, the whole network: cascades of randomization have one step, which a backbone with a file
of its own divides.  Features are counted as signed, since nothing is known of their last layer.
"""

from dataclasses import dataclass

import torch

from heatproof.errors import ModelError, near_misses
from heatproof.models.backbones import Backbone, Grid, backbones, timm_network

GRID = 4  # axes of features on a grid


@backbones.register("timm")
@dataclass(frozen=True)
class Timm:
    """A network of timm without a backbone of its own here.

    Attributes:
        name: In timm, such as ``"resnext50_32x4d"``.
    """

    name: str

    def __call__(self, channels: int = 3, weights: str = "random") -> Backbone:
        """Build it; raises ModelError for a network whose features lie on no grid."""
        import timm  # here for the reason given in ``timm_network``

        available = timm.list_models()
        if self.name not in available:
            raise ModelError(
                f"timm has no network {self.name!r}; {near_misses(self.name, available)}"
            )
        network, source = timm_network(self.name, channels, weights)
        _, height, width = network.pretrained_cfg["input_size"]
        with torch.no_grad():
            features = network.eval().forward_features(torch.zeros(1, channels, height, width))
        if features.ndim != GRID or features.shape[1] != network.num_features:
            raise ModelError(
                f"{self.name} gives features of shape {tuple(features.shape)}; expected"
                f" {network.num_features} channels on a grid, as convolutional networks have"
            )
        grid = Grid(network.num_features, round(height / features.shape[2]), signed=True)
        return Backbone({"network": _Features(network)}, grid, source)


class _Features(torch.nn.Module):
    """A network of timm up to its features."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.network.forward_features(images)  # type: ignore[operator]
        return features
