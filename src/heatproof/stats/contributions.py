"""What does each patient, and each model, add to a number?  Leave it out, and see.

Means of several populations (the similarity of maps of the same film, that of maps of different
films) make one number, such as their difference.  A value may belong to two patients (a pair of
films), to two models (a pair of maps) and to a draw of random weights.  These are *factors*, each
with its units; they may be crossed in any way.  Leaving one unit out, with every value that is
partly its own, tells what that unit adds: the jackknife's pseudo-values (Tukey 1958; Efron & Stein,
Ann Stat 1981).  ``hall.py`` makes an interval of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

StatisticOfMeans = Callable[..., Float[np.ndarray, " k"]]
"""Takes the mean of each population, an array; returns one number for each of its elements."""


@dataclass(frozen=True)
class Population:
    """Values, and the units that each depends on; units have the same numbers in all populations.

    Attributes:
        values: ``nan`` where undefined.
        units: By factor, such as ``"patients"``: one column of numbers, or two where a value
            compares two films or two models; -1 for a value that hangs on no unit of that factor.
    """

    values: Float[np.ndarray, " n"]
    units: Mapping[str, Int[np.ndarray, "n columns"]]


@dataclass(frozen=True)
class Contributions:
    """A number, and what each unit of each factor adds to it.

    Attributes:
        value: The number; ``nan`` where a population is empty.
        of: By factor, the pseudo-values less their mean, one per unit.  A factor is missing where
            it has a single unit, or where leaving a unit out leaves no number: then nothing is
            known of how the number varies with it.
    """

    value: float
    of: Mapping[str, Float[np.ndarray, " u"]] = field(default_factory=dict)

    def units(self, factor: str) -> int:
        """The number of units whose contributions are known; 0 where the factor is missing."""
        return len(self.of.get(factor, ()))

    def variance(self, factor: str) -> float:
        """The part of the squared standard error that a factor contributes."""
        pseudo = self.of.get(factor, np.empty(0))
        size = len(pseudo)
        return float(pseudo @ pseudo) / size / (size - 1) if size > 1 else 0.0


def contributions(compute: StatisticOfMeans, populations: Sequence[Population]) -> Contributions:
    """The number, with what each unit of every factor of any population adds to it."""
    kept = [_defined(population) for population in populations]
    if not all(len(population.values) for population in kept):
        return Contributions(float("nan"))
    value = float(compute(*(population.values.mean(keepdims=True) for population in kept))[0])
    factors = dict.fromkeys(factor for population in kept for factor in population.units)
    of = {factor: _pseudo(compute, value, kept, factor) for factor in factors}
    return Contributions(value, {factor: pseudo for factor, pseudo in of.items() if len(pseudo)})


def centred(value: float, without: Float[np.ndarray, " u"]) -> Float[np.ndarray, " kept"]:
    """Pseudo-values less their mean, of a number and of what it is without each unit in turn.

    Empty where there are fewer than two units, or where the number is undefined without one.
    """
    pseudo = (len(without) - 1) * (value - without)
    if len(without) < 2 or not np.isfinite(pseudo).all():  # noqa: PLR2004  nothing to compare
        return np.empty(0)
    return np.asarray(pseudo - pseudo.mean())


def _defined(population: Population) -> Population:
    kept = np.isfinite(population.values)
    units = {factor: numbers[kept] for factor, numbers in population.units.items()}
    return Population(population.values[kept], units)


def _pseudo(
    compute: StatisticOfMeans, value: float, populations: Sequence[Population], factor: str
) -> Float[np.ndarray, " u"]:
    # A population that knows nothing of the factor stays as it is, whichever unit is left out.
    units = [
        population.units.get(factor, np.full((len(population.values), 1), -1))
        for population in populations
    ]
    present = np.unique(np.concatenate([numbers.ravel() for numbers in units]))
    present = present[present >= 0]
    size = int(present.max(initial=-1)) + 1
    left = [
        _without(population.values, numbers, size)[present]
        for population, numbers in zip(populations, units, strict=True)
    ]
    return centred(value, np.asarray(compute(*left)))


def _without(
    values: Float[np.ndarray, " n"], units: Int[np.ndarray, "n columns"], size: int
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
