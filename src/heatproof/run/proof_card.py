"""What a ``Proof`` shows of itself: a screen of text, not pages of frames."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from heatproof.types import Estimate, Outcome
from heatproof.words import count, estimate

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
    if verdicts is not None:
        lines += verdict_lines(verdicts)
    if warnings:
        lines.append(f"{count(len(warnings), 'warning')}, the first: {warnings[0]}")
    return "\n".join(lines)


def verdict_lines(verdicts: pl.DataFrame) -> list[str]:
    """A line per verdict of the first rule."""
    first = verdicts.filter(pl.col("rule") == verdicts["rule"].first())
    return _shortened(_verdict(row) for row in first.iter_rows(named=True))


def _verdict(row: dict[str, Any]) -> str:
    sign = _SIGNS[Outcome(str(row["verdict"]))]
    place = f"{row['criterion']} of {row['method']} ({row['finding']})"
    untested = row["verdict"] == Outcome.NOT_TESTED and row["notes"]
    return f"{sign:<12}  {place}: {row['notes'] if untested else _told(row)}"


def _told(row: dict[str, Any]) -> str:
    value, low, high, level = (float(row[key]) for key in ("value", "low", "high", "level"))
    return estimate(Estimate(value, low, high, level, row["cases"], ""))


def _shortened(lines: Iterable[str]) -> list[str]:
    every = list(lines)
    if len(every) <= _MOST + 1:
        return every
    return [*every[:_MOST], f"and {len(every) - _MOST} more: see the page"]
