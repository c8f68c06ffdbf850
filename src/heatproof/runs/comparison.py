"""Two runs beside each other: what was asked differently, and what came out differently.

Scores are paired by film: of each data set, model, finding, method, metric and reader that both
runs have, the mean of the differences over the films that both measured, with an interval by
patients.  Models that were renamed are paired where each run has one alone.
"""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from heatproof import words
from heatproof.analysis.intervals import without_interval
from heatproof.runs.folder import Run
from heatproof.stats.estimates import paired
from heatproof.tables.scores import Scores
from heatproof.tables.verdicts import Verdicts
from heatproof.types import Estimate
from heatproof.words import count

_CELL = ("data", "finding", "method", "metric", "reader", "model")
_QUESTION = ("data", "finding", "rule", "criterion", "method", "measure")
_STAMPED = ("versions", "machine", "data")  # of run.json, beside what was asked


@dataclass(frozen=True)
class Part:
    """A part of a comparison, as people read it.

    Attributes:
        title: What it is about.
        says: Sentences: what all rows share, and what is not listed.
        headings: Of the columns; those in which all rows are alike are left out.
        rows: Cells as text.
    """

    title: str
    says: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, repr=False)
class RunComparison:
    """The second run beside the first.

    Attributes:
        first: The run that is compared with.
        second: The other.
        settings: What differs: ``setting``, ``first`` and ``second``, as JSON.
        scores: One row per cell: how many films both measured and how many of them ``differ``, the
            mean score of each run, and ``difference`` (second minus first) from ``low`` to ``high``
            with its uncorrected ``p``; these three are nan where no film differs.
        verdicts: Verdicts that changed, or that one run alone has.
    """

    first: Run
    second: Run
    settings: pl.DataFrame
    scores: pl.DataFrame
    verdicts: pl.DataFrame

    @property
    def parts(self) -> tuple[Part, ...]:
        """What people read of it: what differs, and how much does not."""
        differ = self.scores.filter(pl.col("differ") > 0)
        alike = len(self.scores.filter(pl.col("films") > 0)) - len(differ)
        says = [f"Alike on every film: {count(alike, 'score')}."] if alike else []
        return (
            _part("Settings that differ", self.settings),
            _part("Scores that differ, film by film", _told(differ), says),
            _part("Verdicts that changed", self.verdicts),
        )

    def page(self) -> str:
        """A page of HTML with everything."""
        title = f"{html.escape(self.first.name)} and {html.escape(self.second.name)}"
        return (
            f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>"
            "<style>body{font:15px/1.5 system-ui;margin:2em auto;max-width:75em;padding:0 1em}"
            "table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:left;"
            "border-bottom:1px solid #ccc}</style>"
            f"<h1>{title}</h1>{self._repr_html_()}</html>"
        )

    def __repr__(self) -> str:
        return "\n\n".join(map(_plain, self.parts))

    def _repr_html_(self) -> str:
        folders = f"first: {self.first.folder}, second: {self.second.folder}"
        return f"<p>{html.escape(folders)}</p>{''.join(map(_html, self.parts))}"


def compare(first: Run, second: Run) -> RunComparison:
    """Compare two runs.

    Raises:
        ExperimentError: One of them has no scores.
    """
    return RunComparison(
        first,
        second,
        pl.DataFrame(
            list(_settings(first, second)),
            dict.fromkeys(("setting", "first", "second"), pl.String),
            orient="row",
        ),
        _scores(first[Scores.name].frame, second[Scores.name].frame),
        _verdicts(first, second),
    )


def _settings(first: Run, second: Run) -> Iterator[tuple[str, str, str]]:
    flat = [
        dict(_flat(run.about.get("asked", {})))
        | dict(_flat({part: run.about.get(part) for part in _STAMPED}))
        for run in (first, second)
    ]
    for key in dict.fromkeys((*flat[0], *flat[1])):
        of_first, of_second = (text.get(key, "absent") for text in flat)
        if of_first != of_second:
            yield key, of_first, of_second


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Values inside tables and lists by dotted names; tables with a name go by it."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list) and value and all(isinstance(entry, Mapping) for entry in value):
        for number, entry in enumerate(value):
            yield from _flat(entry, f"{key}[{entry.get('name', number)}]")
    else:
        yield key, str(value)


def _scores(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    names = [set(frame["model"]) - {""} for frame in (first, second)]
    if names[0] != names[1] and len(names[0]) == len(names[1]) == 1:
        renamed = {names[1].pop(): next(iter(names[0]))}
        second = second.with_columns(pl.col("model").replace(renamed))
    keys = [*_CELL, "member", "image_id"]
    if set(first["member"]) != set(second["member"]):
        keys.remove("member")
    both = _usable(first).join(
        _usable(second).select(*keys, pl.col("value").alias("other")), on=keys, nulls_equal=False
    )
    rows = []
    for cell, films in both.group_by(_CELL, maintain_order=True):
        values, others = films["value"].to_numpy(), films["other"].to_numpy()
        gap = paired((others - values)[:, None], films["cluster"].to_list())
        defined = np.isfinite(values) & np.isfinite(others)
        differ = int((values != others)[defined].sum())
        if not differ:
            gap = without_interval(gap)  # the same maps: there is nothing to infer
        means = (
            float(side[defined].mean()) if defined.any() else np.nan for side in (values, others)
        )
        ends = (gap.value, gap.low, gap.high, gap.p)
        rows.append((*cell, int(defined.sum()), differ, *means, *map(float, ends)))
    numbers = dict.fromkeys(("first", "second", "difference", "low", "high", "p"), pl.Float64)
    schema = (
        dict.fromkeys(_CELL, pl.String) | dict.fromkeys(("films", "differ"), pl.Int64) | numbers
    )
    return pl.DataFrame(rows, schema, orient="row")


def _usable(scores: pl.DataFrame) -> pl.DataFrame:
    """Scores of marked films, each once."""
    marked = scores.filter(pl.col("metric").is_not_null(), pl.col("regions") > 0)
    return marked.unique([*_CELL, "member", "image_id"], maintain_order=True)


def _verdicts(first: Run, second: Run) -> pl.DataFrame:
    sides = []
    for run in (first, second):
        has_verdicts = Verdicts.name in run.tables
        frame = run.verdicts if has_verdicts else Verdicts.of_rows([]).frame
        sides.append(frame.select(*_QUESTION, "verdict", "value"))
    both = sides[0].join(
        sides[1],
        on=list(_QUESTION),
        how="full",
        coalesce=True,
        nulls_equal=True,
        suffix=" of second",
    )
    changed = pl.col("verdict").ne_missing(pl.col("verdict of second"))
    return both.filter(changed).rename(
        {"verdict": "first", "verdict of second": "second"} | {"value": "value of first"}
    )


def _told(scores: pl.DataFrame) -> pl.DataFrame:
    """Scores in words: each difference with its interval in one cell."""
    rows = [
        (
            *(row[key] for key in _CELL),
            f"{row['differ']} of {row['films']}",
            words.number(row["first"]),
            words.number(row["second"]),
            words.estimate(_gap(row), difference=True),
            _p(row["p"]),
        )
        for row in scores.iter_rows(named=True)
    ]
    headings = (*_CELL, "films that differ", "first", "second", "second − first", "p")
    return pl.DataFrame(rows, dict.fromkeys(headings, pl.String), orient="row")


def _gap(row: Mapping[str, Any]) -> Estimate:
    return Estimate(row["difference"], row["low"], row["high"], 0.95, row["films"], "paired")


def _p(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}" if value >= 0.001 else "<0.001"  # noqa: PLR2004


def _part(title: str, frame: pl.DataFrame, says: Sequence[str] = ()) -> Part:
    """A frame for people: what all its rows share is said once."""
    if frame.is_empty():
        return Part(title, ("None.", *says))
    shared = [
        name for name in frame.columns if name in (*_CELL, *_QUESTION)
        and len(frame) > 1 and frame[name].n_unique() == 1
    ]  # fmt: skip
    alike = [f"{name}: {frame[name][0]}" for name in shared if frame[name][0]]
    rows = frame.drop(shared)
    return Part(
        title,
        (*([", ".join(alike)] if alike else []), *says),
        tuple(rows.columns),
        tuple(tuple(map(_cell_text, row)) for row in rows.iter_rows()),
    )


def _plain(part: Part) -> str:
    rows = (part.headings, *part.rows) if part.rows else ()
    return "\n".join((part.title, *part.says, *map("  ".join, rows)))


def _html(part: Part) -> str:
    says = "".join(f"<p>{html.escape(text)}</p>" for text in part.says)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in part.headings)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
        for row in part.rows
    )
    table = f"<table><tr>{head}</tr>{rows}</table>" if part.rows else ""
    return f"<h2>{part.title}</h2>{says}{table}"


def _cell_text(value: object) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else words.number(value)
    return "" if value is None else str(value)
