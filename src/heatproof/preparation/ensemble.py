"""Stage: ensembles, chosen from the checkpoints of models that are there.

Of each finding the checkpoints with the highest AUROC on the validation films; localization chooses
nothing.  A checkpoint's AUROC is on its card, over the labels that say yes or no, so that models
trained under different policies for the others are compared by the same labels.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from heatproof.errors import ExperimentError, ModelError
from heatproof.experiment.model import Model, Pool
from heatproof.experiment.workspace import Workspace
from heatproof.models import card as cards
from heatproof.models import ensemble as ensembles
from heatproof.models.card import ModelCard
from heatproof.preparation.plan import AUROC, kept_folders, settings_of, trained_folder, trained_id
from heatproof.progress import Progress
from heatproof.tables.units import digest
from heatproof.train.processes import is_first, wait_for_all
from heatproof.types import ModelId


def make_ensemble(work: Workspace, model: Model, progress: Progress) -> Path:
    """Choose the members of an ensemble, unless that was done; they are trained before.

    Raises:
        ModelError: The checkpoints do not fit together, or have not been judged by the same films.
    """
    pool = _pool(model)
    places = [place for member in _members(work, model) for place in _places(work, member)]
    read = [cards.read_card(place) for place in places]
    known = [card.id.checkpoints[0] for card in read]
    safe = "".join(letter if letter.isalnum() else "-" for letter in model.name)
    folder = work.folder / "models" / f"{safe}-{digest(known, pool.best)[:12]}"
    done = (folder / ensembles.ENSEMBLE).is_file()
    if not done and is_first():
        ensembles.save(places, ensembles.best_members(_scores(model, read), pool.best), folder)
    wait_for_all()
    progress.advance(skipped=done)
    return folder


def check_pool(work: Workspace, model: Model) -> None:
    """Raises ExperimentError for an ensemble that could not be made as described."""
    kinds: dict[str, tuple[str, str]] = {}
    for member in _members(work, model):
        if member.localizer or member.module:
            raise ExperimentError(
                f"ensemble {model.name!r}: {member.name!r} is a"
                f" {'localizer' if member.localizer else 'module of yours'}; expected classifiers"
                " with a backbone of ours"
            )
        plan = member.training
        if plan is None:
            continue  # what is known of it stands on its card
        settings = settings_of(member)
        for name, value in (
            ("backbone", member.backbone),
            ("scaling", member.scaling),
            ("training.validation", plan.validation),
            ("absent", settings.absent),
            ("by", settings.by),
        ):
            other, theirs = kinds.setdefault(name, (member.name, str(value)))
            if str(value) != theirs:
                raise ExperimentError(
                    f"ensemble {model.name!r}: {other!r} has {name} = {theirs}, {member.name!r} has"
                    f" {value}; members agree in it, so that they can be compared and their maps"
                    " averaged"
                )


def pool_id(work: Workspace, model: Model) -> ModelId:
    """What an ensemble is, but for its members' weights."""
    ids = [
        cards.read_card(work.experiment.folder / member.card).id
        if member.card
        else trained_id(member)
        for member in _members(work, model)
    ]
    return ModelId(
        ensembles.joined(one.architecture for one in ids),
        ensembles.joined(one.head for one in ids),
        ensembles.joined(one.data for one in ids),
    )


def _scores(model: Model, read: list[ModelCard]) -> Float[np.ndarray, "m k"]:
    """AUROC on validation of every checkpoint and finding."""
    for card in read[1:]:
        if card.tuned_on != read[0].tuned_on:
            raise ModelError(
                f"ensemble {model.name!r}: its members were validated on the films of"
                f" {read[0].tuned_on.data!r} and of {card.tuned_on.data!r}, which are not the same;"
                " their AUROCs cannot be compared"
            )
    names = [f"{AUROC} of {finding}" for finding in read[0].findings]
    for card in read:
        if missing := [name for name in names if name not in card.metrics]:
            raise ModelError(
                f"ensemble {model.name!r}: the card of {card.id} does not say the {missing[0]}"
            )
    scores = np.array([[card.metrics[name] for name in names] for card in read])
    for column, finding in enumerate(read[0].findings):
        if np.isnan(scores[:, column]).all():
            raise ModelError(
                f"ensemble {model.name!r}: {read[0].tuned_on.data!r} has not both positive and"
                f" negative films of {finding!r}, so no checkpoint can be chosen for it"
            )
    return scores


def _pool(model: Model) -> Pool:
    if model.ensemble is None:
        raise ExperimentError(f"model {model.name!r} is no ensemble")
    return model.ensemble


def _members(work: Workspace, model: Model) -> list[Model]:
    named = {other.name: other for other in work.experiment.models}
    return [named[name] for name in _pool(model).of]


def _places(work: Workspace, member: Model) -> list[Path]:
    if member.card is not None:
        return kept_folders(work.experiment.folder / member.card)
    return kept_folders(trained_folder(work, member))
