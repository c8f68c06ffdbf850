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


class ValidationBatch(NamedTuple):
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
    """The objective of one training.

    Attributes:
        model: What is trained.
        target: What a sample and its labels (under the policies) teach beside the labels.
    """

    model: Classifier | Localizer[Any]
    target: Callable[[Sample, Tensor], Region] | None = None

    @abstractmethod
    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch, which an optimizer step makes smaller."""

    @abstractmethod
    def judged(self, batch: Batch) -> ValidationBatch:
        """Scores and loss of a batch in evaluation mode."""

    def temperatures(
        self,
        scores: Float[Tensor, "n k"],  # noqa: ARG002
        labels: Float[Tensor, "n k"],  # noqa: ARG002
    ) -> tuple[float, ...]:
        """The temperature of each finding from the validation scores; empty without calibration."""
        return ()

    def regions(self, images: int) -> Regions | None:  # noqa: ARG002
        """The annotations for the card; ``images`` is how many training images have some."""
        return None
