"""One trial of a sweep: an ordinary training, which may be pruned, or fail.

It lies in the folder that ``heatproof run`` would use for the same model: it goes on where it was
when it was killed, and the best one need not be trained again.
"""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import optuna
import polars as pl
from optuna.trial import FrozenTrial

from heatproof import train
from heatproof.errors import TrainingError
from heatproof.experiment.workspace import Workspace
from heatproof.models.card import read_card
from heatproof.preparation.folders import AUROC, CHECKPOINTS, trained_folder
from heatproof.preparation.training import is_trained, train_model
from heatproof.progress import Progress, Silent
from heatproof.sweep.space import Family, ParameterValue

UNPRUNED = 5  # trials of a family before the first is pruned: a median of fewer is chance
State = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True)
class Attempt:
    """One trial, before it is trained.

    Attributes:
        family: Family of the model.
        values: Value of every parameter, by its name.
        number: Number of the trial in its family, from 0.
        earlier: The trials whose median it must reach; None where nothing is pruned.
    """

    family: Family
    values: Mapping[str, ParameterValue]
    number: int
    earlier: tuple[FrozenTrial, ...] | None


@dataclass(frozen=True)
class TrialOutcome:
    """The result of a trial.

    Attributes:
        state: Whether it was trained to its end.
        auroc: AUROC on validation of the weights that were kept; None where it has no end.
        rounds: AUROC on validation after every round.
        seconds: Time that the rounds took.
        reason: Why it failed; empty where it did not.
    """

    state: State
    auroc: float | None
    rounds: tuple[float, ...]
    seconds: float
    reason: str = ""


def study_of(trials: Iterable[FrozenTrial]) -> optuna.Study:
    """A study in memory that knows some trials."""
    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED)
    )
    study.add_trials(trials)
    return study


def attempt(work: Workspace, task: Attempt, progress: Progress) -> TrialOutcome:
    """Train the model of one trial.  The folder of a trial without an end is removed.

    Raises:
        HeatproofError: It could not be trained for a reason that is not its parameters.
    """
    model = task.family.with_values(task.values)
    folder = trained_folder(work, model)
    curve = folder / CHECKPOINTS / train.CURVE
    try:
        if not is_trained(work, model):
            train_model(work, model, _Rounds(task, curve, progress))
        return TrialOutcome("complete", read_card(folder).metrics[AUROC], *_rounds(curve))
    except optuna.TrialPruned:
        outcome = TrialOutcome("pruned", None, *_rounds(curve))
    except TrainingError as error:
        outcome = TrialOutcome("failed", None, *_rounds(curve), str(error))
    shutil.rmtree(folder, ignore_errors=True)  # checkpoints that nothing goes on from
    return outcome


def _rounds(curve: Path) -> tuple[tuple[float, ...], float]:
    """AUROC after every round of a training, and the seconds that they took."""
    if not curve.is_file():
        return (), 0.0
    table = pl.read_csv(curve.read_bytes())  # a path may be taken for a pattern
    return tuple(table["auroc"]), float(table["seconds"][-1])


class _Rounds(Silent):
    """Hears a training, and ends it after a round where it is to be pruned."""

    def __init__(self, task: Attempt, curve: Path, progress: Progress) -> None:
        self._number, self._curve, self._progress = task.number, curve, progress
        # Optuna's pruner judges a trial of a study: this study lives in memory, and knows only what
        # was known when the trial was drawn.
        self._trial = None if task.earlier is None else study_of(task.earlier).ask()
        self._changed, self._reported = 0, 0

    def tell(self, note: str, share: float | None = None) -> None:
        """After every step of the training."""
        self._progress.tell(f"trial {self._number}: {note}", share)
        # A training is heard after every step, and its curve changes after a round only.
        changed = self._curve.stat().st_mtime_ns if self._curve.is_file() else 0
        if self._trial is None or changed == self._changed:
            return
        self._changed = changed
        rounds, _ = _rounds(self._curve)
        for epoch in range(self._reported, len(rounds)):
            # Rounds count from 1, as in the stored trials: the median is that of the same round.
            self._trial.report(rounds[epoch], epoch + 1)
        self._reported = max(self._reported, len(rounds))  # a killed one may have been ahead
        if self._trial.should_prune():
            raise optuna.TrialPruned
