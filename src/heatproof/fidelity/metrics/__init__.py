"""The metrics of fidelity, one file each, and what such a metric is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from heatproof.registry import Registry
from heatproof.saliency.forward import ForwardPass

Better = Literal["higher", "lower"]
Again = Callable[[ForwardPass], Float[Tensor, "n k h w"]]


@dataclass(frozen=True)
class Explained:
    """Maps, and the pass that they explain.

    Attributes:
        forward: A pass over the images, of a model that is held still.
        relevance: A map of each image and target, signed, pixel by pixel of the input.
        targets: The findings that were explained, as indices of those of the model.
        again: The maps of the same methods for a pass over other images, as many; None where maps
            were not made here, such as those of another tool.
    """

    forward: ForwardPass
    relevance: Float[Tensor, "n k h w"]
    targets: Sequence[int]
    again: Again | None = None


@runtime_checkable
class FidelityMetric(Protocol):
    """Says how true maps are to a model.

    Attributes:
        title: What people call it.
        better: Whether a truer map has a higher or a lower value.
    """

    title: ClassVar[str]
    better: ClassVar[Better]

    def __call__(self, explained: Explained) -> Float[Tensor, "n k"]:
        """The value of each map."""
        ...


fidelities: Registry[FidelityMetric] = Registry(
    "metric of fidelity", __name__, "heatproof.fidelities"
)


def beside_chance(metric: FidelityMetric) -> bool:
    """Whether a value is read beside that of the same map with its cells shuffled.

    It is, unless the metric says ``beside_chance = False``.
    """
    return bool(getattr(metric, "beside_chance", True))
