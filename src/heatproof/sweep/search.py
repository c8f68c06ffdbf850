"""The trials of a sweep: the same number for every family.

One Optuna study per family, all in one SQLite file of the run folder.  What a trial draws depends
on the seed, on its number, on the name of the parameter and on the trials before it, and on nothing
else: a search that was interrupted ends as one that was not, and a parameter that two families
share is drawn alike for both as long as nothing is known of either.  Trials that may run at the
same time (``at_once``) are drawn, and pruned, by what is known before the first of them, so that it
does not matter where and in which order they run.

A trial is judged by the classification of the validation films, and by nothing else.
"""

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from heatproof.errors import DamagedFile, ModelError
from heatproof.experiment.settings import Sweep
from heatproof.experiment.workspace import Workspace
from heatproof.preparation.folders import trained_folder
from heatproof.preparation.training import is_trained
from heatproof.progress import Progress
from heatproof.sweep.attempt import Attempt, State, TrialOutcome, study_of
from heatproof.sweep.space import Family, ParameterValue
from heatproof.sweep.storage import open_storage, sealed_trial, sound_study
from heatproof.tables.units import digest

STORAGE = "sweep.sqlite3"
BLIND = 10  # trials of a family that are drawn at random, before those that were good count
_SECONDS, _REASON = "seconds", "reason"  # attributes of a trial in the study

Runner = Callable[[Sequence[Attempt]], Iterable[TrialOutcome]]
STATES: Mapping[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


@dataclass(frozen=True)
class Trial:
    """One model that was tried.

    Attributes:
        number: Number of the trial in its family, from 0.
        values: Value of each parameter, by its name.
        state: Whether it was trained to its end; a failed one had no finite loss.
        auroc: AUROC on validation of the weights that were kept; of a pruned trial the highest of
            its rounds; ``nan`` of a failed one.
        epochs: Number of rounds.
        seconds: Time that the rounds took.
        reason: Why it failed; empty where it did not.
        folder: Folder of the model; None where it was not completed.
    """

    number: int
    values: Mapping[str, ParameterValue]
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
        """The trials that were trained to their end."""
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
    work: Workspace,
    sweep: Sweep,
    families: tuple[Family, ...],
    run: Runner,
    progress: Progress,
) -> tuple[Tried, ...]:
    """Run the trials that are missing; returns all.

    Args:
        work: The experiment, whose folder holds the studies.
        sweep: The settings: how many trials there are, and how they are drawn.
        families: The families that are tried.
        run: Trains trials; their outcomes come in the order of the trials.
        progress: Hears of every trial.

    Raises:
        HeatproofError: A trial could not be trained for a reason that is not its parameters.
    """
    # Optuna logs every study that it creates otherwise, in between the progress bars.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    progress.start("sweep", sum(trials_of(sweep, family) for family in families))
    tried = []
    with open_storage(work.folder / STORAGE) as storage:
        for family in families:
            study = sound_study(storage, _study_name(work, sweep, family))
            tried.append(_tried(work, sweep, family, study, run, progress))
    progress.finish()
    return tuple(tried)


def trials_of(sweep: Sweep, family: Family) -> int:
    """How many trials a family has."""
    return len(_grid(family)) if sweep.grid else sweep.trials


def _tried(
    work: Workspace,
    sweep: Sweep,
    family: Family,
    study: optuna.Study,
    run: Runner,
    progress: Progress,
) -> Tried:
    count, done = trials_of(sweep, family), len(study.trials)
    # An earlier sweep may have run more trials than are asked for now.
    for _ in range(min(done, count)):
        progress.advance(skipped=True)
    while done < count:
        first = done - done % sweep.at_once  # of those that know the same earlier trials
        earlier = tuple(study.trials[:first])
        numbers = range(done, min(first + sweep.at_once, count))
        trials = [_drawn(sweep, family, number, earlier) for number in numbers]
        attempts = [
            Attempt(family, trial.params, number, earlier if sweep.prune else None)
            for number, trial in zip(numbers, trials, strict=True)
        ]
        for trial, outcome in zip(trials, _outcomes(run, attempts), strict=True):
            study.add_trial(sealed_trial(study.study_name, done, _finished(trial, outcome)))
            done += 1
            progress.advance()
    trials = study.trials[:count]
    _train_lost(work, family, trials, run)
    return Tried(family, tuple(_read(work, family, trial) for trial in trials))


def _train_lost(
    work: Workspace, family: Family, trials: Sequence[FrozenTrial], run: Runner
) -> None:
    """Train again what a trial trained and is gone: removed, damaged, or lost with the power."""
    lost = [
        Attempt(family, trial.params, trial.number, None)
        for trial in trials
        if trial.state is TrialState.COMPLETE
        and not is_trained(work, family.with_values(trial.params))
    ]
    if lost:
        numbers = ", ".join(str(one.number) for one in lost)
        warnings.warn(
            f"models of trials {numbers} of {family.name} are gone or damaged; they are trained"
            " again",
            DamagedFile,
            stacklevel=2,
        )
        list(_outcomes(run, lost))


def _outcomes(run: Runner, attempts: Sequence[Attempt]) -> Iterator[TrialOutcome]:
    """The outcomes of all attempts, in order.

    The same parameters are tried once, since the trials would share a folder.
    """
    keys = [str(sorted(attempt.values.items())) for attempt in attempts]
    distinct: dict[str, Attempt] = {}
    for key, attempt in zip(keys, attempts, strict=True):
        distinct.setdefault(key, attempt)
    outcomes = iter(run(list(distinct.values())))
    outcome_of: dict[str, TrialOutcome] = {}
    for key in keys:
        if key not in outcome_of:
            outcome_of[key] = next(outcomes)
        yield outcome_of[key]


def _study_name(work: Workspace, sweep: Sweep, family: Family) -> str:
    """Changes with whatever makes a trial; more trials are the same study."""
    space = {name: searched.model_dump() for name, searched in family.space.items()}
    folder = trained_folder(work, family.model).name
    # at_once counts, since it decides which earlier trials a trial knows.
    how = (sweep.seed, sweep.prune, sweep.at_once, sweep.grid)
    return f"{folder}-{digest(space, *how)[:12]}"


def _drawn(
    sweep: Sweep, family: Family, number: int, earlier: tuple[FrozenTrial, ...]
) -> FrozenTrial:
    """The parameters of one trial."""
    # A study that knows exactly the earlier trials: the stored one may know more by now.
    study = study_of(earlier)
    if sweep.grid:
        # Values that are enqueued take the place of those that a sampler would draw.
        study.enqueue_trial(_grid(family)[number])
    trial = study.ask()
    for name in family.space:
        # A sampler for each parameter: a parameter that is searched besides changes no other.
        seed = int(digest(sweep.seed, number, name)[:8], 16)
        study.sampler = optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=BLIND, multivariate=False, constant_liar=False
        )
        family.draw(trial, name)
    return study.trials[-1]


def _grid(family: Family) -> list[dict[str, ParameterValue]]:
    """Every combination of the choices, the last parameter first."""
    values = itertools.product(*(searched.choices for searched in family.space.values()))
    return [dict(zip(family.space, each, strict=True)) for each in values]


def _finished(trial: FrozenTrial, outcome: TrialOutcome) -> FrozenTrial:
    """A trial with its outcome, as the study stores it."""
    attributes: dict[str, float | str] = {_SECONDS: outcome.seconds}
    attributes |= {_REASON: outcome.reason} if outcome.reason else {}
    return optuna.trial.create_trial(
        state=next(kind for kind, state in STATES.items() if state == outcome.state),
        value=outcome.auroc,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=attributes,
        intermediate_values=dict(enumerate(outcome.rounds, start=1)),
    )


def _read(work: Workspace, family: Family, trial: FrozenTrial) -> Trial:
    """A trial of the study as a record."""
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
