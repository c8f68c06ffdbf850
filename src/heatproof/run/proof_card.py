"""What a ``Proof`` shows of itself: a screen of text, not pages of frames."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from heatproof.localize.controls import PRIOR
from heatproof.types import Estimate, Outcome
from heatproof.words import count, estimate, number

_MOST = 12  # lines of one kind
_SIGNS = {
    Outcome.PASS: "pass",
    Outcome.FAIL: "FAIL",
    Outcome.INCONCLUSIVE: "inconclusive",
    Outcome.NOT_TESTED: "not tested",
}


def card(
    report: Path,
    estimates: pl.DataFrame,
    verdicts: pl.DataFrame | None,
    warnings: Sequence[str],
) -> str:
    """Where the page is, how the classifier and each method did, the verdicts, the warnings."""
    lines = [f"page: {report}"]
    told = estimates.filter(pl.col("metric") == "auroc of the classifier")
    lines += _shortened(
        f"AUROC of {row['model']} for {row['finding']}: {_told(row)}"
        for row in told.iter_rows(named=True)
    )
    lines += _shortened(_localized(estimates))
    if verdicts is not None:
        lines += verdict_lines(verdicts)
    if warnings:
        lines.append(f"{count(len(warnings), 'warning')}, the first: {warnings[0]}")
    return "\n".join(lines)


def _localized(estimates: pl.DataFrame) -> Iterator[str]:
    """How well each method finds what is marked, by the first metric, beside the prior."""
    of_maps = estimates.filter(
        pl.col("method").is_not_null(), pl.col("statistic").is_in(["mean", "value"])
    )
    of_maps = of_maps.filter(pl.col("metric") == of_maps["metric"].first())
    priors = {
        (row["data"], row["finding"]): f" (mean-mask prior {number(row['value'])})"
        for row in of_maps.filter(pl.col("method") == PRIOR).iter_rows(named=True)
    }
    for row in of_maps.drop_nulls("model").iter_rows(named=True):
        place = f"{row['metric']} of {row['method']} by {row['model']} for {row['finding']}"
        yield f"{place}: {_told(row)}{priors.get((row['data'], row['finding']), '')}"


def verdict_lines(verdicts: pl.DataFrame) -> list[str]:
    """A line per verdict of the first rule; those that were not tested for one reason share one."""
    first = verdicts.filter(pl.col("rule") == verdicts["rule"].first())
    lines = []
    untested: dict[tuple[str, str], list[str]] = {}
    for row in first.iter_rows(named=True):
        if row["verdict"] == Outcome.NOT_TESTED and row["notes"]:
            untested.setdefault((str(row["finding"]), str(row["notes"])), []).append(_place(row))
        else:
            lines.append(_verdict(row))
    for (finding, why), places in untested.items():
        place = places[0] if len(places) == 1 else f"{len(places)} verdicts of {finding}"
        lines.append(f"{_SIGNS[Outcome.NOT_TESTED]:<12}  {place}: {why}")
    return _shortened(lines)


def _verdict(row: dict[str, Any]) -> str:
    sign = _SIGNS[Outcome(str(row["verdict"]))]
    return f"{sign:<12}  {_place(row)}: {_told(row)}"


def _place(row: dict[str, Any]) -> str:
    return f"{row['criterion']} of {row['method']} ({row['finding']})"


def _told(row: dict[str, Any]) -> str:
    value, low, high, level = (float(row[key]) for key in ("value", "low", "high", "level"))
    return estimate(Estimate(value, low, high, level, row["cases"], ""))


def _shortened(lines: Iterable[str]) -> list[str]:
    every = list(lines)
    if len(every) <= _MOST + 1:
        return every
    return [*every[:_MOST], f"and {len(every) - _MOST} more: see the page"]
