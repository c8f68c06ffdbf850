"""heatproof's own rule: what a careful statistician would sign.

Every criterion has a level that a map reaches without doing what is asked: the mean-mask prior for
localization, pairs of films for the rest.  The distance from there to 1 is the *room* of the
measure.

- Localization passes above the prior.
- Randomization passes when less than ``margin`` of the room is left of the similarity after every
  weight was randomized (and the similarity is at least ``least`` below 1): the map became as unlike
  the trained model's as the maps of other films are.
- Efficient MPRT passes when the rise of entropy, 0 of a map that did not change, exceeds ``least``.
- Repeatability and reproducibility pass when maps of the same film by different models reach more
  than ``agreement`` of the room, and at least ``least``, above those of different films.  Blur and
  position, which all films share, so count for nothing, and a map that ignores the film cannot
  pass.

Whether a map looks at the film at all is a test of its own, which fails all of these but the second
and third: the maps of different films are shown to be equal.  Maps are compared by Pearson's
correlation, which small lesions on an empty map do not fool (docs/results/film_blindness.md); by
SSIM two maps that are empty nearly everywhere are nearly equal.  Where a similarity leaves no room,
a map may keep all that can be kept and still not reach the threshold: that is no failure, it cannot
be told.

Both sides of each comparison are estimated from the same films, so the interval is that of their
difference: by patient, skewness-corrected, and by model, architecture and draw of random weights,
which are crossed (``trust.comparing``).  Of what there is one, the verdict is about that one, and
says so.  A pass or fail is an interval that leaves the threshold out at ``level``, after Holm's
correction over the family, each way; the rest is inconclusive.  "Strong" passes are not shown to be
good by failing to be shown bad: they are at most ``inferiority`` below the readers or a supervised
reference, shown in the same way.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt
from statistics import NormalDist
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from jaxtyping import Float

from heatproof.registry import part_name
from heatproof.stats.hall import PATIENTS, Certainty, certainty, planned_width
from heatproof.stats.multiple import adjusted
from heatproof.trust.comparing import DRAWS, MeasuredCell, alikeness, measured, numbered
from heatproof.trust.evidence import RISE, Asks, cells, rises
from heatproof.trust.pairs import SAME
from heatproof.trust.rules import Grid, rules
from heatproof.types import Needed, Outcome, Validity, Verdict

_NAN = float("nan")
_POWER = NormalDist().inv_cdf(0.9)  # "would settle": in nine of ten trials
_EQUAL = 1 - 1e-4
"""By a similarity that rewards shared emptiness, maps from here on are the same: a lesion of 4
pixels of 320, and nothing around it, still lies below."""
_MOST = 10_000_000  # patients that a plan looks for


@rules.register("heatproof")
@dataclass(frozen=True)
class Heatproof:
    """Localization passes above the mean-mask prior. Repeatability and reproducibility pass where
    maps of the same film are more than halfway from as unlike as maps of different films to equal;
    randomization passes where less than a quarter of that way is left. Each must be shown, by an
    interval over patients and models that is corrected for the number of verdicts.

    Attributes:
        metric: Spec of the metric of localization: one of maps, 1 at best.
        similarity: Spec of the similarity of the other criteria, 1 for equal maps.  Where it was
            not measured, SSIM is taken, or else the first that was, and a note says so.
        agreement: The share of the room that a repeatable map must reach: the half of the published
            SSIM of 0.5, counted from where maps of different films are.
        margin: The share of the room that matters: what may be left after randomization, and the
            distance from a threshold that an open verdict should settle.
        least: Maps of different films that are nearer to equal than this are the same map.  And the
            least rise of entropy.
        inferiority: How far a strong pass may lie below readers or a supervised reference.
        level: Confidence level of the intervals.
        correction: How p-values are corrected, over the family.
        patients: With fewer patients, every verdict stays inconclusive.
        usable: The share of values that must be defined; with less, nothing is called.
    """

    title: ClassVar[str] = "heatproof"
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        "agreement": (-1, 1),
        "margin": (0, 2),
        "least": (0, 1),
        "inferiority": (0, 1),
        "usable": (0, 1),
        "level": (0.5, 0.99999),
        "patients": (1, 1e9),
    }
    remarks: ClassVar[tuple[str, ...]] = ()
    former: ClassVar[Mapping[str, str]] = {
        "models": "models are generalized from as soon as there are two",
        "resamples": "intervals are computed, not drawn",
        "seed": "intervals are computed, not drawn",
    }
    metric: str = "auprc"
    similarity: str = "pearson"
    agreement: float = 0.5
    margin: float = 0.25
    least: float = 0.02
    inferiority: float = 0.05
    level: float = 0.95
    correction: Literal["holm", "none"] = "holm"
    patients: int = 20
    usable: float = 0.5

    def threshold(self, asks: Asks, chance: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
        """What must be passed, by the level that is reached without doing what is asked."""
        room = 1 - chance
        if asks is Asks.FINDS:
            return chance
        if asks is Asks.IS_LOST:
            # Maps of films may be so alike that only `least` makes sure that a map changed at all.
            return np.minimum(chance + self.margin * room, 1 - self.least)
        if asks is Asks.RISES:
            return chance + self.least
        return chance + np.maximum(self.agreement * room, self.least)

    def __call__(
        self, table: pl.DataFrame, methods: Sequence[str], controls: Sequence[str] = ()
    ) -> tuple[Verdict, ...]:
        """A verdict per criterion and method, stronger where it also holds against a control."""
        [verdicts] = self.family([Grid(table, methods, controls)])
        return verdicts

    def family(self, grids: Sequence[Grid]) -> list[tuple[Verdict, ...]]:
        """The verdicts of each grid, corrected over all of them."""
        judged = [self._grid(grid) for grid in grids]
        self._correct([cell for grid in judged for cell in grid.cells], judged)
        plain = [[self._verdict(cell) for cell in grid.cells] for grid in judged]
        return self._strong(judged, plain)

    def _grid(self, grid: Grid) -> "_JudgedGrid":
        table = numbered(_emptied(grid.table))
        every = tuple(dict.fromkeys((*grid.methods, *grid.controls)))
        found = [
            measured(cell, self.threshold) for cell in cells(table, every, self._measures(table))
        ]
        entries = [entry for entry in found if entry.cell.method in grid.methods]
        references = [entry for entry in found if entry.cell.method in grid.controls]
        of_cells = [_JudgedCell(entry, certainty(entry.distance, self.level)) for entry in entries]
        return _JudgedGrid(of_cells, references, dict(self._blindness(entries)))

    def _measures(self, table: pl.DataFrame) -> tuple[str, ...]:
        """The measures that count, the first that was measured."""
        others = table.filter(pl.col("criterion") != "localization")["similarity"]
        found = (spec for spec in others.unique(maintain_order=True) if spec not in rises(table))
        return (self.metric, self.similarity, "ssim", *found, *rises(table))

    def _blindness(self, entries: Sequence[MeasuredCell]) -> Iterator[tuple[str, "_Blindness"]]:
        """Of each method, whether the maps of different films are equal."""
        for entry in entries:
            asks = entry.cell.asks
            if asks in (Asks.IS_KEPT, Asks.IS_LOST):
                alike = alikeness(entry, self._equal(entry))
                if alike.units(PATIENTS) >= self.patients:
                    sure = certainty(alike, self.level)
                    yield entry.cell.method, _Blindness(entry, sure, self._equal(entry))

    def _equal(self, entry: MeasuredCell) -> float:
        return 1 - self.least if part_name(entry.cell.measure) == "pearson" else _EQUAL

    def _correct(self, every: Sequence["_JudgedCell"], grids: Sequence["_JudgedGrid"]) -> None:
        able = [cell for cell in every if self._hindrance(cell.entry) is None]
        blind = [test for grid in grids for test in grid.blindness.values()]
        passed = self._corrected([cell.test.above for cell in able])
        # A method that is shown to be blind fails by that, so these tests are of one family.
        failed = self._corrected(
            [cell.test.below for cell in able] + [test.test.above for test in blind]
        )
        for cell, above, below in zip(able, passed, failed, strict=False):
            cell.outcome, cell.tests = self._outcome(above, below), len(able)
        for test, shown in zip(blind, failed[len(able) :], strict=True):
            test.shown = shown <= (1 - self.level) / 2
        for grid in grids:
            for cell in grid.cells:
                blindness = grid.blindness.get(cell.entry.cell.method)
                if blindness is not None and blindness.shown:
                    cell.blindness = blindness

    def _strong(
        self, grids: Sequence["_JudgedGrid"], plain: Sequence[Sequence[Verdict]]
    ) -> list[tuple[Verdict, ...]]:
        """Against the readers or references that the same criterion was measured on."""
        best: dict[tuple[int, int], float] = {}
        for number, (grid, verdicts) in enumerate(zip(grids, plain, strict=True)):
            for place, (cell, verdict) in enumerate(zip(grid.cells, verdicts, strict=True)):
                if verdict.passed is not Outcome.PASS:
                    continue
                entry = cell.entry
                tests = [
                    certainty(entry.less(reference, self.inferiority), self.level).above
                    for reference in grid.references
                    if reference.cell.criterion == entry.cell.criterion
                    and reference.cell.asks is entry.cell.asks is not Asks.IS_LOST
                    and reference.cell.method != entry.cell.method
                ]
                if tests:
                    # Any one of several references will do, so each is a chance to pass by luck.
                    best[number, place] = min(1.0, len(tests) * min(tests))
        corrected = dict(zip(best, self._corrected(list(best.values())), strict=True))
        return [
            tuple(
                # Whether a map is worse than the readers is not tested, so a strong pass is shown
                # or stays inconclusive.
                replace(verdict, strong=self._outcome(corrected[number, place], 1.0))
                if (number, place) in corrected
                else verdict
                for place, verdict in enumerate(verdicts)
            )
            for number, verdicts in enumerate(plain)
        ]

    def _hindrance(self, entry: MeasuredCell) -> str | None:
        """Why nothing can be called, as a sentence."""
        if entry.cell.asks is None:
            lacking = entry.cell.rows.is_empty()
            return "Nothing was measured." if lacking else "There is nothing to compare it with."
        if entry.defined < self.usable * entry.values:
            return (
                f"Only {entry.defined:,} of {entry.values:,} values are defined: the others are of"
                " maps that are empty, constant or not finite."
            )
        if entry.patients < self.patients:
            return f"With fewer than {self.patients} {entry.unit}s nothing is called."
        return None

    def _outcome(self, above: float, below: float) -> Outcome:
        tail = (1 - self.level) / 2
        if above <= tail:
            return Outcome.PASS
        return Outcome.FAIL if below <= tail else Outcome.INCONCLUSIVE

    def _verdict(self, cell: "_JudgedCell") -> Verdict:
        entry, test = cell.entry, cell.test
        tested = entry.cell.asks is not None
        called, notes = self._called(cell)
        needed = None
        if called is Outcome.INCONCLUSIVE and not self._untold(cell):
            needed = self._needed(entry, cell.tests)
        return Verdict(
            criterion=entry.cell.criterion,
            method=entry.cell.method,
            passed=called,
            evidence=entry.evidence(test, self.level),
            threshold=entry.threshold,
            rule=rules.spec(self),
            above=entry.cell.asks is not Asks.IS_LOST,
            measure=entry.cell.measure,
            needed=needed,
            p=test.above if tested else _NAN,
            notes=(*notes, *self._notes(cell, called, needed)),
        )

    def _called(self, cell: "_JudgedCell") -> tuple[Outcome, list[str]]:
        """The outcome, and why it is another than the interval says."""
        entry = cell.entry
        if entry.cell.asks is None:
            return Outcome.NOT_TESTED, []
        if cell.outcome is None:
            return Outcome.INCONCLUSIVE, []
        if cell.blindness and entry.cell.asks in (Asks.FINDS, Asks.IS_KEPT):
            test, equal = cell.blindness.test, cell.blindness.equal
            return Outcome.FAIL, [
                f"Its maps of different films are the same ({equal + test.value:.3f},"
                f" {equal + test.low:.3f} to {min(equal + test.high, 1):.3f}, where equal ones have"
                " 1): it does not look at the film, whatever it shows."
            ]
        if self._untold(cell):
            return Outcome.INCONCLUSIVE, [
                f"Maps of different films are so much alike by this similarity ({entry.chance:.3f})"
                " that it leaves no room: whether it passes cannot be told by it. A similarity that"
                " does not reward shared emptiness can: pearson."
            ]
        return cell.outcome, []

    def _untold(self, cell: "_JudgedCell") -> bool:
        """Whether a failure would say nothing, since the similarity leaves no room to pass."""
        room, asks = 1 - cell.entry.chance, cell.entry.cell.asks
        if cell.outcome is not Outcome.FAIL or cell.blindness is not None:
            return False
        if asks is Asks.IS_LOST:
            return (1 - self.margin) * room < self.least
        return asks is Asks.IS_KEPT and self.agreement * room < self.least

    def _notes(self, cell: "_JudgedCell", called: Outcome, needed: Needed | None) -> Sequence[str]:
        entry, test, hindrance = cell.entry, cell.test, self._hindrance(cell.entry)
        notes = [hindrance] if hindrance else []
        undefined = entry.values - entry.defined
        if undefined and not hindrance:
            notes.append(f"{undefined:,} of {entry.values:,} values are undefined and left out.")
        if entry.about:
            notes.append(entry.about)
        measure, asks = entry.cell.measure, entry.cell.asks
        if asks in (Asks.IS_LOST, Asks.IS_KEPT) and measure != self.similarity:
            notes.append(f"Judged by {measure}, since {self.similarity} was not measured.")
        if called is Outcome.INCONCLUSIVE and not hindrance and not self._untold(cell):
            if test.low > 0 or test.high < 0:
                notes.append(
                    "The interval leaves the threshold out, but not once corrected for the number"
                    " of verdicts."
                )
            notes += self._of_these(cell)
            if needed is None and np.isfinite(test.low):
                notes.append(
                    f"With so many {entry.unit}s a difference of {entry.margin(self.margin):.2f} to"
                    " the threshold would most likely have been seen: it is smaller."
                )
        return notes

    def _of_these(self, cell: "_JudgedCell") -> Sequence[str]:
        """What could be said of the models at hand, where they are too few to speak of others."""
        if not set(cell.entry.distance.of) - {PATIENTS}:
            return []
        sure = certainty(cell.entry.of_patients(), self.level)
        outcome = self._outcome(*(min(1.0, cell.tests * p) for p in (sure.above, sure.below)))
        if outcome is Outcome.INCONCLUSIVE:
            return []
        word = "passes" if outcome is Outcome.PASS else "fails"
        return [
            f"About these models and draws alone it {word}; they are too few to tell of others."
        ]

    def _needed(self, entry: MeasuredCell, tests: int) -> Needed | None:
        """None where nothing can be said, or there already are as many."""
        margin, factors = entry.margin(self.margin), list(entry.distance.of)
        if not entry.patients or not margin > 0:
            return None
        # Holm's correction depends on the other p-values, so its strictest step is planned for.
        tail = (1 - self.level) / 2 / (max(tests, 1) if self.correction == "holm" else 1)
        have = np.array([entry.distance.units(factor) for factor in factors], float)
        of_one = np.array([entry.distance.variance(factor) for factor in factors]) * have
        units = have.copy()
        first = factors.index(PATIENTS)
        units[first] = max(units[first], self.patients)

        def seen(units: Float[np.ndarray, " f"]) -> float:
            planned = dict(zip(factors, units.tolist(), strict=True))
            error = sqrt(float((of_one / units).sum()))
            return planned_width(entry.distance, planned, tail) + _POWER * error

        # Whatever lowers the width most is added to, a tenth at a time: models are few and dear,
        # and a tenth of few is one.
        while seen(units) > margin:
            more = np.maximum(units + 1, np.ceil(units * 1.1))
            trials = [np.where(np.arange(len(units)) == k, more, units) for k in range(len(units))]
            units = min(trials, key=seen)
            if units.max() > _MOST:
                return None
        if (units == have).all():
            return None
        others = {
            factor: int(number)
            for factor, number, old in zip(factors, units, have, strict=True)
            if factor != PATIENTS and number > old
        }
        return Needed(
            margin,
            ceil(units[first]),
            models=max((n for name, n in others.items() if name != DRAWS), default=None),
            draws=others.get(DRAWS),
        )

    def _corrected(self, p: Sequence[float]) -> Sequence[float]:
        if self.correction == "none":
            return p
        return [float(value) for value in adjusted(np.array(p, float))]


def _emptied(table: pl.DataFrame) -> pl.DataFrame:
    """The table with a similarity of 0 where random weights left nothing of a map.

    A class map that is cut at 0 is often empty for a random network: no map is less like the
    trained one, and undefined it would leave the verdict open.
    """
    emptied = (
        (pl.col("draw") >= 0)
        & (pl.col("population") == SAME)
        & (pl.col("validity_a") == Validity.OK)
        & pl.col("validity_b").is_in([Validity.ZERO, Validity.CONSTANT])
        & (pl.col("similarity").map_elements(part_name, pl.String) != RISE)
    ).fill_null(False)
    return table.with_columns(
        value=pl.when(emptied).then(0.0).otherwise("value"),
        validity_b=pl.when(emptied).then(pl.lit(Validity.OK.value)).otherwise("validity_b"),
    )


@dataclass
class _Blindness:
    """The test whether the maps of different films are equal, and what it shows."""

    entry: MeasuredCell
    test: Certainty
    equal: float
    shown: bool = False


@dataclass
class _JudgedCell:
    """A cell, its test, and what the correction over the family makes of it."""

    entry: MeasuredCell
    test: Certainty
    outcome: Outcome | None = None
    tests: int = 1
    blindness: _Blindness | None = None


@dataclass
class _JudgedGrid:
    """The cells of a grid, those of its references, and whether each method is blind."""

    cells: list[_JudgedCell]
    references: list[MeasuredCell]
    blindness: dict[str, _Blindness]
