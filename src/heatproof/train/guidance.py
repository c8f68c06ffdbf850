"""Training with labels and, for some of the images, where the finding is: class maps with guidance.

    loss = loss of the labels + guidance * mean of BCE(M_k + b_k, coverage of each cell by the mask)

over the images whose annotation is shown, and the findings that are marked there.  The class map
M_k of any head, with the bias b_k where the map is without it, is read as one logit per cell: to
most heads the logit of the image is a mean of some or all of them, to noisy-OR the probability that
any is positive.  Limited supervision by boxes, beside many labels, is that of
Li et al., CVPR 2018 (https://arxiv.org/abs/1711.06373).

Images without the finding guide no map: their label says already that every cell is negative.  So a
fraction of 0 is the training by labels alone.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, binary_cross_entropy_with_logits

from heatproof.models.card import Regions
from heatproof.models.classifier import Classifier
from heatproof.models.targets import MaskTarget, drawn, mask_target
from heatproof.train.classification import ClassificationObjective
from heatproof.train.images import Batch
from heatproof.train.localization import check_annotated
from heatproof.train.objective import Objective, ValidationBatch
from heatproof.train.settings import Settings
from heatproof.types import Dataset, Sample


class Guided(Objective):
    """Training of a classifier with labels, and with annotations of some images.

    Args:
        labelled: What labels teach it.
        settings: How much annotations count, whose, and how many are shown.
        train: What it is trained with.

    Raises:
        DataError: A finding is marked nowhere.
    """

    def __init__(
        self, labelled: ClassificationObjective, settings: Settings, train: Dataset
    ) -> None:
        self._labelled, self._guidance, self._source = labelled, settings.guidance, settings.source
        self.model: Classifier = labelled.model
        check_annotated(train, self.model.findings, settings.source)
        self._shown = shown(train, self.model.findings, settings)
        self.target = self._target

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the labels plus that of the class maps."""
        features = self.model.backbone(batch.images)
        guided = guidance_loss(self.model.head.cell_logits(features), batch.targets)
        return self._labelled.loss_of(features, batch.labels) + self._guidance * guided

    def judged(self, batch: Batch) -> ValidationBatch:
        """Logits and the loss of the labels alone, since nothing else is known where the classifier
        is used.
        """
        return self._labelled.judged(batch)

    def temperatures(
        self, scores: Float[Tensor, "n k"], labels: Float[Tensor, "n k"]
    ) -> tuple[float, ...]:
        """The temperature of each finding."""
        return self._labelled.temperatures(scores, labels)

    def regions(self, images: int) -> Regions:
        """The annotations that were shown, and who drew them."""
        return Regions("masks", self._source, images)

    def _target(self, sample: Sample, _: Float[Tensor, " k"]) -> MaskTarget:
        """The masks of an image that is shown; for other images no place is known."""
        model = self.model
        if sample.image_id not in self._shown:
            sample = replace(sample, annotations=())
        target = mask_target(sample, model.findings, model.preprocessing, self._source)
        # Negative images guide no map, since their labels already say that no cell is positive.
        return replace(target, known=target.marked)


def guidance_loss(maps: Float[Tensor, "n k y x"], targets: Sequence[Any]) -> Float[Tensor, ""]:
    """The mean over cells, images and findings whose place is known; 0 where none is.

    Args:
        maps: One logit per cell.
        targets: A ``MaskTarget`` for each image.
    """
    known = torch.stack([target.known for target in targets]).to(maps.device)
    if not known.any():
        return maps.sum() * 0  # with a gradient, so that processes that share a batch agree
    masks = torch.stack([target.masks for target in targets]).to(maps)
    covered = adaptive_avg_pool2d(masks, (maps.shape[2], maps.shape[3]))
    losses = binary_cross_entropy_with_logits(maps, covered, reduction="none").mean(dim=(2, 3))
    return (losses * known).sum() / known.sum()


def shown(train: Dataset, findings: tuple[str, ...], settings: Settings) -> frozenset[str]:
    """The names of the images whose annotations are shown: a share of those that have any.

    A larger share has the images of a smaller one, of the same seed, and more.
    """
    samples = [train[index] for index in range(len(train))]
    marked = [
        sample.image_id
        for sample in samples
        if any(True for k in findings for _ in drawn(sample, k, settings.source))
    ]
    order = np.random.default_rng(settings.seed).permutation(len(marked))
    return frozenset(marked[index] for index in order[: round(settings.fraction * len(marked))])
