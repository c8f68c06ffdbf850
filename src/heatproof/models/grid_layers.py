"""Which layers of a network give features on a grid, found in one traced pass.

The best is the last one through which the logits depend on the cells: after it nothing is mixed any
more but by the head.  Where the head of a transformer reads its class token alone, cells behind the
last attention have no part in the logits, and the best layer is the norm before that attention, as
in https://github.com/jacobgil/pytorch-grad-cam.
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from heatproof.models.layout import Layout, possible
from heatproof.models.trial import Trial

FEWEST = 4  # cells of a grid worth showing
TOLD = 6  # layers in a message
# Linear layers inside attention give queries and keys, which are no features; a pooling to a fixed
# size moves cells.
LEFT_OUT = (nn.Linear, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)


@dataclass(frozen=True)
class GridLayer:
    """A layer whose output may lie on a grid.

    Attributes:
        name: Dotted.
        channels: Number of features of each cell.
        layout: The likely one, by shape.
        reached: Whether gradients of the logits reach its cells; also where there are none at all.
    """

    name: str
    channels: int
    layout: Layout
    reached: bool

    def __str__(self) -> str:
        return f"{self.name} ({self.channels} channels on {self.layout})"


def grid_layers(trial: Trial) -> list[GridLayer]:
    """The layers whose outputs may be features, the best first."""
    outputs, total = _traced(trial)
    gradients = _gradients(total, outputs)
    layers = []
    for name, output in outputs.items():
        layout = next(iter(possible(output.shape, trial.size)), None)
        if layout is not None and layout.rows * layout.columns >= FEWEST:
            gradient = gradients.get(name)
            reached = not gradients or (gradient is not None and bool(layout.grid(gradient).any()))
            channels = layout.grid(output).shape[1]
            layers.append(GridLayer(name, channels, layout, reached))
    last_first = layers[::-1]
    return sorted(last_first, key=lambda layer: not layer.reached)  # a stable sort


def offered(trial: Trial) -> str:
    """What may be named as features, as a clause."""
    layers = grid_layers(trial)
    if not layers:
        return "none of its layers gives a grid, so use methods that need no features"
    told: list[GridLayer] = []
    for layer in layers:
        # What a layer is made of need not be told beside it.
        if any(layer.name.startswith(f"{outer.name}.") for outer in told):
            continue
        if trial.layout_of(layer.name)[0] is not None:
            told.append(layer)
        if len(told) == TOLD:
            break
    if not told:
        return "none of its layers gives a grid that lies as the film does"
    listed = "; ".join(map(str, told))
    return f"these give grids, the best first: {listed}. features = 'auto' takes the first"


def _traced(trial: Trial) -> tuple[dict[str, Tensor], Tensor]:
    """Outputs of the layers that ran once, in the order in which they ended; the sum of logits."""
    outputs: dict[str, Tensor] = {}
    runs: Counter[str] = Counter()

    def recorder(name: str) -> Any:
        def record(_layer: nn.Module, _inputs: Any, output: Any) -> Any:
            runs[name] += 1
            if not isinstance(output, Tensor) or not output.is_floating_point():
                return output
            outputs[name] = output
            return output.clone()  # what follows may work in place

        return record

    with ExitStack() as hooks:
        for name, layer in trial.network.named_modules():
            if name and not isinstance(layer, LEFT_OUT):
                hooks.callback(layer.register_forward_hook(recorder(name)).remove)
        total = finite_sum(trial.logits(trial.films[:1].clone().requires_grad_()))
    # What stands for one image is no window, and a layer that ran twice has no one output.
    once = {name: out for name, out in outputs.items() if runs[name] == 1 and len(out) == 1}
    return once, total


def finite_sum(logits: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
    """The sum of the logits that are finite."""
    return logits[logits.isfinite()].sum()


def _gradients(total: Tensor, outputs: Mapping[str, Tensor]) -> dict[str, Tensor | None]:
    """Gradients of the logits with respect to outputs; empty where there are none at all."""
    asked = {name: output for name, output in outputs.items() if output.requires_grad}
    if not total.requires_grad or not asked:
        return {}
    try:
        found = torch.autograd.grad(total, [*asked.values()], allow_unused=True)
    except RuntimeError:
        return {}  # ``probe`` says why
    return dict(zip(asked, found, strict=True))
