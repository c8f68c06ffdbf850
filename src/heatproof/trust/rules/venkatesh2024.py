"""Venkatesh et al. 2024: one-sample t-tests, with a weak and a strong bar.

Venkatesh et al., Gradient-Based Saliency Maps Are Not Trustworthy, J Imaging Inform Med 2024,
https://doi.org/10.1007/s10278-024-01136-4, and its public code.  Everything at alpha .05.

- Localization, weak: a pooled two-sided t-test (what Tukey's is between two groups) tells the mean
  AUPRC from that of an edge detector, and it is higher.  Strong: it fails only if it is so told
  from the readers' mean and is lower.
- Randomization, both: per film the mean over draws; a one-sided one-sample t-test says that their
  mean is below the mean of pairs of films, which is taken as known.
- Repeatability and reproducibility, weak: one-sided one-sample t-tests say that SSIM and IoU are
  above .5 and the pixel error is below .5, all three.  Strong: it fails only if one of the three is
  significantly worse than the readers' mean.

Supervised references have no part in it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from jaxtyping import Float
from scipy import stats

from heatproof.localize.controls import READERS
from heatproof.trust.evidence import Asks, Cell, cells
from heatproof.trust.rules import rules
from heatproof.types import Estimate, Outcome, Verdict

Side = Literal["greater", "less"]
_NAN = float("nan")
_ALPHA = 0.05
_HALF = 0.5
_ROUNDING = 1e-9  # values that differ by less are equal
_MEASURES: tuple[tuple[tuple[str, ...], Side], ...] = (
    (("ssim(data_range=2.0)", "ssim"), "greater"),
    (("iou",), "greater"),
    (("pixel_error",), "less"),
)
"""Specs of the similarities, and on which side of a bar maps are more alike."""
_REMARKS = (
    "Films are taken as independent, thresholds as known, and nothing is corrected for the number"
    " of tests.",
    "The target followed the randomized model; here it is fixed.",
    "The study scored only the films that its network classified correctly; here all marked films"
    " count.",
    "The published table of localization shows the verdict of the last test in every row.",
    "Where maps differed in size, one was compared with a copy of itself.",
    "The final models were selected on the test set.",
)
_Values = Float[np.ndarray, " _"]


@rules.register("venkatesh2024_weak")
@dataclass(frozen=True)
class Venkatesh2024Weak:
    """Significantly above an edge detector, above .5, and below pairs of films.

    Attributes:
        metric: Spec of the metric of localization.
        edges: Method that stands for the edge detector.
    """

    title: ClassVar[str] = "Venkatesh et al. 2024, weak"
    remarks: ClassVar[tuple[str, ...]] = (
        *_REMARKS,
        "A pixel error below .5 is met by any sparse map.",
        "An SSIM of .5 rewards blur and position: a map that ignores the film passes.",
    )
    metric: str = "auprc"
    edges: str = "edges"

    def __call__(
        self,
        table: pl.DataFrame,
        methods: Sequence[str],
        controls: Sequence[str] = (),  # noqa: ARG002  the weak bars are numbers and edges
    ) -> tuple[Verdict, ...]:
        """A verdict per criterion and method; ``controls`` have no part in them."""
        films = _Films(table, (*methods, self.edges), self.metric)
        return tuple(self._verdict(films, cell) for cell in films.primary if cell.method in methods)

    def _verdict(self, films: "_Films", cell: Cell) -> Verdict:
        rule = rules.spec(self)
        if cell.asks is Asks.IS_KEPT:
            tests = [
                _Test(cell, values, _HALF, p, p < _ALPHA)
                for cell, values, side in films.kept(cell)
                for p in [_one_sample(values, _HALF, side)]
            ]
            return _all_of(cell, tests, rule)
        if cell.asks is not Asks.FINDS:
            return films.lost(cell, rule)
        values, edges = films.of(cell), films.named(cell, (self.edges,))
        p = _pooled(values, edges)
        passed = p < _ALPHA and _mean(values) > _mean(edges)
        return _all_of(cell, [_Test(cell, values, _mean(edges), p, passed)], rule)


@rules.register("venkatesh2024_strong")
@dataclass(frozen=True)
class Venkatesh2024Strong:
    """Not significantly worse than the readers, and below pairs of films.

    Attributes:
        metric: Spec of the metric of localization.
    """

    title: ClassVar[str] = "Venkatesh et al. 2024, strong"
    remarks: ClassVar[tuple[str, ...]] = (
        *_REMARKS,
        "What is not significantly worse passes: with few films, anything does.",
        "A reader is compared with a consensus that holds that reader's own marks.",
    )
    metric: str = "auprc"

    def __call__(
        self, table: pl.DataFrame, methods: Sequence[str], controls: Sequence[str] = ()
    ) -> tuple[Verdict, ...]:
        """A verdict per criterion and method; without readers only randomization is tested."""
        readers = [name for name in controls if name == READERS]
        films = _Films(table, (*methods, *readers), self.metric)
        return tuple(
            self._verdict(films, cell, readers) for cell in films.primary if cell.method in methods
        )

    def _verdict(self, films: "_Films", cell: Cell, readers: Sequence[str]) -> Verdict:
        rule = rules.spec(self)
        if cell.asks is Asks.IS_KEPT:
            tests = [
                # A nan p-value passes here, but `_all_of` calls it not tested.
                _Test(cell, values, bar, p, not p < _ALPHA)
                for cell, values, side in films.kept(cell)
                for bar in [_mean(films.named(cell, readers))]
                # The strong bar is missed by maps that are worse, so the test looks to the other
                # side.
                for p in [_one_sample(values, bar, "less" if side == "greater" else "greater")]
            ]
            return _all_of(cell, tests, rule)
        if cell.asks is not Asks.FINDS:
            return films.lost(cell, rule)
        values, theirs = films.of(cell), films.named(cell, readers)
        p = _pooled(values, theirs)
        passed = not (p < _ALPHA and _mean(values) < _mean(theirs))
        return _all_of(cell, [_Test(cell, values, _mean(theirs), p, passed)], rule)


@dataclass(frozen=True)
class _Test:
    cell: Cell
    values: _Values
    bar: float
    p: float
    passed: bool


class _Films:
    """Means per film of every criterion, method and measure."""

    def __init__(self, table: pl.DataFrame, methods: Sequence[str], metric: str) -> None:
        every = tuple(dict.fromkeys(methods))
        self._table, self._methods = table, every
        by = [(metric, *_MEASURES[0][0]), *(specs for specs, _ in _MEASURES)]
        measured = [tuple(cells(table, every, specs, own_bars=True)) for specs in by]
        self.primary = measured[0]
        self._cells = {
            (cell.criterion, cell.method, cell.measure): cell
            for group in measured
            for cell in group
        }

    def of(self, cell: Cell) -> _Values:
        """Means of a cell over models and draws; films without a value are left out."""
        return _per_film(cell.rows, ["image_id"])

    def named(self, cell: Cell, methods: Sequence[str]) -> _Values:
        """Means per film of other methods, by the same criterion and measure."""
        others = [self._cells.get((cell.criterion, name, cell.measure)) for name in methods]
        return np.concatenate([np.empty(0), *(self.of(other) for other in others if other)])

    def kept(self, cell: Cell) -> Iterator[tuple[Cell, _Values, Side]]:
        """The cell by each of the three similarities."""
        for specs, side in _MEASURES:
            for spec in specs:
                measured = self._cells.get((cell.criterion, cell.method, spec))
                if measured is not None:
                    yield measured, self.of(measured), side

    def lost(self, cell: Cell, rule: str) -> Verdict:
        """Whether the similarity is below that of pairs of films."""
        values = self.of(cell)
        # Each pair is averaged over models before the mean over pairs is taken, as in the study's
        # code.
        bar = _mean(_per_film(cell.compared, ["image_id", "image_id_b"]))
        p = _one_sample(values, bar, "less")
        return _all_of(cell, [_Test(cell, values, bar, p, p < _ALPHA)], rule)


def _per_film(rows: pl.DataFrame, keys: list[str]) -> _Values:
    defined = rows.filter(pl.col("value").is_finite())
    return (
        # Polars groups in a random order unless told, which would change the last digits of a mean.
        defined.group_by(keys, maintain_order=True).agg(pl.col("value").mean())["value"].to_numpy()
    )


def _mean(values: _Values) -> float:
    return float(values.mean()) if len(values) else _NAN


def _one_sample(values: _Values, bar: float, side: Side) -> float:
    """The p of a one-sided t-test; nan where there is none."""
    if len(values) < 2 or np.isnan(bar):  # noqa: PLR2004  no spread
        return _NAN
    error = float(values.std(ddof=1)) / np.sqrt(len(values))
    t = _studentized(_mean(values) - bar, error)
    return float(stats.t.sf(t if side == "greater" else -t, len(values) - 1))


def _pooled(values: _Values, others: _Values) -> float:
    """The p of a two-sided t-test with pooled variance; nan where there is none."""
    n, m = len(values), len(others)
    if min(n, m) < 2:  # noqa: PLR2004  no spread
        return _NAN
    squares = values.var() * n + others.var() * m
    error = float(np.sqrt(squares / (n + m - 2) * (1 / n + 1 / m)))
    return float(2 * stats.t.sf(abs(_studentized(_mean(values) - _mean(others), error)), n + m - 2))


def _studentized(difference: float, error: float) -> float:
    """t; infinite without any spread, unless the difference is one of rounding: then 0."""
    if error > _ROUNDING:
        return difference / error
    return 0.0 if abs(difference) < _ROUNDING else float(np.copysign(np.inf, difference))


def _all_of(cell: Cell, tests: Sequence[_Test], rule: str) -> Verdict:
    """One verdict of several tests that must all be passed; the evidence is the first failed's."""
    lacking = _lacking(cell, tests)
    testable = bool(tests) and not lacking and not any(np.isnan(test.p) for test in tests)
    if cell.asks is None or not testable:
        outcome = Outcome.NOT_TESTED
    else:
        outcome = Outcome.PASS if all(test.passed for test in tests) else Outcome.FAIL
    decisive = next((test for test in tests if not test.passed), tests[0] if tests else None)
    measure = decisive.cell.measure if decisive else cell.measure
    return Verdict(
        criterion=cell.criterion,
        method=cell.method,
        passed=outcome,
        evidence=_estimate(decisive.values if decisive else np.empty(0)),
        threshold=decisive.bar if decisive else _NAN,
        rule=rule,
        above=cell.asks is not Asks.IS_LOST and measure != "pixel_error",
        measure=measure,
        p=decisive.p if decisive else _NAN,
        notes=tuple(_notes(outcome, measure, lacking)),
    )


def _lacking(cell: Cell, tests: Sequence[_Test]) -> list[str]:
    """The similarities that repeatable maps must all pass by, and that were not measured."""
    measured = {test.cell.measure for test in tests}
    wanted = _MEASURES if cell.asks is Asks.IS_KEPT else ()
    return [specs[0] for specs, _ in wanted if measured.isdisjoint(specs)]


def _notes(outcome: Outcome, measure: str, lacking: Sequence[str]) -> Iterator[str]:
    if lacking:
        yield f"The rule needs {' and '.join(lacking)} too."
    elif outcome is Outcome.NOT_TESTED:
        yield "There is nothing to test, or to test against."
    if measure == _MEASURES[0][0][1]:
        yield f"The study took {_MEASURES[0][0][0]}."


def _estimate(values: _Values) -> Estimate:
    """The mean with Student's interval."""
    count, level = len(values), 0.95
    mean = _mean(values)
    if count < 2:  # noqa: PLR2004  no spread
        return Estimate(mean, _NAN, _NAN, level, count, "no interval")
    half = float(stats.t.ppf((1 + level) / 2, count - 1) * values.std(ddof=1) / np.sqrt(count))
    return Estimate(mean, mean - half, mean + half, level, count, "Student's t over films")
