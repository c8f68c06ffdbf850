"""Training with regions: where an image shows a finding."""

from collections import Counter
from dataclasses import replace
from typing import Any

from jaxtyping import Float
from torch import Tensor

from heatproof.errors import DataError, SpecError
from heatproof.models.card import Regions
from heatproof.models.localizers import Localizer
from heatproof.models.targets import drawn
from heatproof.train.images import Batch
from heatproof.train.objective import Objective, ValidationBatch
from heatproof.train.regions import Region
from heatproof.train.settings import Settings
from heatproof.types import Dataset, Sample


class LocalizationObjective(Objective):
    """Training of a localizer with annotations.

    Args:
        model: The localizer.
        settings: Whose annotations it is shown.
        train: What it is trained with.

    Raises:
        DataError: A finding is marked nowhere.
        SpecError: A setting is for classifiers alone.
    """

    def __init__(self, model: Localizer[Any], settings: Settings, train: Dataset) -> None:
        self.model: Localizer[Any] = model
        self._source = settings.source
        check_settings(settings)
        check_annotated(train, model.findings, settings.source)
        self.target = self._target

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the localizer."""
        return self.model.loss(batch.images, batch.targets)

    def judged(self, batch: Batch) -> ValidationBatch:
        """Probabilities, and the loss over the pairs of image and finding whose place is known."""
        known = int(sum(target.known.sum() for target in batch.targets))
        outputs = self.model.outputs(batch.images)
        loss = self.model.loss_of(outputs, batch.targets)
        return ValidationBatch(self.model.found(outputs).probabilities, loss, known)

    def regions(self, images: int) -> Regions:
        """The annotations that were shown, and who drew them."""
        return Regions(self.model.regions, self._source, images)

    def _target(self, sample: Sample, labels: Float[Tensor, " k"]) -> Region:
        """The target of an image; policies decide for findings labelled neither way."""
        labelled = dict(sample.labels)
        for finding, value in zip(self.model.findings, labels.tolist(), strict=True):
            marked = any(drawn(sample, finding, self._source))
            # A policy that calls a marked finding negative would contradict the mark.
            if labelled.get(finding) is None and value in (0, 1) and not marked:
                labelled[finding] = bool(value)
        target: Region = self.model.target(replace(sample, labels=labelled), self._source)
        return target


def check_settings(settings: Settings) -> None:
    """Raises SpecError for settings that localizers cannot follow."""
    for name, value in (("uncertain", "class"), ("balance", "loss")):
        if getattr(settings, name) == value:
            raise SpecError(f"{name}={value!r} is for classifiers; a localizer learns from regions")
    if settings.guidance:
        raise SpecError(
            f"guidance={settings.guidance} is for classifiers; a localizer learns from regions"
        )


def check_annotated(train: Dataset, findings: tuple[str, ...], source: str) -> None:
    """Raises DataError for a finding that one source has marked on no image."""
    sources: Counter[str] = Counter()
    missing = dict.fromkeys(findings)
    for index in range(len(train)):
        sample = train[index]
        sources.update(annotation.source for annotation in sample.annotations)
        for finding in findings:
            if finding in missing and any(drawn(sample, finding, source)):
                del missing[finding]
    if missing:
        others = ", ".join(sorted(set(sources) - {source}))
        raise DataError(
            f"no training image has a box, polygon or mask of {next(iter(missing))!r} by"
            f" {source!r}, so where it is cannot be learned; "
            + (
                f"there are annotations by {others} (say source = ...)"
                if others
                else "annotate it, or train a classifier by labels alone"
            )
        )
