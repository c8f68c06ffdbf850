"""Training with labels: whether an image shows a finding."""

from jaxtyping import Float
from torch import Tensor

from heatproof.models.classifier import Classifier
from heatproof.models.temperature import temperatures
from heatproof.train.images import Batch
from heatproof.train.losses import classification_loss, positive_weights
from heatproof.train.objective import Objective, ValidationBatch
from heatproof.train.settings import Settings


class ClassificationObjective(Objective):
    """Training of a classifier with labels.

    Args:
        model: The classifier.
        settings: How its labels are balanced.
        labels: Those it is trained with, as ``checked_labels`` gives them.
    """

    def __init__(self, model: Classifier, settings: Settings, labels: Float[Tensor, "n k"]) -> None:
        self.model: Classifier = model
        self._weights = positive_weights(labels) if settings.balance == "loss" else None

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """The loss of a batch; see ``classification_loss``."""
        return self.loss_of(self.model.backbone(batch.images), batch.labels)

    def loss_of(
        self, features: Float[Tensor, "n d y x"], labels: Float[Tensor, "n k"]
    ) -> Float[Tensor, ""]:
        """The loss of images whose features are at hand."""
        head = self.model.head
        of_labels = classification_loss(head.outputs(features), labels, self._weights)
        return of_labels + head.penalty(features)

    def judged(self, batch: Batch) -> ValidationBatch:
        """Logits, and the loss over the labels that are known."""
        outputs = self.model.head.outputs(self.model.backbone(batch.images)).float()
        loss = classification_loss(outputs, batch.labels, self._weights)
        # The loss is a mean over known labels, so batches are weighed by their number.
        count = int((~batch.labels.isnan()).sum())
        return ValidationBatch(self.model.head.logits(outputs), loss, count)

    def temperatures(
        self, scores: Float[Tensor, "n k"], labels: Float[Tensor, "n k"]
    ) -> tuple[float, ...]:
        """The temperature of each finding."""
        return temperatures(scores, labels)
