"""What a network is trained for: the loss of a batch, and what validation sees of one."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor

from heatproof.models.card import Regions
from heatproof.models.classifier import Classifier
from heatproof.models.localizers import Localizer
from heatproof.train.images import Batch
from heatproof.train.regions import Region
from heatproof.types import Sample


class Judged(NamedTuple):
    """What validation sees of a batch.

    Attributes:
        scores: Higher where a finding is likelier.
        loss: A mean.
        weight: Over how many things.
    """

    scores: Float[Tensor, "n k"]
    loss: Float[Tensor, ""]
    weight: int


class Objective(ABC):
    """Of one training.

    Attributes:
        model: What is trained.
        target: What a sample and its labels (under the policies) teach beside the labels.
    """

    model: Classifier | Localizer[Any]
    target: Callable[[Sample, Tensor], Region] | None = None

    @abstractmethod
    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """What an optimizer step makes smaller."""

    @abstractmethod
    def judged(self, batch: Batch) -> Judged:
        """In evaluation mode."""

    def temperatures(
        self,
        scores: Float[Tensor, "n k"],  # noqa: ARG002
        labels: Float[Tensor, "n k"],  # noqa: ARG002
    ) -> tuple[float, ...]:
        """Of calibration, per finding, from what validation saw; empty where nothing is."""
        return ()

    def regions(self, images: int) -> Regions | None:  # noqa: ARG002
        """What a card says of annotations, so many training images being marked."""
        return None
