"""The output of one layer of a network, read and replaced by hooks that live as long as a pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from heatproof.models.layout import Layout


@contextmanager
def recorded(layer: nn.Module) -> Iterator[list[Any]]:
    """A list that collects what a layer gives each time it runs inside the block."""
    seen: list[Any] = []

    def record(_layer: nn.Module, _inputs: Any, output: Any) -> Any:
        seen.append(output)
        # What follows may work in place (as torchvision's DenseNet does) and gets a copy.
        return output.clone() if isinstance(output, Tensor) else output

    handle = layer.register_forward_hook(record)
    try:
        yield seen
    finally:
        handle.remove()


@contextmanager
def on_grid(
    layer: nn.Module, layout: Layout, *, cut: bool
) -> Iterator[list[Float[Tensor, "n d y x"]]]:
    """A list that collects the features of a layer, through which all that follows passes.

    Args:
        layer: Gives an output of that layout.
        layout: Where the grid is in the output.
        cut: Make the features a leaf of the graph of what follows.
    """
    seen: list[Tensor] = []

    def tap(_layer: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        output = output.detach() if cut else output
        grid = layout.grid(output)
        seen.append(grid.requires_grad_() if cut else grid)
        # A clone for the reason given above.
        return layout.output(grid, output).clone()

    handle = layer.register_forward_hook(tap)
    try:
        yield seen
    finally:
        handle.remove()
