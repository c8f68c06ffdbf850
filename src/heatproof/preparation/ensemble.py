"""Stage: ensembles, chosen from the checkpoints of models that are there.

Of each finding the checkpoints with the highest AUROC on the validation films; localization chooses
nothing.  A checkpoint's AUROC is on its card, over the labels that say yes or no, so that models
trained under different policies for the others are compared by the same labels.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from heatproof.errors import ExperimentError, ModelError
from heatproof.experiment.file import Experiment
from heatproof.experiment.model import ModelEntry, Pool
from heatproof.experiment.workspace import Workspace
from heatproof.models import card as cards
from heatproof.models import ensemble as ensembles
from heatproof.models.card import ModelCard
from heatproof.preparation.folders import AUROC, is_whole, kept_folders, trained_folder
from heatproof.preparation.plan import settings_of, trained_id
from heatproof.tables.units import folder_name
from heatproof.train.processes import is_first, wait_for_all
from heatproof.types import ModelId


def is_chosen(work: Workspace, entry: ModelEntry) -> bool:
    """Whether the members of an ensemble are chosen, and the file says so as it was written."""
    folder = ensemble_folder(work, entry)
    return (folder / ensembles.ENSEMBLE).exists() and is_whole(folder, ensembles.load)


def choose_members(work: Workspace, entry: ModelEntry) -> None:
    """Choose the members of an ensemble, whose models are trained before.

    Raises:
        ModelError: The checkpoints do not fit together, or were not validated on the same films.
    """
    if is_first():
        places = _places(work, entry)
        kept = [cards.read_card(place) for place in places]
        best = ensembles.best_members(_scores(entry, kept), _pool(entry).best)
        ensembles.save(places, best, ensemble_folder(work, entry))
    # One process writes, and none goes on before the file is there.
    wait_for_all()


def ensemble_folder(work: Workspace, entry: ModelEntry) -> Path:
    """Where an ensemble lies, once its models are trained and its members chosen."""
    weights = [cards.read_card(place).id.checkpoints[0] for place in _places(work, entry)]
    # Weights and not names of members: members that are trained anew make another ensemble.
    return work.folder / "models" / folder_name(entry.name, weights, _pool(entry).best)


def _places(work: Workspace, entry: ModelEntry) -> list[Path]:
    """The folders of all checkpoints that an ensemble is chosen from."""
    members = _members(work.experiment, entry)
    return [place for member in members for place in _checkpoints(work, member)]


def check_pool(experiment: Experiment, entry: ModelEntry) -> None:
    """Raises ExperimentError for an ensemble that could not be made as described."""
    first: dict[str, tuple[str, str]] = {}  # by what members agree in: who says it, and the value
    for member in _members(experiment, entry):
        if member.localizer or member.module:
            raise ExperimentError(
                f"ensemble {entry.name!r}: {member.name!r} is a"
                f" {'localizer' if member.localizer else 'module of yours'}; expected classifiers"
                " with a backbone of ours"
            )
        if member.training is None:
            continue  # what is known of it stands on its card
        settings = settings_of(member)
        agreed = {
            "backbone": member.backbone,
            "scaling": member.scaling,
            "training.validation": member.training.validation,
            "absent": settings.absent,
            "by": settings.by,
        }
        for name, value in agreed.items():
            other, expected = first.setdefault(name, (member.name, str(value)))
            if str(value) != expected:
                raise ExperimentError(
                    f"ensemble {entry.name!r}: {other!r} has {name} = {expected}, {member.name!r}"
                    f" has {value}; members agree in it, so that they can be compared and their"
                    " maps averaged"
                )


def pool_id(experiment: Experiment, entry: ModelEntry) -> ModelId:
    """The identity that an ensemble will have, without that of its members' weights."""
    ids = [
        cards.read_card(experiment.folder / member.card).id if member.card else trained_id(member)
        for member in _members(experiment, entry)
    ]
    return ModelId(
        ensembles.joined(member.architecture for member in ids),
        ensembles.joined(member.head for member in ids),
        ensembles.joined(member.data for member in ids),
    )


def _scores(entry: ModelEntry, kept: list[ModelCard]) -> Float[np.ndarray, "m k"]:
    """AUROC on validation of every checkpoint and finding; nan where it is undefined.

    Raises:
        ModelError: These cannot be compared, or a finding has none.
    """
    for card in kept[1:]:
        if card.tuned_on != kept[0].tuned_on:
            raise ModelError(
                f"ensemble {entry.name!r}: its members were validated on the films of"
                f" {kept[0].tuned_on.data!r} and of {card.tuned_on.data!r}, which are not the same;"
                " their AUROCs cannot be compared"
            )
    names = [f"{AUROC} of {finding}" for finding in kept[0].findings]
    for card in kept:
        if missing := [name for name in names if name not in card.metrics]:
            raise ModelError(
                f"ensemble {entry.name!r}: the card of {card.id} does not say the {missing[0]}"
            )
    scores = np.array([[card.metrics[name] for name in names] for card in kept])
    for column, finding in enumerate(kept[0].findings):
        if np.isnan(scores[:, column]).all():
            raise ModelError(
                f"ensemble {entry.name!r}: {kept[0].tuned_on.data!r} has not both positive and"
                f" negative films of {finding!r}, so no checkpoint can be chosen for it"
            )
    return scores


def _pool(entry: ModelEntry) -> Pool:
    if entry.ensemble is None:
        raise ExperimentError(f"model {entry.name!r} is no ensemble")
    return entry.ensemble


def _members(experiment: Experiment, entry: ModelEntry) -> list[ModelEntry]:
    by_name = {other.name: other for other in experiment.models}
    return [by_name[name] for name in _pool(entry).of]


def _checkpoints(work: Workspace, member: ModelEntry) -> list[Path]:
    if member.card is not None:
        return kept_folders(work.experiment.folder / member.card)
    return kept_folders(trained_folder(work, member))
