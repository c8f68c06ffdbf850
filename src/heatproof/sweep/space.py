"""The parameters of a sweep: settings of the training, and options of heads.

A parameter is a training setting by its name (``lr``) or an option of a head by the names of both
(``wildcat.alpha``).  Every model takes the settings; options of a head apply to models with it.
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

import optuna

from heatproof.errors import ExperimentError, SpecError, near_misses
from heatproof.experiment.model import ModelEntry
from heatproof.experiment.settings import Searched, Sweep
from heatproof.experiment.workspace import Workspace
from heatproof.models.heads import heads
from heatproof.preparation.plan import settings_of
from heatproof.preparation.plan_checks import check_plan
from heatproof.registry import part_name
from heatproof.train.settings import Settings

ParameterValue = bool | int | float | str


@dataclass(frozen=True)
class Family:
    """One entry of ``[[models]]``, for which a sweep tries many settings.

    Attributes:
        model: The entry.
        space: The parameters of the search that apply to it, by name.
    """

    model: ModelEntry
    space: Mapping[str, Searched]

    @property
    def name(self) -> str:
        """Name of the entry."""
        return self.model.name

    @property
    def head(self) -> str:
        """Name of its head, without options."""
        return _head_name(self.model)

    def draw(self, trial: optuna.Trial, name: str) -> ParameterValue:
        """The value of one parameter in a trial; a parameter that was drawn keeps its value."""
        searched = self.space[name]
        if searched.choices:
            value = trial.suggest_categorical(name, searched.choices)
            assert value is not None
            return value
        low, high = searched.low, searched.high
        assert low is not None
        assert high is not None
        # TOML reads ends such as 0 and 1 as integers, also of a parameter that is a float.
        if isinstance(low, int) and isinstance(high, int) and _hint(name) is not float:
            return trial.suggest_int(name, low, high, log=searched.log)
        return trial.suggest_float(name, low, high, log=searched.log)

    def with_values(self, values: Mapping[str, ParameterValue]) -> ModelEntry:
        """The model with these parameters; it keeps its name.

        Raises:
            SpecError: The head does not take such a value.
        """
        assert self.model.training is not None
        settings = {name: value for name, value in values.items() if "." not in name}
        options = {name.partition(".")[2]: value for name, value in values.items() if "." in name}
        training = self.model.training
        changed = training.model_copy(update={"settings": training.settings | settings})
        # Options that are not searched keep the values of the entry.
        head = heads.build(self.head, vars(heads.parse(self.model.head)) | options)
        return self.model.model_copy(update={"training": changed, "head": heads.spec(head)})


def families(work: Workspace, sweep: Sweep) -> tuple[Family, ...]:
    """The families of a sweep, checked before anything is trained.

    Raises:
        ExperimentError: There is nothing to train or to validate on, a parameter does not exist or
            applies to no model, or a model cannot take a value.
    """
    # A model that is not trained here has no setting to search.
    models = [model for model in work.experiment.models if model.backbone and model.training]
    if not models:
        raise ExperimentError("a sweep needs [[models]] with a backbone and a training")
    used = {_head_name(model) for model in models}
    for name in sweep.search:
        _check_name(name, used)
    searched = tuple(Family(model, _applying(model, sweep)) for model in models)
    for family in searched:
        _check(work, family)
    if sweep.grid and len({math.prod(map(len, _choices(family))) for family in searched}) > 1:
        raise ExperimentError(
            "grid = true gives these models unequally many trials, since options of heads apply to"
            " some alone; search what applies to all, or draw (grid = false)"
        )
    return searched


def _choices(family: Family) -> Iterator[Sequence[ParameterValue]]:
    return (searched.choices for searched in family.space.values())


def _check_name(name: str, used: set[str]) -> None:
    """Raises ExperimentError where no setting, and no option of a used head, has the name."""
    settings = {field.name for field in dataclasses.fields(Settings)}
    options = {f"{head}.{option}" for head in used for option in _options(head)}
    head, dot, option = name.partition(".")
    if not dot and name not in settings:
        raise ExperimentError(
            f"sweep.search: no training setting is named {name!r};"
            f" {near_misses(name, settings | options)}"
        )
    if not dot:
        return
    if head not in heads.names():
        raise ExperimentError(
            f"sweep.search: {name!r}: no head is named {head!r}; {near_misses(head, heads.names())}"
        )
    if option not in _options(head):
        raise ExperimentError(
            f"sweep.search: {name!r}: {head} has no option {option!r};"
            f" {near_misses(option, _options(head))}"
        )
    if head not in used:
        raise ExperimentError(
            f"sweep.search: {name!r} applies to no model: their heads are {', '.join(sorted(used))}"
        )


def _check(work: Workspace, family: Family) -> None:
    """Raises ExperimentError where a family cannot be trained with the ends of every range."""
    plan = family.model.training
    assert plan is not None
    if plan.start is not None:
        raise ExperimentError(
            f"model {family.name!r} starts from {plan.start!r}: in a sweep it would have been"
            " trained longer than the others; leave start out"
        )
    if settings_of(family.model).processes > 1:
        raise ExperimentError(
            f"model {family.name!r}: a trial of a sweep is trained by one process; leave devices"
            " and nodes out (--ray tries several at a time)"
        )
    for name in (plan.data, plan.validation):
        if not work.data[name].samples:
            raise ExperimentError(f"model {family.name!r}: there is no film in {name!r}")
    # The model as it stands is checked first, so that its own faults are not blamed on the search.
    check_plan(work, family.model)
    for name, searched in family.space.items():
        for value in _ends(searched):
            try:
                check_plan(work, family.with_values({name: value}))
            except (ExperimentError, SpecError) as error:
                raise ExperimentError(f"sweep.search: {name} = {value!r}: {error}") from error


def _ends(searched: Searched) -> Iterator[ParameterValue]:
    ends: Iterable[ParameterValue | None] = searched.choices or (searched.low, searched.high)
    yield from (value for value in ends if value is not None)


def _applying(model: ModelEntry, sweep: Sweep) -> dict[str, Searched]:
    head = _head_name(model)
    return {
        name: searched
        for name, searched in sweep.search.items()
        if "." not in name or name.partition(".")[0] == head
    }


def _head_name(model: ModelEntry) -> str:
    return part_name(heads.spec(heads.parse(model.head)))


def _options(head: str) -> set[str]:
    return {field.name for field in dataclasses.fields(heads.part_class(head))}


def _hint(name: str) -> Any:
    """The type of a parameter."""
    head, dot, option = name.partition(".")
    return get_type_hints(heads.part_class(head))[option] if dot else get_type_hints(Settings)[name]
