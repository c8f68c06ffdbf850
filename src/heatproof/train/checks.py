"""What is wrong with a training can be known from labels and patients, before it begins."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.errors import DataError, SpecError, near_misses
from heatproof.train.images import balanced
from heatproof.train.labels import UNCERTAIN, highest_views, label_matrix
from heatproof.train.settings import Settings
from heatproof.types import Dataset

THREE_CLASSES = 3


def checked_labels(
    findings: tuple[str, ...],
    classes: int | None,
    train: Dataset,
    validation: Dataset,
    settings: Settings,
) -> tuple[Float[Tensor, "n k"], Float[Tensor, "m k"]]:
    """The labels of training and validation under the policies, checked to have something to learn
    and to judge.

    Args:
        findings: What the network is to tell.
        classes: Number of classes of each finding that its head chooses among; None: a localizer.
        train: Films that the weights are fitted to.
        validation: Films that the network is judged by.
        settings: The policies, what balances, and what selects.

    Raises:
        DataError: A finding cannot be learned or judged from these labels, or a patient is on both
            sides.
        SpecError: A setting is not for this network or these findings.
    """
    labels, truth = (
        label_matrix(data, findings, settings.uncertain, settings.absent)
        for data in (train, validation)
    )
    if classes is not None:
        _check_learnable(findings, classes, labels)
    if settings.balance == "sample":
        # Called for its error alone, which is then raised before any training begins.
        balanced(labels)
    _check_named(findings, validation)
    _check_judged(truth, selecting(settings, findings), studies_of(validation, settings))
    _check_patients(train, validation)
    return labels, truth


def selecting(settings: Settings, findings: Sequence[str]) -> list[int]:
    """Indices of the findings that select; raises SpecError for one that is not there."""
    for name in settings.select_by:
        if name not in findings:
            raise SpecError(
                f"select_by: {name!r} is no finding here; {near_misses(name, findings)}"
            )
    return [findings.index(name) for name in settings.select_by or findings]


def studies_of(validation: Dataset, settings: Settings) -> list[str]:
    """The study of each image, where studies are judged; an image without one is a study of its
    own.
    """
    if settings.by != "study":
        return []
    samples = [validation[index] for index in range(len(validation))]
    return [sample.study_id or f"image {sample.image_id}" for sample in samples]


def _check_learnable(findings: Sequence[str], classes: int, labels: Tensor) -> None:
    if (labels == UNCERTAIN).any() and classes < THREE_CLASSES:
        raise SpecError(
            "uncertain='class' makes uncertain labels a class of their own, for which the head has"
            " no output; use the head softmax(classes=3), or another policy"
        )
    for column, finding in enumerate(findings):
        for value, word in ((1, "positive"), (0, "negative")):
            if not (labels[:, column] == value).any():
                raise DataError(
                    f"no training image is {word} for {finding!r}, so it cannot be learned;"
                    " is the finding spelled as in the labels?"
                )


def _check_named(findings: Sequence[str], validation: Dataset) -> None:
    labelled = {name for index in range(len(validation)) for name in validation[index].labels}
    # An empty data set is refused by ``Images``, whose message says so.
    for finding in findings if len(validation) else ():
        if finding not in labelled:
            raise DataError(
                f"no validation image is labelled for {finding!r}, so nothing can be said of it"
                f" there; {near_misses(finding, labelled)}"
            )


def _check_judged(truth: Tensor, columns: Sequence[int], studies: Sequence[str]) -> None:
    if studies:
        # Only labels of studies are asked for, so the scores may be anything.
        _, truth = highest_views(torch.zeros_like(truth), truth, studies)
    both = [(truth[:, columns] == value).any(dim=0) for value in (0, 1)]
    if len(truth) and not (both[0] & both[1]).any():
        units = "studies" if studies else "images"
        raise DataError(
            f"no finding has both positive and negative {units} in the validation split, so no"
            " AUROC can be had there; make the split larger"
        )


def _check_patients(train: Dataset, validation: Dataset) -> None:
    # Two unknown patients are not one patient.
    seen = {train[index].patient_id for index in range(len(train))} - {None}
    shared = seen & {validation[index].patient_id for index in range(len(validation))}
    if shared:
        raise DataError(
            f"{len(shared)} patients are in the training and in the validation images, such as"
            f" {sorted(map(str, shared))[0]!r}; split by patient, as parts = {{...}} of [[data]] do"
        )
