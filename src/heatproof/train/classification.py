"""Training with labels: whether an image shows a finding."""

from jaxtyping import Float
from torch import Tensor

from heatproof.errors import DataError, SpecError
from heatproof.models.classifier import Classifier
from heatproof.models.heads.softmax import SoftmaxHead
from heatproof.models.temperature import temperatures
from heatproof.train.images import Batch
from heatproof.train.labels import UNCERTAIN
from heatproof.train.losses import classification_loss, positive_weights
from heatproof.train.objective import Judged, Objective
from heatproof.train.settings import Settings

THREE_CLASSES = 3


class Classification(Objective):
    """Labels and a classifier.

    Args:
        model: The classifier.
        settings: How its labels are balanced.
        labels: Those it is trained with.

    Raises:
        DataError: A finding cannot be learned from these labels.
        SpecError: Uncertain labels are a class for which the head has no output.
    """

    def __init__(self, model: Classifier, settings: Settings, labels: Float[Tensor, "n k"]) -> None:
        self.model: Classifier = model
        _check(model, labels)
        self._weights = positive_weights(labels) if settings.balance == "loss" else None

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """See ``classification_loss``."""
        return self.loss_of(self.model.backbone(batch.images), batch.labels)

    def loss_of(
        self, features: Float[Tensor, "n d y x"], labels: Float[Tensor, "n k"]
    ) -> Float[Tensor, ""]:
        """Of images whose features are at hand."""
        return classification_loss(self.model.head.outputs(features), labels, self._weights)

    def judged(self, batch: Batch) -> Judged:
        """Logits, and the loss over the labels that are known."""
        outputs = self.model.head.outputs(self.model.backbone(batch.images)).float()
        loss = classification_loss(outputs, batch.labels, self._weights)
        known = int((~batch.labels.isnan()).sum())
        return Judged(self.model.head.logits(outputs), loss, known)

    def temperatures(
        self, scores: Float[Tensor, "n k"], labels: Float[Tensor, "n k"]
    ) -> tuple[float, ...]:
        """One per finding."""
        return temperatures(scores, labels)


def _check(model: Classifier, labels: Tensor) -> None:
    classes = model.head.spec.classes if isinstance(model.head, SoftmaxHead) else 2
    if (labels == UNCERTAIN).any() and classes < THREE_CLASSES:
        raise SpecError(
            "uncertain='class' makes uncertain labels a class of their own, for which the head has"
            " no output; use the head softmax(classes=3), or another policy"
        )
    for column, finding in enumerate(model.findings):
        for value, word in ((1, "positive"), (0, "negative")):
            if not (labels[:, column] == value).any():
                raise DataError(
                    f"no training image is {word} for {finding!r}, so it cannot be learned;"
                    " is the finding spelled as in the labels?"
                )
