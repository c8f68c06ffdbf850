"""Tuning: which value of an option does best on films that nobody is judged on?

A part that can be tuned names the candidates, and chooses among them by the mean score that each
reaches on the tuning films, one finding at a time.  It chooses the first of the best, so that a
coarse grid of thresholds prefers the lower of two that do alike, as CheXlocalize's authors do.
Where no tuning film has a finding nothing is chosen, and what would need a choice is undefined.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from heatproof.errors import SpecError

AnyPart = TypeVar("AnyPart")


@runtime_checkable
class Tunable(Protocol):
    """A part with an option that tuning films choose."""

    def candidates(self) -> Mapping[float, Any]:
        """The part with each value; empty where nothing is left to choose."""
        ...

    def choose(self, means: Mapping[float, float], finding: str) -> float | None:
        """The value to take, given the mean score of each; None where no mean is defined."""
        ...

    def chosen(self, value: float | None) -> Any:
        """The part with that value; for None, a part that is undefined everywhere."""
        ...


@dataclass(frozen=True)
class Untuned:
    """A binarizer for findings that no tuning film has: undefined for every map."""

    def __call__(
        self,
        saliency: Float[np.ndarray, "h w"],  # noqa: ARG002
    ) -> Bool[np.ndarray, "h w"] | None:
        """``None``, always."""
        return None


@dataclass(frozen=True)
class ByFinding:
    """A part whose value was chosen for each finding.

    Attributes:
        part: The part, its option left open.
        values: The value chosen for each finding; a finding that no tuning film has is absent.
    """

    part: Tunable
    values: Mapping[str, float]

    def at(self, finding: str) -> Any:
        """The part with the value of one finding."""
        return self.part.chosen(self.values.get(finding))

    def __call__(self, *_: Any) -> Any:
        """Refuses: only ``at(finding)`` knows which value applies."""
        raise SpecError(f"{self.part} was tuned for each finding: use .at(finding)")


def best(means: Mapping[float, float]) -> float | None:
    """The value with the largest mean that is defined; of equal ones the first."""
    defined = {value: mean for value, mean in means.items() if isfinite(mean)}
    # `max` keeps the first of equal values, so the order of candidates decides ties.
    return max(defined, key=defined.__getitem__) if defined else None


def tunable(part: Any) -> Tunable | None:
    """The part itself, or the one of its options, that has values to choose from; None where there
    is none.

    Raises:
        SpecError: Two are, and the best of one depends on the other.
    """
    parts = list(_tunable(part))
    if len(parts) > 1:
        raise SpecError(f"{part}: {len(parts)} options are to be tuned at once; fix all but one")
    return parts[0] if parts else None


def candidates(part: AnyPart) -> dict[float, AnyPart]:
    """The part with each value that may be chosen; empty where nothing is tuned."""
    tuned = tunable(part)
    values = tuned.candidates() if tuned else {}
    return {value: _with(part, partial(_replaced, tried)) for value, tried in values.items()}


def with_values(part: AnyPart, values: Mapping[str, float]) -> AnyPart:
    """The part with the value chosen for each finding, in the form that ``specialize`` takes."""
    changed: AnyPart = _with(part, lambda tuned: ByFinding(tuned, values))
    return changed


def _replaced(by: Any, _: Tunable) -> Any:
    return by


def _tunable(part: Any) -> list[Tunable]:
    # A tunable part whose values come from a table has no candidates and counts as fixed.
    itself = [part] if isinstance(part, Tunable) and part.candidates() else []
    fields = dataclasses.fields(part) if dataclasses.is_dataclass(part) else ()
    return itself + [inner for field in fields for inner in _tunable(getattr(part, field.name))]


def _with(part: Any, by: Callable[[Tunable], Any]) -> Any:
    """The part, with its tunable option replaced."""
    if isinstance(part, Tunable) and part.candidates():
        return by(part)
    # `is_dataclass` is true of classes as well, but `replace` needs an instance.
    if not dataclasses.is_dataclass(part) or isinstance(part, type):
        return part
    inner = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    changed = {name: _with(value, by) for name, value in inner.items() if _tunable(value)}
    return dataclasses.replace(part, **changed) if changed else part


@dataclass(frozen=True)
class TunedValue:
    """What tuning films chose for one metric, model, method and finding.

    Attributes:
        dataset: Name of the data set with the tuning films.
        model: Name of the model; empty: the method is a control.
        method: Spec of the method, or name of the control.
        metric: Spec of the metric, its option left open.
        finding: Name of the finding.
        value: The value that was chosen.
        score: The mean score with that value on the tuning films.
        cases: Number of tuning films on which the finding is marked.
    """

    dataset: str
    model: str
    method: str
    metric: str
    finding: str
    value: float
    score: float
    cases: int
