"""The trials of a sweep: the same number for every family.

One Optuna study per family, all in one SQLite file of the run folder.  What a trial draws depends
on the seed, on its number, on the name of the parameter and on the trials before it, and on nothing
else: a search that was interrupted ends as one that was not, and a parameter that two families
share is drawn alike for both as long as nothing is known of either.  A trial is an ordinary
training, in the folder that ``heatproof run`` would use for the same model: it goes on where it was
when it was killed, and the best one need not be trained again.

A trial is judged by the classification of the validation images, and by nothing else.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import optuna
import polars as pl
from optuna.trial import FrozenTrial, TrialState

from heatproof import train
from heatproof.errors import ModelError
from heatproof.models.card import read_card
from heatproof.run.decoded import decoded_once
from heatproof.run.experiment import Sweep
from heatproof.run.progress import Progress, Silent
from heatproof.run.search_space import Family, Value
from heatproof.run.training import AUROC, CHECKPOINTS, settings_of, train_model, trained_folder
from heatproof.run.units import digest
from heatproof.run.workspace import Workspace

STORAGE = "sweep.sqlite3"
BLIND = 10  # trials of a family that are drawn at random, before those that were good count
UNPRUNED = 5  # trials of a family before the first is pruned: a median needs some
_SECONDS, _REASON = "seconds", "reason"

State = Literal["complete", "pruned", "failed"]
STATES: Mapping[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


@dataclass(frozen=True)
class Trial:
    """One model that was tried.

    Attributes:
        number: In its family, from 0.
        values: By parameter.
        state: Whether it was trained to its end; a failed one had no finite loss.
        auroc: On validation: of the weights that were kept; of a pruned trial the highest of its
            rounds; ``nan`` of a failed one.
        epochs: Rounds.
        seconds: That they took.
        reason: Why it failed; empty where it did not.
        folder: Of the model; None where it was not completed.
    """

    number: int
    values: Mapping[str, Value]
    state: State
    auroc: float
    epochs: int
    seconds: float
    reason: str
    folder: Path | None


@dataclass(frozen=True)
class Tried:
    """A family and its trials, in order."""

    family: Family
    trials: tuple[Trial, ...]

    @property
    def complete(self) -> tuple[Trial, ...]:
        """Those that were trained to their end."""
        return tuple(trial for trial in self.trials if trial.state == "complete")

    @property
    def best(self) -> Trial:
        """The complete trial with the highest validation AUROC, the first of equals.

        Raises:
            ModelError: None is complete.
        """
        if not self.complete:
            why = next((trial.reason for trial in self.trials if trial.reason), "all were pruned")
            raise ModelError(f"no trial of {self.family.name!r} was completed: {why}")
        return max(self.complete, key=lambda trial: (trial.auroc, -trial.number))


def search(
    work: Workspace, sweep: Sweep, families: tuple[Family, ...], progress: Progress
) -> tuple[Tried, ...]:
    """Run the trials that are missing; returns all.

    Raises:
        HeatproofError: A trial could not be trained for a reason that is not its parameters.
    """
    work = _decoded(work, families)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    progress.start("sweep", sweep.trials * len(families))
    storage = optuna.storages.RDBStorage(f"sqlite:///{work.folder / STORAGE}")
    try:
        tried = tuple(_tried(work, sweep, family, storage, progress) for family in families)
    finally:
        storage.remove_session()
        storage.engine.dispose()
    progress.finish()
    return tried


def _tried(
    work: Workspace,
    sweep: Sweep,
    family: Family,
    storage: optuna.storages.RDBStorage,
    progress: Progress,
) -> Tried:
    pruner = optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED)
    study = optuna.create_study(
        storage=storage,
        study_name=_study_name(work, sweep, family),
        direction="maximize",
        pruner=pruner if sweep.prune else optuna.pruners.NopPruner(),
        load_if_exists=True,
    )
    for number in range(sweep.trials):
        begun = study.trials[number:][:1]
        done = bool(begun) and begun[0].state.is_finished()
        if not done:
            # Optuna starts the trial of a killed run never again by itself, and would draw another.
            trial = optuna.Trial(study, begun[0]._trial_id) if begun else study.ask()
            _run(work, sweep, family, study, trial, progress)
        progress.advance(skipped=done)
    return Tried(family, tuple(_read(work, family, one) for one in study.trials[: sweep.trials]))


def _study_name(work: Workspace, sweep: Sweep, family: Family) -> str:
    """Changes with whatever makes a trial; more trials are the same study."""
    made_of = {name: searched.model_dump() for name, searched in family.space.items()}
    folder = trained_folder(work, family.model).name
    return f"{folder}-{digest(made_of, sweep.seed, sweep.prune)[:12]}"


def _run(
    work: Workspace,
    sweep: Sweep,
    family: Family,
    study: optuna.Study,
    trial: optuna.Trial,
    progress: Progress,
) -> None:
    """Train the model of one trial, and write down what came of it."""
    values: dict[str, Value] = {}
    for name in family.space:
        seed = int(digest(sweep.seed, trial.number, name)[:8], 16)
        study.sampler = optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=BLIND, multivariate=False, constant_liar=False
        )
        values[name] = family.draw(trial, name)
    model = family.with_values(values)
    folder = trained_folder(work, model)
    rounds = _Rounds(trial, folder / CHECKPOINTS / train.CURVE, progress)
    try:
        train_model(work, model, rounds)
        rounds.end()
        study.tell(trial, read_card(folder).metrics[AUROC])
        return
    except optuna.TrialPruned:
        rounds.end()
        study.tell(trial, state=TrialState.PRUNED)
    except ModelError as error:
        if error.__cause__ is not None:
            raise  # a file that cannot be read or written: no fault of the parameters
        rounds.end()
        trial.set_user_attr(_REASON, str(error))
        study.tell(trial, state=TrialState.FAIL)
    shutil.rmtree(folder, ignore_errors=True)  # checkpoints that nothing goes on from


class _Rounds(Silent):
    """Hears a training, tells the trial of every round, and ends it where it is to be pruned."""

    def __init__(self, trial: optuna.Trial, curve: Path, progress: Progress) -> None:
        self._trial, self._curve, self._progress = trial, curve, progress
        self._changed = 0

    def tell(self, note: str) -> None:
        """After every step of the training."""
        self._progress.tell(f"trial {self._trial.number}: {note}")
        changed = self._curve.stat().st_mtime_ns if self._curve.is_file() else 0
        if changed != self._changed:
            self._changed = changed
            self._report()
            if self._trial.should_prune():
                raise optuna.TrialPruned

    def end(self) -> None:
        """No round follows."""
        if self._curve.is_file():
            self._trial.set_user_attr(_SECONDS, float(self._report()["seconds"][-1]))

    def _report(self) -> pl.DataFrame:
        """The curve of the training; the trial knows all its rounds then."""
        curve = pl.read_csv(self._curve)
        known = self._trial.study.trials[self._trial.number].intermediate_values
        for epoch, auroc in zip(curve["epoch"], curve["auroc"], strict=True):
            if epoch not in known:
                self._trial.report(auroc, epoch)
        return curve


def _read(work: Workspace, family: Family, trial: FrozenTrial) -> Trial:
    values = {name: trial.params[name] for name in family.space}
    state = STATES[trial.state]
    rounds = trial.intermediate_values.values()
    auroc = {"complete": trial.value, "pruned": max(rounds, default=None)}.get(state)
    complete = state == "complete"
    return Trial(
        number=trial.number,
        values=values,
        state=state,
        auroc=float("nan") if auroc is None else auroc,
        epochs=len(rounds),
        seconds=trial.user_attrs.get(_SECONDS, 0.0),
        reason=trial.user_attrs.get(_REASON, ""),
        folder=trained_folder(work, family.with_values(values)) if complete else None,
    )


def _decoded(work: Workspace, families: tuple[Family, ...]) -> Workspace:
    """With the films that every trial reads in memory, as far as the trainings may use that."""
    plans = [family.model.training for family in families]
    used = {name for plan in plans if plan for name in (plan.data, plan.validation)}
    limit = min(settings_of(family.model).cache_gb for family in families) / len(used)
    return replace(
        work,
        data={
            name: decoded_once(films, limit) if name in used else films
            for name, films in work.data.items()
        },
    )
