"""How sure is a comparison of means?  A studentized bootstrap of what each patient adds to it.

Means of several populations (the similarity of maps of the same film, that of maps of different
films) make one number, such as their difference.  A value may belong to two patients (a pair of
films) and to two models (a pair of maps), so values are not resampled themselves.  Leaving one
patient out, with every value that is partly theirs, tells what that patient adds: the jackknife's
pseudo-values (Tukey 1958; Efron & Stein, Ann Stat 1981), one per patient.  These are resampled, and
each replicate is divided by its own standard error (Efron & Tibshirani 1993, section 12.5): an
interval that follows the skewness of the values, where a plain percentile interval of 30 patients
does not.

Where draws of the model vary too, they have pseudo-values of their own; the two variances add up
(what patient and model do together is then counted twice, which errs on the wide side).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from heatproof.stats.bootstrap import draws

StatisticOfMeans = Callable[..., Float[np.ndarray, " k"]]
"""Takes the mean of each population, an array; returns one number for each of its elements."""
_NAN = float("nan")
_ROUNDING = 1e-9  # a difference of means of numbers between 0 and 1 that is no difference


@dataclass(frozen=True)
class Population:
    """Values, and the units (patients and models) that each depends on; units have the same numbers
    in all populations.

    Attributes:
        values: ``nan`` where undefined.
        patients: One column, or two where a value compares two films.
        models: None where models are not resampled; a value that hangs on no draw has -1.
    """

    values: Float[np.ndarray, " n"]
    patients: Int[np.ndarray, "n units"]
    models: Int[np.ndarray, "n draws"] | None = None


@dataclass(frozen=True)
class StudentizedDifference:
    """A number, and what each patient and each model adds to it.

    Attributes:
        value: The number; ``nan`` where a population is empty.
        patients: Pseudo-values less their mean, one per patient; empty where leaving a patient out
            leaves no number.
        models: The same per model draw; empty where models are not resampled.
    """

    value: float
    patients: Float[np.ndarray, " p"]
    models: Float[np.ndarray, " m"]

    @property
    def variances(self) -> tuple[float, float]:
        """The parts of the squared standard error that patients and models contribute."""
        return _variance(self.patients), _variance(self.models)


@dataclass(frozen=True)
class Certainty:
    """How sure it is that a number is above 0, or below.

    Attributes:
        value: The number itself.
        low: Lower end of its interval; ``nan`` where there is none.
        high: Upper end of its interval; ``nan`` where there is none.
        above: p that it is not above 0; 1 where it cannot be computed.
        below: p that it is not below 0; 1 where it cannot be computed.
    """

    value: float
    low: float
    high: float
    above: float
    below: float


def compare(compute: StatisticOfMeans, populations: Sequence[Population]) -> StudentizedDifference:
    """The number, with the pseudo-values of its patients and of its models."""
    kept = [_defined(population) for population in populations]
    if not all(len(population.values) for population in kept):
        return StudentizedDifference(_NAN, np.empty(0), np.empty(0))
    value = float(compute(*(population.values.mean(keepdims=True) for population in kept))[0])
    patients = _pseudo(compute, value, kept, [population.patients for population in kept])
    models = [population.models for population in kept if population.models is not None]
    resampled = len(models) == len(kept)
    return StudentizedDifference(
        value, patients, _pseudo(compute, value, kept, models) if resampled else np.empty(0)
    )


def against_zero(
    compared: Sequence[StudentizedDifference],
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> list[Certainty]:
    """The interval and p-values of each comparison; an interval excludes 0 exactly when a p is
    below its tail.

    Comparisons with equally many units share their resamples.
    """
    # Replicates are divided by their standard error, which a comparison without variance does not
    # have.
    resampled = [
        difference
        for difference in compared
        if len(difference.patients) and sum(difference.variances) > _ROUNDING**2
    ]
    # The records hold arrays and cannot be hashed, so their ids are the keys.
    spread: dict[int, tuple[Float[np.ndarray, " b"], Float[np.ndarray, " b"]]] = {
        id(difference): (np.zeros(resamples), np.zeros(resamples)) for difference in resampled
    }
    for of_models in (False, True):
        parts = {
            id(difference): difference.models if of_models else difference.patients
            for difference in resampled
        }
        for size in sorted({len(part) for part in parts.values()} - {0}):
            chosen = [name for name, part in parts.items() if len(part) == size]
            units = np.stack([parts[name] for name in chosen], axis=1)
            # Models have another seed, or equally many patients and models would be drawn alike.
            means, variances = _replicates(units, resamples, seed + of_models)
            for column, name in enumerate(chosen):
                means_before, variances_before = spread[name]
                spread[name] = (
                    means_before + means[:, column],
                    variances_before + variances[:, column],
                )
    return [
        _studentized(difference, *spread[id(difference)], level=level)
        if id(difference) in spread
        else _certain(difference, resamples)
        for difference in compared
    ]


def _certain(difference: StudentizedDifference, resamples: int) -> Certainty:
    """The result where patients cannot be left out, or where leaving them out changes nothing."""
    if not len(difference.patients):
        return Certainty(difference.value, _NAN, _NAN, 1.0, 1.0)
    # What does not vary gets the smallest p-value that so many resamples can give.
    least, value = 1 / (resamples + 1), difference.value
    above, below = value > _ROUNDING, value < -_ROUNDING
    return Certainty(value, value, value, least if above else 1.0, least if below else 1.0)


def _studentized(
    difference: StudentizedDifference,
    moved: Float[np.ndarray, " b"],
    squared: Float[np.ndarray, " b"],
    level: float,
) -> Certainty:
    with np.errstate(divide="ignore", invalid="ignore"):
        # A resample in which nothing moved is 0 / 0 and counts as no difference.
        replicates = np.sort(np.nan_to_num(moved / np.sqrt(squared), posinf=np.inf, neginf=-np.inf))
    error = float(np.sqrt(sum(difference.variances)))
    size, tail = len(replicates), (1 - level) / 2
    # The rank at which (1 + how many lie beyond) / (1 + size) reaches the tail.
    rank = max(int(tail * (size + 1)), 1)
    upper, lower = float(replicates[-rank]), float(replicates[rank - 1])
    observed = difference.value / error
    # Replicates equal to the observed value count on both sides, so that ties make no p-value
    # smaller.
    beyond = size - int(np.searchsorted(replicates, observed, "left"))
    before = int(np.searchsorted(replicates, observed, "right"))
    return Certainty(
        value=difference.value,
        # Studentized intervals turn the tails around: the upper quantile of t gives the lower end.
        low=difference.value - upper * error,
        high=difference.value - lower * error,
        above=(1 + beyond) / (1 + size),
        below=(1 + before) / (1 + size),
    )


def _defined(population: Population) -> Population:
    kept = np.isfinite(population.values)
    models = None if population.models is None else population.models[kept]
    return Population(population.values[kept], population.patients[kept], models)


def _pseudo(
    compute: StatisticOfMeans,
    value: float,
    populations: Sequence[Population],
    units: Sequence[Int[np.ndarray, "_ _"]],
) -> Float[np.ndarray, " u"]:
    present = np.unique(np.concatenate([number.ravel() for number in units]))
    present = present[present >= 0]
    size = int(present.max(initial=-1)) + 1
    left = [
        _without(population.values, number, size)[present]
        for population, number in zip(populations, units, strict=True)
    ]
    # Pseudo-values differ from this by a constant, which the centring below takes off.
    pseudo = (len(present) - 1) * (value - compute(*left))
    if len(present) < 2 or not np.isfinite(pseudo).all():  # noqa: PLR2004  nothing to compare
        return np.empty(0)
    return np.asarray(pseudo - pseudo.mean())


def _without(
    values: Float[np.ndarray, " n"], units: Int[np.ndarray, "n units"], size: int
) -> Float[np.ndarray, " size"]:
    """The mean without each unit in turn; ``nan`` where no value is left."""
    sums, counts = np.zeros(size), np.zeros(size)
    for column in range(units.shape[1]):
        number = units[:, column]
        # A value whose two units are one is taken out once.
        fresh = (number >= 0) & (number[:, None] != units[:, :column]).all(axis=1)
        sums += np.bincount(number[fresh], values[fresh], size)
        counts += np.bincount(number[fresh], minlength=size)
    left = len(values) - counts
    means: np.ndarray = np.full(size, np.nan)
    np.divide(values.sum() - sums, left, out=means, where=left > 0)
    return means


def _replicates(
    pseudo: Float[np.ndarray, "u k"], resamples: int, seed: int
) -> tuple[Float[np.ndarray, "b k"], Float[np.ndarray, "b k"]]:
    """The mean and its squared standard error in each replicate, one column per comparison."""
    size = len(pseudo)
    both = np.concatenate([pseudo, pseudo**2], axis=1)
    moments = np.concatenate([weights @ both for weights in draws(size, resamples, seed)]) / size
    means, squares = np.split(moments, 2, axis=1)
    # Rounding may push the difference of squares below 0.
    return means, np.maximum(squares - means**2, 0) / (size - 1)


def _variance(pseudo: Float[np.ndarray, " u"]) -> float:
    size = len(pseudo)
    return float(pseudo @ pseudo) / size / (size - 1) if size > 1 else 0.0
