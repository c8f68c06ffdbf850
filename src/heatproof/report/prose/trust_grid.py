"""The trust grid in words: what each criterion asks, what was found, and what would settle it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from heatproof.analysis.verdicts import Trust, high_controls
from heatproof.report.content import Content, RuleText
from heatproof.report.facts.parts import title_with_options
from heatproof.report.names import method_names
from heatproof.report.pictures.positions import Mark, mark, place
from heatproof.report.published import TRUST_GRIDS
from heatproof.report.published import TrustGrid as PublishedGrid
from heatproof.saliency import methods
from heatproof.trust.criteria import Wording, wording
from heatproof.trust.evidence import CRITERIA
from heatproof.trust.meets import meets_all
from heatproof.types import Estimate, Outcome, Verdict
from heatproof.words import count, number, signed

SIGNS = {
    Outcome.PASS: "\N{CHECK MARK}",
    Outcome.FAIL: "\N{MULTIPLICATION X}",
    Outcome.INCONCLUSIVE: "?",
    Outcome.NOT_TESTED: "\N{EN DASH}",
}


@dataclass(frozen=True)
class Shown:
    """One cell.

    Attributes:
        sign: Of the outcome, which no colour replaces.
        word: The outcome.
        outcome: For the style.
        value: Such as ``"SSIM 0.71"``; empty where nothing was measured.
        needed: Such as ``"above 0.50"``.
        distance: From the threshold, with its interval; None where there is none.
        mark: Value and interval, in percent of the way from 0 to 1.
        bar: The threshold likewise; None where there is none.
        settles: What would settle it; empty where nothing is open.
        notes: Numbers of the notes that stand below the grid.
    """

    sign: str
    word: str
    outcome: Outcome
    value: str = ""
    needed: str = ""
    distance: Estimate | None = None
    mark: Mark = Mark(None, None, None)  # noqa: RUF009  frozen
    bar: float | None = None
    settles: str = ""
    notes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Line:
    """One method: its cells by criterion, and whether it meets all four."""

    name: str
    cells: tuple[Shown, ...]
    all_four: Shown


@dataclass(frozen=True)
class GridText:
    """One grid.

    Attributes:
        criteria: Specs of its columns.
        columns: The criteria in words.
        high: What readers and supervised references reach: a name, and a value for each column,
            empty where it was not measured.
        notes: What must be known about cells, each once; cells refer to them by number, from 1.
    """

    dataset: str
    finding: str
    rule: RuleText
    criteria: tuple[str, ...]
    columns: tuple[Wording, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    high: tuple[tuple[str, tuple[str, ...]], ...] = ()


def grids(content: Content) -> tuple[GridText, ...]:
    """Every grid, in order."""
    rules = {rule.spec: rule for rule in content.rules}
    names = method_names(content)
    metrics = {metric.spec: metric.name for metric in content.metrics}
    return tuple(
        _shape(
            grid,
            rules.get(grid.rule, RuleText(grid.rule, grid.rule, "")),
            names,
            {**metrics, **grid.measures},
        )
        for grid in content.trust
    )


def published() -> tuple[tuple[PublishedGrid, tuple[Line, ...]], ...]:
    """The grids of studies, with "all four" computed from what they print."""
    return tuple(
        (
            grid,
            tuple(
                _published_line(title_with_options(methods.parse(spec)), passed)
                for spec, passed in grid.passed.items()
            ),
        )
        for grid in TRUST_GRIDS
    )


def four() -> tuple[Wording, ...]:
    """The criteria that "all four" is about."""
    return tuple(wording(criterion) for criterion in CRITERIA)


def asked(shapes: Sequence[GridText]) -> tuple[Wording, ...]:
    """Every criterion of some grids, in words, each once."""
    words = (one for shape in shapes for one in map(wording, shape.criteria) if one.explains)
    return tuple(dict.fromkeys(words))


def _columns(criteria: Sequence[str]) -> tuple[Wording, ...]:
    """Each criterion in words, under its spec where two share a title."""
    words = [wording(criterion) for criterion in criteria]
    titles = [one.title for one in words]
    return tuple(
        replace(one, title=one.title if titles.count(one.title) == 1 else criterion)
        for one, criterion in zip(words, criteria, strict=True)
    )


def _shape(
    grid: Trust, rule: RuleText, names: Mapping[str, str], measures: Mapping[str, str]
) -> GridText:
    criteria = tuple(dict.fromkeys(verdict.criterion for verdict in grid.verdicts))
    methods = tuple(dict.fromkeys(verdict.method for verdict in grid.verdicts))
    cells = {(one.method, one.criterion): one for one in grid.verdicts}
    notes = tuple(dict.fromkeys(note for one in grid.verdicts for note in one.notes))
    lines = tuple(
        Line(
            names.get(method, method),
            tuple(
                _shown(cells[method, criterion], measures, notes)
                if (method, criterion) in cells
                else _bare(Outcome.NOT_TESTED)
                for criterion in criteria
            ),
            _bare(
                meets_all({name: one.passed for (of, name), one in cells.items() if of == method})
            ),
        )
        for method in methods
    )
    reached = {
        (
            one.control,
            one.criterion,
        ): f"{measures.get(one.measure, one.measure)} {number(one.value)}"
        for one in grid.high
    }
    high = tuple(
        (
            high_controls().get(control, control),
            tuple(reached.get((control, one), "") for one in criteria),
        )
        for control in dict.fromkeys(control for control, _ in reached)
    )
    columns = _columns(criteria)
    return GridText(grid.dataset, grid.finding, rule, criteria, columns, lines, notes, high)


def _shown(verdict: Verdict, measures: Mapping[str, str], notes: tuple[str, ...]) -> Shown:
    strong = verdict.passed is Outcome.PASS and verdict.strong is Outcome.PASS
    told, threshold = verdict.evidence, verdict.threshold
    known = not math.isnan(told.value)
    barred = known and not math.isnan(threshold)
    measure = measures.get(verdict.measure, verdict.measure)
    side = "above" if verdict.above else "below"
    return Shown(
        sign=SIGNS[verdict.passed],
        word=f"strong {verdict.passed}" if strong else verdict.passed,
        outcome=verdict.passed,
        value=f"{measure} {number(told.value)}" if known else "",
        needed=f"must be {side} {number(threshold)}" if barred else "",
        distance=_less(told, threshold) if barred else None,
        mark=mark(told) if known else Mark(None, None, None),
        bar=place(threshold, 0.0, 1.0) if barred else None,
        settles=_settles(verdict),
        notes=tuple(sorted(notes.index(note) + 1 for note in verdict.notes)),
    )


def _less(estimate: Estimate, threshold: float) -> Estimate:
    """The same, as a distance from the threshold."""
    return Estimate(
        estimate.value - threshold,
        estimate.low - threshold,
        estimate.high - threshold,
        estimate.level,
        estimate.cases,
        estimate.method,
    )


def _settles(verdict: Verdict) -> str:
    needed = verdict.needed
    if needed is None:
        return ""
    draws = f" and {count(needed.draws, 'model')}" if needed.draws else ""
    patients = count(needed.patients, "patient")
    return f"about {patients}{draws} would settle a difference of {signed(needed.margin)[1:]}"


def _published_line(name: str, passed: Mapping[str, bool]) -> Line:
    outcomes = {
        criterion: Outcome.PASS if passed[criterion] else Outcome.FAIL
        for criterion in CRITERIA
        if criterion in passed
    }
    whole = meets_all(outcomes) if len(outcomes) == len(CRITERIA) else None
    return Line(name, tuple(_bare(outcomes.get(one)) for one in CRITERIA), _bare(whole))


def _bare(outcome: Outcome | None) -> Shown:
    """An outcome without numbers; None where a study prints none."""
    if outcome is None:
        return Shown(SIGNS[Outcome.NOT_TESTED], "not printed", Outcome.NOT_TESTED)
    return Shown(SIGNS[outcome], outcome, outcome)
