"""The trust grid in words: what each criterion asks, what was measured, what would settle it."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from heatproof.analysis.verdicts import Asked, Trust, high_controls
from heatproof.experiment.settings import BY_DEFAULT
from heatproof.registry import part_name
from heatproof.report.content import Content, RuleText
from heatproof.report.facts.parts import title_with_options
from heatproof.report.names import method_names
from heatproof.report.pictures.positions import Mark, mark, place
from heatproof.report.published import TRUST_GRIDS
from heatproof.report.published import TrustGrid as PublishedGrid
from heatproof.saliency import methods
from heatproof.trust.criteria import LOCALIZATION, Wording, criteria, wording
from heatproof.trust.evidence import CRITERIA
from heatproof.trust.meets import meets_all
from heatproof.types import Estimate, Outcome, Verdict
from heatproof.words import count, listed, number, signed

SIGNS = {
    Outcome.PASS: "\N{CHECK MARK}",
    Outcome.FAIL: "\N{MULTIPLICATION X}",
    Outcome.INCONCLUSIVE: "?",
    Outcome.NOT_TESTED: "\N{EN DASH}",
}


@dataclass(frozen=True)
class GridCell:
    """One cell.

    Attributes:
        sign: A sign of the outcome, so that nobody depends on its colour.
        word: The outcome in words, with "strong" before it where the pass is one.
        outcome: The outcome; the style of the cell follows from it.
        value: What was measured, such as ``"SSIM 0.71"``; empty where nothing was.
        needed: The threshold in words, such as ``"must be above 0.50"``; empty without one.
        distance: The distance of the value from the threshold, with its interval; None without a
            value or a threshold.
        mark: Value and interval, in percent of the way from 0 to 1.
        bar: The threshold, in percent of the way from 0 to 1; None without one.
        settles: How many patients and models would settle it; empty where nothing is open.
        notes: Numbers, from 1, of the notes below the grid that are about this cell.
        verdict: The verdict that the cell says; None for a cell without numbers.
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
    verdict: Verdict | None = None


@dataclass(frozen=True)
class GridLine:
    """One method: its cells by criterion, and whether it meets all four."""

    name: str
    cells: tuple[GridCell, ...]
    all_four: GridCell


@dataclass(frozen=True)
class GridText:
    """One grid.

    Attributes:
        rule: The rule that made the verdicts.
        criteria: Specs of the criteria, one for each column.
        columns: The criteria in words.
        lines: One per method.
        notes: What the reader must know about some cells, each once.
        high: What readers and supervised references reach: a name, and a text for each column,
            empty where it was not measured.
    """

    dataset: str
    finding: str
    rule: RuleText
    criteria: tuple[str, ...]
    columns: tuple[Wording, ...]
    lines: tuple[GridLine, ...]
    notes: tuple[str, ...]
    high: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class NotAsked:
    """A criterion of the four that was not put to any method, and what would add it.

    Attributes:
        wording: The criterion in words.
        needs: What it needs, as the end of a sentence.
        line: The line of TOML that adds it; empty where no line would.
        table: The table of the experiment file to which the line belongs.
    """

    wording: Wording
    needs: str
    line: str = ""
    table: str = "[trust]"


def trust_grids(content: Content) -> tuple[GridText, ...]:
    """Every grid of a report with something to show, in the order of its records."""
    rules = {rule.spec: rule for rule in content.rules}
    methods = method_names(content)
    metrics = {metric.spec: metric.name for metric in content.metrics}
    unknown = {cohort.name for cohort in content.cohorts if cohort.patients is None}
    return tuple(
        _grid_text(
            grid,
            rules.get(grid.rule, RuleText(grid.rule, grid.rule, "")),
            methods,
            {**metrics, **grid.measures},
            # A film whose patient is unknown counts as one.
            "film" if grid.dataset in unknown else "patient",
        )
        for grid in content.trust
        if not grid.untested
    )


def without_verdict(grids: Iterable[Trust]) -> tuple[str, ...]:
    """Which findings have no verdict, and why; a sentence or two for each reason and data set."""
    # The keys are findings in order: every rule has a grid of each.
    findings: dict[tuple[str, str], dict[str, None]] = {}
    for grid in grids:
        if grid.untested:
            findings.setdefault((grid.dataset, grid.untested), {})[grid.finding] = None
    return tuple(
        f"No verdict of trust for {listed(names)} on {dataset}. {why}"
        for (dataset, why), names in findings.items()
    )


def left_out(content: Content) -> tuple[str, ...]:
    """Why models have no part in randomization, unless ``without_verdict`` says it."""
    said = {grid.untested for grid in content.trust}
    every = dict.fromkeys(why for whys in content.asked.left_out.values() for why in whys)
    return tuple(why for why in every if not any(why in text for text in said))


def not_asked(content: Content) -> tuple[NotAsked, ...]:
    """The criteria of the four that the experiment does not ask, or could not measure."""
    tested = [grid for grid in content.trust if not grid.untested]
    measured = {
        part_name(verdict.criterion)
        for grid in tested
        for verdict in grid.verdicts
        if verdict.passed is not Outcome.NOT_TESTED
    }
    names = measured | {part_name(criterion) for criterion in content.asked.criteria}
    # It is measured with any other criterion; where no finding has a grid, ``without_verdict``
    # says why.
    lacking = LOCALIZATION not in measured and bool(tested or not content.asked.criteria)
    return (
        *((_localization_not_asked(content),) if lacking else ()),
        *(_not_asked(name, content.asked) for name in CRITERIA[1:] if name not in names),
    )


def _localization_not_asked(content: Content) -> NotAsked:
    scored, metric = [text.spec for text in content.metrics], content.asked.metric
    if metric and metric not in scored:
        needs = "films that a reader marked, and the metric that the rule reads"
        return NotAsked(
            wording(LOCALIZATION), needs, f"metrics = {json.dumps([*scored, metric])}", "[score]"
        )
    beside = "" if content.asked.criteria else ", and any other criterion beside it"
    return NotAsked(wording(LOCALIZATION), f"films that a reader marked{beside}")


def _not_asked(name: str, asked: Asked) -> NotAsked:
    """What would add one of the criteria that are parts."""
    part = criteria.part_class(name)
    # Models that differ are trained, while what randomization needs is there or is not.
    needs = part.needs if hasattr(part, "needs") else "a network whose weights can be drawn anew"
    specs = [*asked.criteria, BY_DEFAULT if name == part_name(BY_DEFAULT) else name]
    return NotAsked(wording(name), needs, f"criteria = {json.dumps(specs)}")


def published_grids() -> tuple[tuple[PublishedGrid, tuple[GridLine, ...]], ...]:
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


def the_four_criteria() -> tuple[Wording, ...]:
    """The criteria that "all four" is about."""
    return tuple(wording(criterion) for criterion in CRITERIA)


def criteria_of(grids: Sequence[GridText]) -> tuple[Wording, ...]:
    """Every criterion of some grids that is explained, in words, each once."""
    wordings = (wording(criterion) for grid in grids for criterion in grid.criteria)
    return tuple(dict.fromkeys(text for text in wordings if text.explains))


def _columns(criteria: Sequence[str]) -> tuple[Wording, ...]:
    """Each criterion in words, under its spec where two share a title."""
    wordings = [wording(criterion) for criterion in criteria]
    titles = [text.title for text in wordings]
    return tuple(
        text if titles.count(text.title) == 1 else replace(text, title=criterion)
        for text, criterion in zip(wordings, criteria, strict=True)
    )


def _grid_text(
    grid: Trust, rule: RuleText, names: Mapping[str, str], measures: Mapping[str, str], unit: str
) -> GridText:
    criteria = tuple(dict.fromkeys(verdict.criterion for verdict in grid.verdicts))
    notes = tuple(dict.fromkeys(note for verdict in grid.verdicts for note in verdict.notes))
    by_method: dict[str, dict[str, Verdict]] = {}
    for verdict in grid.verdicts:
        by_method.setdefault(verdict.method, {})[verdict.criterion] = verdict
    lines = tuple(
        GridLine(
            names.get(method, method),
            tuple(
                _cell(verdicts[criterion], measures, notes, unit)
                if criterion in verdicts
                else _bare_cell(Outcome.NOT_TESTED)
                for criterion in criteria
            ),
            _bare_cell(meets_all({name: verdict.passed for name, verdict in verdicts.items()})),
        )
        for method, verdicts in by_method.items()
    )
    high = _high(grid, criteria, measures)
    return GridText(
        grid.dataset, grid.finding, rule, criteria, _columns(criteria), lines, notes, high
    )


def _high(
    grid: Trust, criteria: Sequence[str], measures: Mapping[str, str]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What readers and supervised references reach: a name, and a text for each criterion."""
    reached: dict[str, dict[str, str]] = {}
    for value in grid.high:
        text = f"{measures.get(value.measure, value.measure)} {number(value.value)}"
        reached.setdefault(value.control, {})[value.criterion] = text
    return tuple(
        (
            high_controls().get(control, control),
            tuple(texts.get(criterion, "") for criterion in criteria),
        )
        for control, texts in reached.items()
    )


def _cell(
    verdict: Verdict, measures: Mapping[str, str], notes: tuple[str, ...], unit: str
) -> GridCell:
    strong = verdict.passed is Outcome.PASS and verdict.strong is Outcome.PASS
    evidence, threshold = verdict.evidence, verdict.threshold
    measured = not math.isnan(evidence.value)
    # A threshold without a measured value would stand alone in the cell.
    comparable = measured and not math.isnan(threshold)
    measure = measures.get(verdict.measure, verdict.measure)
    side = "above" if verdict.above else "below"
    return GridCell(
        sign=SIGNS[verdict.passed],
        word=f"strong {verdict.passed}" if strong else verdict.passed,
        outcome=verdict.passed,
        value=f"{measure} {number(evidence.value)}" if measured else "",
        needed=f"must be {side} {number(threshold)}" if comparable else "",
        distance=_distance(evidence, threshold) if comparable else None,
        mark=mark(evidence) if measured else Mark(None, None, None),
        bar=place(threshold, 0.0, 1.0) if comparable else None,
        settles=_settles(verdict, unit),
        notes=tuple(sorted(notes.index(note) + 1 for note in verdict.notes)),
        verdict=verdict,
    )


def _distance(estimate: Estimate, threshold: float) -> Estimate:
    """The estimate as a distance from the threshold."""
    return replace(
        estimate,
        value=estimate.value - threshold,
        low=estimate.low - threshold,
        high=estimate.high - threshold,
    )


def _settles(verdict: Verdict, unit: str) -> str:
    """How many patients and models would settle an open verdict; empty where nothing is known.

    Args:
        verdict: The verdict.
        unit: What counts as one: ``"patient"``, or ``"film"`` where patients are unknown.
    """
    needed = verdict.needed
    if needed is None:
        return ""
    what = [count(needed.patients, unit)]
    what += [count(needed.models, "model")] if needed.models else []
    if needed.draws:
        what.append(count(needed.draws, "draw of random weights", "draws of random weights"))
    # A margin is a distance, so its sign is cut off.
    return f"about {listed(what)} would settle a difference of {signed(needed.margin)[1:]}"


def _published_line(name: str, passed: Mapping[str, bool]) -> GridLine:
    outcomes = {
        criterion: Outcome.PASS if passed[criterion] else Outcome.FAIL
        for criterion in CRITERIA
        if criterion in passed
    }
    # Of a study that prints some criteria alone, nobody can say whether all four are met.
    all_four = meets_all(outcomes) if len(outcomes) == len(CRITERIA) else None
    cells = tuple(_bare_cell(outcomes.get(criterion)) for criterion in CRITERIA)
    return GridLine(name, cells, _bare_cell(all_four))


def _bare_cell(outcome: Outcome | None) -> GridCell:
    """A cell without numbers; ``outcome`` is None where a study prints none."""
    if outcome is None:
        return GridCell(SIGNS[Outcome.NOT_TESTED], "not printed", Outcome.NOT_TESTED)
    return GridCell(SIGNS[outcome], outcome, outcome)
