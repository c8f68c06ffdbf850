"""Heads: from features to logits, and to class maps.

A head is a frozen part; called with the number of feature channels and of findings it builds a
module.
"""

from abc import ABC, abstractmethod
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from heatproof.registry import Registry


class HeadModule(nn.Module, ABC):
    """The network of a head.

    Attributes:
        uniform: Whether the logits depend on the features only through their spatial mean.
        complete: Whether the mean of a class map is the logit less ``constant``, the bias: the map
            then tells all that the head knew of the finding.
        classes: Number of classes of a finding: there or not, or uncertain too.
    """

    uniform: bool
    complete: bool = False
    classes: int = 2

    @abstractmethod
    def forward(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k"]:
        """The logits of these features."""

    def outputs(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n ..."]:
        """The values that a loss compares with labels: logits ``n k``, or ``n k c`` for the c
        classes of each finding.
        """
        logits: Tensor = self(features)
        return logits

    def logits(self, outputs: Float[Tensor, "n ..."]) -> Float[Tensor, "n k"]:
        """The logits that these outputs give."""
        return outputs

    def penalty(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, ""]:
        """What the loss has besides that of the labels; 0 for most heads."""
        return features.new_zeros(())

    def constant(self) -> Float[Tensor, " k"] | float:
        """What each logit has beside its class map, whatever the features: the bias, where that is
        no part of the map.
        """
        return 0.0

    def cell_logits(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k y x"]:
        """The class map with its constant, read as one logit per cell: what annotations guide."""
        constant = self.constant()
        return self.class_map(features) + (
            constant if isinstance(constant, float) else constant[:, None, None]
        )

    @abstractmethod
    def class_map(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k y x"]:
        """The evidence for each finding at each place of the grid, signed."""


@runtime_checkable
class Head(Protocol):
    """Builds a head module."""

    def __call__(self, channels: int, findings: int) -> HeadModule:
        """The module for so many feature channels and findings."""
        ...


heads: Registry[Head] = Registry("head", __name__, "heatproof.heads")
