"""How far is a method from a threshold, and what does each patient and model add to that?

A cell of the grid has values and the values that they are compared with; a rule makes a threshold
of the mean of the latter.  The distance between mean and threshold, positive on the side that
passes, is one number of both, so that its interval holds the uncertainty of the threshold too.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float

from heatproof.stats.studentized import Certainty, Population, StudentizedDifference, compare
from heatproof.trust.evidence import Asks, Cell
from heatproof.trust.pairs import RANDOM
from heatproof.types import Estimate

Threshold = Callable[[Asks, Float[np.ndarray, " k"]], Float[np.ndarray, " k"]]
_NAN = float("nan")
_NOTHING = StudentizedDifference(_NAN, np.empty(0), np.empty(0))
_PATIENTS, _MODELS, _COPY = ("_patient", "_patient_b"), ("_model", "_model_b"), "_copy"


@dataclass(frozen=True)
class MeasuredCell:
    """A cell of the trust grid with its mean, its threshold and the distance between them.

    Attributes:
        cell: The rows of the cell.
        main: The values of the cell, with the patients and models behind each.
        value: The mean of the defined values; nan without any.
        chance: The mean of the values that they are compared with; 0 where there is no comparison.
        threshold: What the mean must pass; nan where nothing was measured.
        distance: The distance of the mean from the threshold, positive on the side that passes.
        about: A sentence on the models that a verdict is about, where models are not resampled.
    """

    cell: Cell
    main: Population
    value: float
    chance: float
    threshold: float
    distance: StudentizedDifference
    about: str

    @property
    def values(self) -> int:
        """The number of values, undefined ones included."""
        return len(self.main.values)

    @property
    def defined(self) -> int:
        """The number of defined values."""
        return int(np.isfinite(self.main.values).sum())

    def margin(self, share: float) -> float:
        """The distance from the threshold that matters: a share of the room between chance and 1.

        After randomization, it is all that lies between chance and threshold.
        """
        if self.cell.asks is Asks.IS_LOST:
            return self.threshold - self.chance
        return share * (1 - self.chance)

    def less(self, other: "MeasuredCell", inferiority: float) -> StudentizedDifference:
        """This mean minus the other, plus what may be lacking; patients are paired."""
        resampled = len(self.distance.models) > 0
        mine, others = (
            Population(
                side.main.values, side.main.patients, self._models(side) if resampled else None
            )
            for side in (self, other)
        )
        return compare(lambda a, b: a - b + inferiority, [mine, others])

    @staticmethod
    def _models(side: "MeasuredCell") -> np.ndarray:
        if side.main.models is None:  # too few to be resampled
            return np.full((side.values, 1), -1)
        return side.main.models

    def evidence(self, test: Certainty, level: float, resamples: int) -> Estimate:
        """The mean, with the interval of its distance laid about it."""
        if self.cell.asks is None:
            return Estimate(_NAN, _NAN, _NAN, level, 0, "not tested")
        # Distance grows as a similarity that should be lost falls, so its ends change places.
        ends = (
            (self.threshold - test.high, self.threshold - test.low)
            if self.cell.asks is Asks.IS_LOST
            else (self.threshold + test.low, self.threshold + test.high)
        )
        by = f"{len(self.distance.patients)} patients"
        if len(self.distance.models):
            by += f" and {len(self.distance.models)} models"
        rows = self.cell.rows.filter(pl.col("value").is_finite())
        return Estimate(
            value=self.value,
            low=ends[0],
            high=ends[1],
            level=level,
            cases=rows["image_id"].n_unique(),
            method=f"studentized bootstrap of {by}, {resamples} resamples",
        )


def numbered(table: pl.DataFrame) -> pl.DataFrame:
    """The table with columns that number patients, models and randomized copies of models."""
    table = table.with_columns(
        # A value of one patient names that patient twice and counts once, so that all rows have the
        # same columns.
        cluster_b=pl.col("cluster_b").fill_null(pl.col("cluster")),
        model_b=pl.col("model_b").fill_null(pl.col("model_a")),
        # The separator keeps model and draw apart, and a null draw would make the whole text null.
        _copy=pl.concat_str("model_a", pl.lit("\n"), pl.col("draw").fill_null(-1)),
    )
    for names, columns in (
        (_PATIENTS, ("cluster", "cluster_b")),
        (_MODELS, ("model_a", "model_b")),
        ((_COPY,), (_COPY,)),
    ):
        # One numbering serves both columns and follows the rows, so that the same seed resamples
        # the same patients in every run.
        values = pl.concat([table[column].rename("") for column in columns]).unique(
            maintain_order=True
        )
        numbers = pl.Enum(values)
        table = table.with_columns(
            table[column].cast(numbers).to_physical().cast(pl.Int64).alias(name)
            for name, column in zip(names, columns, strict=True)
        )
    return table


def measured(cell: Cell, threshold: Threshold, least_models: int) -> MeasuredCell:
    """The distance of a cell from its threshold.

    Args:
        cell: The cell, its rows numbered (``numbered``).
        threshold: Gives the threshold, from the question and the mean that is compared with.
        least_models: The number of models from which on they are resampled, too.
    """
    rows, compared, asks = cell.rows, cell.compared, cell.asks
    if asks is None:
        empty = Population(np.empty(0), np.empty((0, 1), int))
        return MeasuredCell(cell, empty, _NAN, _NAN, _NAN, _NOTHING, "")
    if asks is Asks.FINDS:
        rows, compared = _paired(rows, compared)
    units, count = _units(asks, rows, least_models)
    main = _population(rows, units)
    others = [] if asks is Asks.RISES else [_population(compared, units)]
    # The sign makes a distance positive on the side that passes, for every question.
    side = -1 if asks is Asks.IS_LOST else 1

    def distance(
        value: Float[np.ndarray, " k"], *chances: Float[np.ndarray, " k"]
    ) -> Float[np.ndarray, " k"]:
        chance = chances[0] if chances else np.zeros_like(value)
        return np.asarray(side * (value - threshold(asks, chance)))

    value, chance = _mean(main), _mean(others[0]) if others else 0.0
    return MeasuredCell(
        cell=cell,
        main=main,
        value=value,
        chance=chance,
        threshold=float(threshold(asks, np.array([chance]))[0]),
        distance=compare(distance, [main, *others]),
        about=count,
    )


def _paired(rows: pl.DataFrame, prior: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every map with the prior on its film; where one score is undefined, both are."""
    both = rows.join(prior.select("image_id", prior="value"), on="image_id", how="inner")
    both_defined = pl.col("value").is_finite() & pl.col("prior").is_finite()
    value, level = (
        pl.when(both_defined).then(pl.col(name)).otherwise(_NAN) for name in ("value", "prior")
    )
    return both.with_columns(value=value), both.with_columns(value=level)


def _units(asks: Asks, rows: pl.DataFrame, least: int) -> tuple[tuple[str, ...], str]:
    """The columns that number the model draws, if there are enough of them, and how many."""
    defined = rows.filter(pl.col("value").is_finite())
    copied = asks in (Asks.IS_LOST, Asks.RISES)
    drawn = defined.filter(pl.col("draw") >= 0) if copied else defined.clear()
    # A copy or a prior brings no second trained model, so the first column numbers all models.
    columns: tuple[str, ...] = _MODELS[:1] if len(drawn) or asks is Asks.FINDS else _MODELS
    count = pl.concat([defined[name].rename("") for name in columns]).n_unique()
    copies = drawn[_COPY].n_unique()
    # Where trained models are too few but their random copies are enough, copies are resampled
    # instead.
    if count < least <= copies:
        columns, count = (_COPY,), copies
    about = "this model" if count == 1 else f"these {count} models"
    others = "others, trained anew,"
    if len(drawn):
        draws = drawn["draw"].n_unique()
        about += " and this draw" if draws == 1 else f" and these {draws} draws"
        about, others = f"{about} of random weights", "others"
    about = f"This is about {about}; how {others} would do is not in the interval."
    return (columns if count >= least else ()), about


def _population(rows: pl.DataFrame, units: tuple[str, ...]) -> Population:
    models = rows.select(units).to_numpy() if units else None
    if units == (_COPY,) and RANDOM in rows["population"]:
        models = np.full((len(rows), 1), -1)  # pairs of the trained model hang on no copy
    return Population(rows["value"].to_numpy(), rows.select(_PATIENTS).to_numpy(), models)


def _mean(population: Population) -> float:
    defined = population.values[np.isfinite(population.values)]
    return float(defined.mean()) if len(defined) else _NAN
