"""How far is a method from a threshold, and what does each patient and model add to that?

A cell of the grid has values and the values that they are compared with; a rule makes a threshold
of the mean of the latter.  The distance between mean and threshold, positive on the side that
passes, is one number of both, so that its interval holds the uncertainty of the threshold too.

A value depends on patients, on trained models, on the architectures of these, and on a draw of
random weights: *factors*, which are crossed (a draw has the same weights in every replicate, and
every model sees the same patients).  Each factor with at least two units is random: its interval
is that of others like it.  A factor with one unit is not, and what is said is about that unit.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from heatproof.stats.contributions import Contributions, Population, contributions
from heatproof.stats.hall import PATIENTS, Certainty
from heatproof.trust.evidence import Asks, Cell
from heatproof.types import Estimate
from heatproof.words import count, listed

Threshold = Callable[[Asks, Float[np.ndarray, " k"]], Float[np.ndarray, " k"]]
MODELS, DRAWS, ARCHITECTURES = "models", "draws", "architectures"
FEW = 3
"""Architectures below which what is said is about these: they are chosen, not drawn, and two say
nothing of a third."""
_NAN = float("nan")
_COLUMNS = {
    PATIENTS: ("cluster", "cluster_b"),
    MODELS: ("model_a", "model_b"),
    ARCHITECTURES: ("architecture_a", "architecture_b"),
    DRAWS: ("draw",),
}
_NAMES = {MODELS: "model", ARCHITECTURES: "architecture", DRAWS: "draw"}


@dataclass(frozen=True)
class MeasuredCell:
    """A cell of the trust grid with its mean, its threshold and the distance between them.

    Attributes:
        cell: The rows of the cell.
        main: The values of the cell, with the units behind each.
        value: The mean of the defined values; nan without any.
        chance: The mean of the values that they are compared with; 0 where there is no comparison.
        threshold: What the mean must pass; nan where nothing was measured.
        distance: The distance of the mean from the threshold, positive on the side that passes.
        about: A sentence on the models that a verdict is about, where it is not about others like
            them; empty otherwise.
    """

    cell: Cell
    main: Population
    value: float
    chance: float
    threshold: float
    distance: Contributions
    about: str

    @property
    def values(self) -> int:
        """The number of values, undefined ones included."""
        return len(self.main.values)

    @property
    def defined(self) -> int:
        """The number of defined values."""
        return int(np.isfinite(self.main.values).sum())

    @property
    def unit(self) -> str:
        """What is independent: a patient, or a film where no patient is known."""
        rows = self.cell.rows
        # A film of an unknown patient is a cluster of its own, of the film's name.
        unknown = len(rows) > 0 and bool((rows["cluster"] == rows["image_id"]).all())
        return "film" if unknown else "patient"

    @property
    def patients(self) -> int:
        """The number of patients whose contributions are known."""
        return self.distance.units(PATIENTS)

    def of_patients(self) -> Contributions:
        """The distance as it varies with patients alone: what is said of these models."""
        of = {name: pseudo for name, pseudo in self.distance.of.items() if name == PATIENTS}
        return Contributions(self.distance.value, of)

    def margin(self, share: float) -> float:
        """The distance from the threshold that matters: a share of the room between chance and 1.

        After randomization, it is all that lies between chance and threshold.
        """
        if self.cell.asks is Asks.IS_LOST:
            return self.threshold - self.chance
        return share * (1 - self.chance)

    def less(self, other: "MeasuredCell", inferiority: float) -> Contributions:
        """This mean minus the other, plus what may be lacking; patients are paired."""
        # Models of a reference are other models, whatever their numbers are.
        theirs = {
            name if name == PATIENTS else f"{name} of the reference": units
            for name, units in other.main.units.items()
        }
        return contributions(
            lambda a, b: a - b + inferiority, [self.main, Population(other.main.values, theirs)]
        )

    def evidence(self, test: Certainty, level: float) -> Estimate:
        """The mean, with the interval of its distance laid about it."""
        if self.cell.asks is None:
            return Estimate(_NAN, _NAN, _NAN, level, 0, "not tested")
        # Distance grows as a similarity that should be lost falls, so its ends change places.
        ends = (
            (self.threshold - test.high, self.threshold - test.low)
            if self.cell.asks is Asks.IS_LOST
            else (self.threshold + test.low, self.threshold + test.high)
        )
        by = [
            count(len(pseudo), self.unit if name == PATIENTS else _NAMES[name])
            for name, pseudo in self.distance.of.items()
        ]
        rows = self.cell.rows.filter(pl.col("value").is_finite())
        return Estimate(
            value=self.value,
            low=ends[0],
            high=ends[1],
            level=level,
            cases=rows["image_id"].n_unique(),
            method=f"skewness-corrected t of {listed(by)}" if by else "no interval",
        )


def numbered(table: pl.DataFrame) -> pl.DataFrame:
    """The table with columns that number the units of each factor; -1 where a value has none."""
    table = table.with_columns(
        # A value of one patient names that patient twice and counts once, so that all rows have the
        # same columns.
        cluster_b=pl.col("cluster_b").fill_null(pl.col("cluster")),
        model_b=pl.col("model_b").fill_null(pl.col("model_a")),
        draw=pl.col("draw").cast(pl.Int64).fill_null(-1),
    )
    for names in (_COLUMNS[PATIENTS], _COLUMNS[MODELS], _COLUMNS[ARCHITECTURES]):
        if names[0] not in table.columns:
            table = table.with_columns(pl.lit(-1).alias(f"_{name}") for name in names)
            continue
        # One numbering serves both columns and follows the rows, so that names decide nothing.
        values = pl.concat([table[name].rename("") for name in names]).unique(maintain_order=True)
        numbers = pl.Enum(values.drop_nulls())
        table = table.with_columns(
            table[name].cast(numbers).to_physical().cast(pl.Int64).fill_null(-1).alias(f"_{name}")
            for name in names
        )
    return table.with_columns(_draw=pl.when(pl.col("draw") < 0).then(-1).otherwise("draw"))


def measured(cell: Cell, threshold: Threshold) -> MeasuredCell:
    """The distance of a cell from its threshold.

    Args:
        cell: The cell, its rows numbered (``numbered``).
        threshold: Gives the threshold, from the question and the mean that is compared with.
    """
    rows, compared, asks = cell.rows, cell.compared, cell.asks
    if asks is None:
        empty = Population(np.empty(0), {})
        return MeasuredCell(cell, empty, _NAN, _NAN, _NAN, Contributions(_NAN), "")
    if asks is Asks.FINDS:
        rows, compared = _paired(rows, compared)
    defined = rows.filter(pl.col("value").is_finite())
    # A randomized copy, or a prior, brings no second trained model.
    second = asks is Asks.IS_KEPT or (asks is Asks.IS_LOST and not (rows["draw"] >= 0).any())
    main = _population(rows, second)
    others = [] if asks is Asks.RISES else [_population(compared, second)]
    # The sign makes a distance positive on the side that passes, for every question.
    side = -1 if asks is Asks.IS_LOST else 1

    def distance(
        value: Float[np.ndarray, " k"], *chances: Float[np.ndarray, " k"]
    ) -> Float[np.ndarray, " k"]:
        chance = chances[0] if chances else np.zeros_like(value)
        return np.asarray(side * (value - threshold(asks, chance)))

    value, chance = _mean(main), _mean(others[0]) if others else 0.0
    known = _random(contributions(distance, [main, *others]))
    return MeasuredCell(
        cell=cell,
        main=main,
        value=value,
        chance=chance,
        threshold=float(threshold(asks, np.array([chance]))[0]),
        distance=known,
        about=_about(_population(defined, second).units, known.of),
    )


def alikeness(cell: MeasuredCell, equal: float) -> Contributions:
    """How far the maps of different films are more alike than ``equal``, above 0 where they are."""
    compared = _population(cell.cell.compared, second=cell.cell.asks is Asks.IS_KEPT)
    return _random(contributions(lambda mean: mean - equal, [compared]))


def _random(every: Contributions) -> Contributions:
    """Without the factors of which nothing is known beyond the units at hand."""
    of = dict(every.of)
    architectures = len(of.get(ARCHITECTURES, ()))
    if architectures < FEW:
        of.pop(ARCHITECTURES, None)
        # One model of each architecture varies with it, and nothing says how it would by itself.
        if architectures and len(of.get(MODELS, ())) == architectures:
            del of[MODELS]
    # Models lie within their architectures, whose contributions hold theirs.
    elif MODELS in of:
        del of[MODELS]
    return Contributions(every.value, of)


def _paired(rows: pl.DataFrame, prior: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every map with the prior on its film; where one score is undefined, both are."""
    both = rows.join(prior.select("image_id", prior="value"), on="image_id", how="inner")
    both_defined = pl.col("value").is_finite() & pl.col("prior").is_finite()
    value, level = (
        pl.when(both_defined).then(pl.col(name)).otherwise(_NAN) for name in ("value", "prior")
    )
    return both.with_columns(value=value), both.with_columns(value=level)


def _population(rows: pl.DataFrame, second: bool) -> Population:
    """The values of some rows; ``second`` says whether the second model counts as well."""
    units: dict[str, Int[np.ndarray, "n columns"]] = {}
    for factor, names in _COLUMNS.items():
        taken = names if second or factor == PATIENTS else names[:1]
        units[factor] = rows.select(f"_{name}" for name in taken).to_numpy()
    return Population(rows["value"].to_numpy(), units)


def _about(units: Mapping[str, Int[np.ndarray, "n columns"]], random: Mapping[str, object]) -> str:
    """What is not generalized from, as a sentence; empty where everything is."""
    fixed = list(_fixed(units, random))
    if not fixed:
        return ""
    trained = "" if all("draw" in name for name in fixed) else ", trained anew,"
    return f"This is about {listed(fixed)}; how others{trained} would do is not in the interval."


def _fixed(
    units: Mapping[str, Int[np.ndarray, "n columns"]], random: Mapping[str, object]
) -> Iterator[str]:
    numbers = {name: len(np.unique(of[of >= 0])) for name, of in units.items()}
    nested = ARCHITECTURES in random  # models are then generalized from with their architectures
    for factor in (MODELS, ARCHITECTURES, DRAWS):
        number = numbers.get(factor, 0)
        if factor in random or not number or (factor == MODELS and nested):
            continue
        # One architecture is said with its models.
        if factor == ARCHITECTURES and (number < 2 or MODELS not in random):  # noqa: PLR2004
            continue
        what = f"this {_NAMES[factor]}" if number == 1 else f"these {count(number, _NAMES[factor])}"
        yield f"{what} of random weights" if factor == DRAWS else what


def _mean(population: Population) -> float:
    defined = population.values[np.isfinite(population.values)]
    return float(defined.mean()) if len(defined) else _NAN
