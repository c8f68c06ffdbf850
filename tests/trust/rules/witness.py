"""The rules of studies, derived anew from what the studies say, in plain loops over rows.

Nothing here knows how heatproof finds the rows of a verdict: a row is a dictionary, and which block
a cascade draws last is told (``last``).  T-tests are scipy's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan, sqrt
from statistics import fmean, variance
from typing import Any

import numpy as np
from scipy import optimize, stats

Row = Mapping[str, Any]
Last = Mapping[tuple[str, str], str]
"""Criterion and first model to the step at which the question is asked; absent without steps."""
PASS, FAIL, UNTESTED = "pass", "fail", "not tested"
SSIM = ("ssim(data_range=2.0)", "ssim")


@dataclass(frozen=True)
class Said:
    """What a rule says of one method by one criterion."""

    outcome: str
    value: float = nan
    bar: float = nan
    strong: str = UNTESTED
    p: float = nan
    films: int = 0


def number(row: Row) -> float | None:
    """The value of a row; None where it is undefined, or of a map that is none.

    A map or prior that was scored against a mask is judged by its score, whatever it looks like.
    """
    value = row["value"]
    scored = row["population"] in ("map", "prior")
    unreadable = {row["validity_a"], row["validity_b"]} & {"zero", "constant", "not finite"}
    if value is None or not isfinite(value) or (unreadable and not scored):
        return None
    return float(value)


def mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return fmean(numbers) if numbers else nan


def mean_of(rows: Iterable[Row]) -> float:
    return mean(value for row in rows if (value := number(row)) is not None)


def of_copies(rows: Iterable[Row]) -> float:
    """Over films, then over copies (ARUN: over images, then over replicates)."""
    copies: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        copies.setdefault((row["model_a"], row["draw"]), []).append(row)
    means = [mean_of(rows) for rows in copies.values()]
    return mean(value for value in means if isfinite(value))


def by_film(rows: Iterable[Row], *keys: str) -> list[float]:
    """Per film (or pair of films), the mean over models and draws."""
    films: dict[tuple[str, ...], list[float]] = {}
    for row in rows:
        if (value := number(row)) is not None:
            films.setdefault(tuple(row[key] for key in keys), []).append(value)
    return [fmean(values) for values in films.values()]


class Cell:
    """The rows of one method by one criterion, in the first of some measures that it has."""

    def __init__(
        self,
        rows: Iterable[Row],
        criterion: str,
        method: str,
        measures: Sequence[str],
        last: Last,
    ) -> None:
        self.criterion, self.last = criterion, last
        mine = [row for row in rows if (row["criterion"], row["method"]) == (criterion, method)]
        has = {row["similarity"] for row in mine}
        self.measure = next((measure for measure in measures if measure in has), "")
        self.rows = [row for row in mine if row["similarity"] == self.measure]

    def of(self, population: str) -> list[Row]:
        return [row for row in self.rows if row["population"] == population]

    def asked(self) -> list[Row]:
        """The rows that the criterion asks about, at the last step of each model."""
        rows = self.of("map" if self.criterion == "localization" else "same film")
        steps = [self.last.get((self.criterion, row["model_a"])) for row in rows]
        return [
            row
            for row, step in zip(rows, steps, strict=True)
            if step is None or row["step"] == step
        ]


def kind(criterion: str) -> str:
    """Whether maps must be found, lost (and below what), or kept."""
    lost = {"randomization": "random pairs", "data_randomization": "different films"}
    name = criterion.partition("(")[0]
    return "found" if name == "localization" else lost.get(name, "kept")


def films(rows: Iterable[Row]) -> int:
    return len({row["image_id"] for row in rows if number(row) is not None})


def by_means(
    rows: Sequence[Row],
    criterion: str,
    method: str,
    controls: Sequence[str],
    last: Last,
    metric: str = "auprc",
) -> Said:
    """Arun et al. 2021: means on one side of a bar."""
    cell = Cell(rows, criterion, method, (metric, *SSIM), last)
    asked = cell.asked()
    if kind(criterion) in ("found", "kept"):
        value = mean_of(asked)
        bar = mean_of(cell.of("prior")) if kind(criterion) == "found" else 0.5
        # A strong pass is not below the supervised reference; the study has no readers.
        references = []
        for name in controls:
            other = Cell(rows, criterion, name, (metric, *SSIM), last)
            if name != "readers" and other.measure == cell.measure:
                references.append(mean_of(other.asked()))
        known = [reference for reference in references if isfinite(reference)]
        strong = UNTESTED
        if known and isfinite(value):
            strong = PASS if value >= max(known) else FAIL
        passed = value > bar
    else:
        value, bar = of_copies(asked), mean_of(cell.of(kind(criterion)))
        strong, passed = UNTESTED, value < bar
    if not (isfinite(value) and isfinite(bar)):
        return Said(UNTESTED, value, bar, strong, films=films(asked))
    return Said(PASS if passed else FAIL, value, bar, strong, films=films(asked))


def interval(rows: Sequence[Row]) -> tuple[float, float]:
    """The 95% interval of a mean over patients by Hall's t, solved; nan for fewer than two."""
    sums: dict[str, list[float]] = {}
    for row in rows:
        sums.setdefault(row["cluster"], [])
        if (value := number(row)) is not None:
            sums[row["cluster"]].append(value)
    if sum(bool(values) for values in sums.values()) < 2:
        return nan, nan
    patients, n = list(sums.values()), len(sums)
    every = [value for values in patients for value in values]
    mean = fmean(every)
    adds = []
    for left_out in range(n):
        rest = [value for k, values in enumerate(patients) if k != left_out for value in values]
        if not rest:
            return nan, nan
        adds.append((n - 1) * (mean - fmean(rest)))
    if np.ptp(adds) < 1e-9:
        return mean, mean
    skewness = 0.0 if n < 3 else float(stats.skew(adds, bias=False)) * (1 + 2 / sqrt(n))
    spread = sqrt(variance(adds))

    def halls_t(truth: float) -> float:
        w, c = (mean - truth) / spread, skewness
        return sqrt(n) * (w + c * w**2 / 3 + c**2 * w**3 / 27 + c / (6 * n))

    quantile = float(stats.t.ppf(0.975, n - 1))
    far = 1e6 * spread
    low, high = (
        float(optimize.brentq(lambda mu, q=q: halls_t(mu) - q, mean - far, mean + far))
        for q in (quantile, -quantile)
    )
    # The farther end of Hall's and Student's counts.
    half = quantile * spread / sqrt(n)
    return min(low, mean - half), max(high, mean + half)


def one_sided(values: Sequence[float], bar: float, alternative: str) -> float:
    """The p of a one-sample t-test; values without a spread are on one side, or on the bar."""
    if len(values) < 2 or not isfinite(bar):
        return nan
    if np.ptp(values) < 1e-12:
        distance = fmean(values) - bar
        if abs(distance) < 1e-9:
            return 0.5
        return 0.0 if (distance > 0) == (alternative == "greater") else 1.0
    return float(stats.ttest_1samp(values, bar, alternative=alternative).pvalue)


def tukey(values: Sequence[float], others: Sequence[float]) -> float:
    """Tukey's honest significant difference between two groups."""
    if min(len(values), len(others)) < 2:
        return nan
    if np.ptp(values) < 1e-12 and np.ptp(others) < 1e-12:
        return 1.0 if abs(fmean(values) - fmean(others)) < 1e-9 else 0.0
    n, m = len(values), len(others)
    pooled = ((n - 1) * variance(values) + (m - 1) * variance(others)) / (n + m - 2)
    t = (fmean(values) - fmean(others)) / sqrt(pooled * (1 / n + 1 / m))
    return float(2 * stats.t.sf(abs(t), n + m - 2))


def by_t_tests(
    rows: Sequence[Row],
    criterion: str,
    method: str,
    controls: Sequence[str],
    last: Last,
    *,
    strong: bool,
) -> Said:
    """Venkatesh et al. 2024, weak or strong; everything at alpha .05."""

    def values_of(name: str, *measures: str) -> list[float]:
        return by_film(Cell(rows, criterion, name, measures, last).asked(), "image_id")

    readers = "readers" if "readers" in controls else ""
    tests: list[tuple[list[float], float, float, bool]] = []  # values, bar, p, passed
    if kind(criterion) == "found":
        values = values_of(method, "auprc")
        others = values_of(readers if strong else "edges", "auprc")
        p = tukey(values, others)
        if strong:
            passed = not (p < 0.05 and mean(values) < mean(others))
        else:
            passed = p < 0.05 and mean(values) > mean(others)
        tests.append((values, mean(others), p, passed))
    elif kind(criterion) == "kept":
        for measures, sign in ((SSIM, 1), (("iou",), 1), (("pixel_error",), -1)):
            cell = Cell(rows, criterion, method, measures, last)
            if not cell.measure:
                return Said(UNTESTED)
            values = by_film(cell.asked(), "image_id")
            bar = mean(values_of(readers, cell.measure)) if strong else 0.5
            better, worse = ("greater", "less") if sign > 0 else ("less", "greater")
            p = one_sided(values, bar, worse if strong else better)
            tests.append((values, bar, p, not p < 0.05 if strong else p < 0.05))
    else:
        cell = Cell(rows, criterion, method, SSIM, last)
        values = by_film(cell.asked(), "image_id")
        bar = mean(by_film(cell.of(kind(criterion)), "image_id", "image_id_b"))
        p = one_sided(values, bar, "less")
        tests.append((values, bar, p, p < 0.05))
    decisive = next((test for test in tests if not test[3]), tests[0])
    values, bar, p, _ = decisive
    if any(not isfinite(test[2]) for test in tests):
        return Said(UNTESTED, mean(values), bar, p=p, films=len(values))
    outcome = PASS if all(test[3] for test in tests) else FAIL
    return Said(outcome, mean(values), bar, p=p, films=len(values))
