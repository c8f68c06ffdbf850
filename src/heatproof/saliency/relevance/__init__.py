"""Rules of layer-wise relevance propagation: how a layer divides relevance among its inputs.

A layer is y_o = sum_i x_i w_io + b_o, and each input gets a share of each output's relevance R_o.
Rules differ in which contributions x_i w_io count and in what they are divided by.  All are linear
in R_o; so a rule is asked once per layer what becomes of one unit of relevance at each output, and
answers with a ``Division``.  What no input gets has a name, under which it enters the ledger.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from heatproof.registry import Registry

LinearMap = Callable[[Tensor, Tensor], Tensor]


class Contributions:
    """Which inputs contribute to the outputs, and through which weights.

    Args:
        linear: Maps an input and weights to an output without bias.
        pairs: Parts of the input, each with the weights that it goes through.
    """

    def __init__(self, linear: LinearMap, pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
        self._parts = [part.detach().requires_grad_() for part, _ in pairs]
        with torch.enable_grad():
            totals = [
                linear(part, weight) for part, (_, weight) in zip(self._parts, pairs, strict=True)
            ]
        # Edges of the graph and not its tensors, which would outlive their use.
        self._edges = [get_gradient_edge(total) for total in totals]
        self._totals: list[Tensor] = [total.detach() for total in totals]

    def total(self) -> Tensor:
        """What each output gets of all inputs; can be asked once."""
        first, *others = self._totals
        self._totals = []
        return sum(others, start=first)

    def times(self, amounts: Tensor) -> Tensor:
        """For each input, the sum over outputs of its contribution times the output's amount."""
        given = torch.zeros_like(self._parts[0])
        for edge, part in zip(self._edges, self._parts, strict=True):
            # The graph is kept, since each target asks again.
            (back,) = torch.autograd.grad(edge, part, amounts, retain_graph=True)
            given.addcmul_(back, part.detach())
        return given


class Layer:
    """An affine layer at work on a batch; batch norm that follows it is folded into it.

    Args:
        x: The input of the layer.
        weight: The weights of the layer.
        bias: Shaped so that it can be added to the output.
        linear: Maps an input and weights to the output without bias.
    """

    def __init__(self, x: Tensor, weight: Tensor, bias: Tensor | None, linear: LinearMap) -> None:
        self.x = x.detach()
        self.weight = weight
        self.bias = x.new_zeros(()) if bias is None else bias
        self._linear = linear

    @cached_property
    def signed(self) -> bool:
        """Whether any input is negative."""
        return bool((self.x < 0).any())

    def contributions(self, *pairs: tuple[Tensor, Tensor]) -> Contributions:
        """The contributions of parts of the input, each through weights of its own."""
        return Contributions(self._linear, pairs)

    def by_sign(self, positive: Tensor, negative: Tensor) -> Contributions:
        """The contributions of positive inputs through some weights, of negative through others."""
        # Without negative inputs, as after a ReLU, half of the work is saved.
        if not self.signed:
            return self.contributions((self.x, positive))
        return self.contributions((self.x.clamp(min=0), positive), (self.x.clamp(max=0), negative))

    def evenly(self, amounts: Tensor) -> Tensor:
        """Amounts at the outputs, divided evenly among the inputs that each output sees."""
        ones = self.contributions((torch.ones_like(self.x), torch.ones_like(self.weight)))
        return ones.times(amounts * inverse(ones.total()))


@dataclass(frozen=True)
class Division:
    """What becomes of one unit of relevance at each output of a layer.

    Attributes:
        shares: Contributions, and what they are multiplied by at each output.
        absorbed: What no input gets, by name.
        evenly: What is divided evenly among the inputs that an output sees.
    """

    shares: Sequence[tuple[Contributions, Tensor]]
    absorbed: Mapping[str, Tensor] = field(default_factory=dict)
    evenly: Tensor | None = None


@runtime_checkable
class RelevanceRule(Protocol):
    """Divides the relevance of a layer's outputs among its inputs.

    Attributes:
        title: What people call it.
        absorbs: Names of what may keep relevance from the inputs.
    """

    title: ClassVar[str]
    absorbs: ClassVar[tuple[str, ...]]

    def __call__(self, layer: Layer) -> Division:
        """The division at a layer."""
        ...


def inverse(total: Tensor) -> Tensor:
    """1 / total, and 0 where the total is nothing.

    Totals below the root of the smallest number count as nothing: their inverse times a small
    contribution would overflow.
    """
    return torch.where(nothing(total), 0, 1 / total)


def nothing(total: Tensor) -> Tensor:
    """Where the total is too small to divide by."""
    tiny: float = torch.finfo(total.dtype).tiny
    small: Tensor = total.abs() < tiny**0.5
    return small


relevance_rules: Registry[RelevanceRule] = Registry(
    "relevance rule", __name__, "heatproof.relevance_rules"
)
