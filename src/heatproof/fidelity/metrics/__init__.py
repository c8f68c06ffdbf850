"""The metrics of fidelity, one file each, and what such a metric is."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from heatproof.registry import Registry
from heatproof.saliency.forward import ForwardPass

Better = Literal["higher", "lower"]


@runtime_checkable
class FidelityMetric(Protocol):
    """Says how true maps are to a model.

    Attributes:
        title: What people call it.
        better: Whether a truer map has a higher or a lower value.
    """

    title: ClassVar[str]
    better: ClassVar[Better]

    def __call__(
        self,
        forward: ForwardPass,
        relevance: Float[Tensor, "n k h w"],
        targets: Sequence[int],
    ) -> Float[Tensor, "n k"]:
        """The value of each map.

        Args:
            forward: A pass over the images, of a model that is held still.
            relevance: A map of each image and target, signed, pixel by pixel of the input.
            targets: The findings that were explained, as indices of those of the model.
        """
        ...


fidelities: Registry[FidelityMetric] = Registry(
    "metric of fidelity", __name__, "heatproof.fidelities"
)
