"""Any other network of timm whose features lie on a grid, by its name there.

Features are what timm's classifier is given: the output of ``forward_features``.  Networks give it
channels first, channels last (Swin, MaxViT in parts) or as tokens (ViT, DINOv2, EVA, distilled and
register transformers); tokens of no place are left out, as for ``vit_small``.  timm's
``forward_intermediates`` puts the same features on their grid, and the two are compared; a network
where nothing says the grid of what the classifier is given is refused.

One block, the whole network: cascades of randomization have one step, which a backbone with a file
of its own divides.  Features are counted as signed, since nothing is known of their last layer.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from heatproof.errors import ModelError, near_misses
from heatproof.models.backbones import Backbone, Grid, backbones, timm_network
from heatproof.models.layout import Layout
from heatproof.models.still import held_still

AXES = 4  # of features on a grid
# Transformers take images of another size than they were trained with if asked; the options of
# several families, of which a network knows one or none.
ANY_SIZE: tuple[dict[str, Any], ...] = ({"dynamic_img_size": True}, {"strict_img_size": False}, {})


@backbones.register("timm")
@dataclass(frozen=True)
class Timm:
    """A network of timm without a backbone of its own here.

    Attributes:
        name: In timm, such as ``"resnext50_32x4d"`` or ``"swin_tiny_patch4_window7_224"``.
    """

    name: str

    def __call__(self, channels: int = 3, weights: str = "random") -> Backbone:
        """Build it; raises ModelError for a network whose features lie on no grid."""
        import timm  # here for the reason given in ``timm_network``

        available = timm.list_models()
        if self.name.partition(".")[0] not in available:
            raise ModelError(
                f"timm has no network {self.name!r}; {near_misses(self.name, available)}"
            )
        network, source = self._network(channels, weights)
        _, height, width = network.pretrained_cfg["input_size"]
        layout = _layout(network, torch.rand(1, channels, height, width), self.name)
        stride = round(height / layout.rows)
        grid = Grid(network.num_features, stride, signed=True, prefix=layout.before)
        return Backbone({"network": _Features(network, layout)}, grid, source)

    def _network(self, channels: int, weights: str) -> tuple[Any, str]:
        *others, last = ANY_SIZE
        for options in others:
            try:
                return timm_network(self.name, channels, weights, **options)
            except TypeError:
                continue  # the network has no such option
        return timm_network(self.name, channels, weights, **last)


def _layout(network: Any, images: Float[Tensor, "1 c h w"], name: str) -> Layout:
    """The layout of the features, by what timm says of their grid."""
    with held_still(network), torch.no_grad():
        features = network.forward_features(images)
        try:
            (grid,) = network.forward_intermediates(
                images, indices=1, norm=True, output_fmt="NCHW", intermediates_only=True
            )
        except (AttributeError, TypeError, AssertionError, NotImplementedError):
            grid = None  # a network without
    if isinstance(features, Tensor):
        for layout in _layouts(features.shape, grid):
            if grid is not None and _same(layout.grid(features), grid):
                return layout
        # Intermediate features may lie before a last convolution; then the channels tell.
        if features.ndim == AXES and features.shape[1] == network.num_features != features.shape[3]:
            return Layout("channels first", *features.shape[2:])
    given = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
    raise ModelError(
        f"{name} gives features of shape {given}, of which timm tells no grid; expected"
        f" {network.num_features} channels on one. Bring it as a module of yours, and name a layer"
    )


def _layouts(shape: torch.Size, grid: Tensor | None) -> list[Layout]:
    """The layouts that features of that shape may have."""
    if len(shape) == AXES:
        return [Layout("channels first", *shape[2:]), Layout("channels last", *shape[1:3])]
    if grid is None or len(shape) != AXES - 1:
        return []
    rows, columns = grid.shape[2:]
    others = shape[1] - rows * columns
    return [Layout("tokens", rows, columns, before=others)] if others >= 0 else []


def _same(found: Tensor, grid: Tensor) -> bool:
    return found.shape == grid.shape and torch.allclose(found, grid, rtol=1e-4, atol=1e-5)


class _Features(nn.Module):
    """A network of timm up to its features, on their grid."""

    def __init__(self, network: nn.Module, layout: Layout) -> None:
        super().__init__()
        self.network, self.layout = network, layout

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d y x"]:
        features: Tensor = self.network.forward_features(images)  # type: ignore[operator]
        if self.layout.kind != "tokens":
            return self.layout.grid(features)
        # Images may have another size than the network was built for.
        cells, (height, width) = features.shape[1] - self.layout.before, images.shape[2:]
        rows = round(math.sqrt(cells * height / width))
        if rows * (cells // rows) != cells:
            raise ModelError(
                f"{cells} tokens of images of {height} x {width} lie on no grid of square cells"
            )
        return replace(self.layout, rows=rows, columns=cells // rows).grid(features)
