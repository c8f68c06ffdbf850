"""The untrained network of a model, with the first weights for its backbone that can be had."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from heatproof.disk import is_file
from heatproof.errors import UnreachableError
from heatproof.experiment.model import ModelEntry, Training
from heatproof.models.backbones import NAMED_WEIGHTS
from heatproof.models.classifier import Classifier, build
from heatproof.models.localizers import Localizer
from heatproof.models.localizers import build as build_localizer
from heatproof.preparation.opening import own_classifier
from heatproof.preparation.plan import plan_of, scaled_by, settings_of


def network_of(
    folder: Path, entry: ModelEntry, findings: Sequence[str]
) -> Classifier | Localizer[Any]:
    """The network before its training.

    Args:
        folder: Where the relative paths of the experiment start.
        entry: The model.
        findings: What it is to learn.

    Raises:
        HeatproofError: There are no such weights, or the parts do not fit together.
    """
    # The last is tried outside the loop: nothing can stand in for it, so its error is raised.
    *others, last = weights_of(folder, plan_of(entry))
    for weights in others:
        try:
            if weights in NAMED_WEIGHTS or is_file(Path(weights)):
                return _built(folder, entry, findings, weights)
        except UnreachableError:
            continue  # others may be at hand; weights that do not fit are an error
    return _built(folder, entry, findings, last)


def untrained(
    folder: Path, entry: ModelEntry, findings: Sequence[str]
) -> Classifier | Localizer[Any]:
    """The network with random weights, which need not be looked for; arguments as above."""
    return _built(folder, entry, findings, "random")


def weights_of(folder: Path, plan: Training) -> list[str]:
    """Names of weights, or paths of their files, the preferred first."""
    weights = [plan.weights] if isinstance(plan.weights, str) else plan.weights
    return [name if name in NAMED_WEIGHTS else str(folder / name) for name in weights]


def _built(
    folder: Path, entry: ModelEntry, findings: Sequence[str], weights: str
) -> Classifier | Localizer[Any]:
    preprocessing, seed = scaled_by(entry), settings_of(entry).seed
    if entry.module is not None:
        return own_classifier(folder, entry, findings, seed)
    if entry.localizer is not None:
        return build_localizer(entry.localizer, findings, preprocessing, weights, seed)
    return build(entry.backbone or "", entry.head, findings, preprocessing, weights, seed)
