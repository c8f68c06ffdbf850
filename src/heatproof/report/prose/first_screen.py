"""What a clinician sees first: verdicts at a glance, three numbers, two films, and where all of it
comes from.

Nothing here is computed that the sections below do not show: it is counted from the same records.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from heatproof.analysis.localization import Localization, MethodRow
from heatproof.report.against_prior import AgainstPrior, against_prior, best_first
from heatproof.report.content import Content, MetricText
from heatproof.report.gallery import CaseMap, GalleryCase, Group
from heatproof.report.names import method_names
from heatproof.report.prose.trust_grid import SIGNS, GridText, trust_grids
from heatproof.trust.criteria import wording
from heatproof.types import Estimate, Outcome
from heatproof.words import count, estimate, listed, number

_ORDER = (Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.NOT_TESTED)


@dataclass(frozen=True)
class StripCell:
    """What one method reached by one criterion, over all findings of a data set.

    Attributes:
        counts: Outcome to number of findings; outcomes that did not occur are absent.
    """

    counts: Mapping[Outcome, int]

    @property
    def outcome(self) -> Outcome | None:
        """The outcome of every finding; None where findings differ."""
        return next(iter(self.counts)) if len(self.counts) == 1 else None

    @property
    def sign(self) -> str:
        """The sign of the outcome; empty where findings differ."""
        return SIGNS[self.outcome] if self.outcome else ""

    @property
    def words(self) -> tuple[str, ...]:
        """How many findings pass, and how many fail, such as ``"3 of 10 pass"``."""
        passes, fails = (self.counts.get(kind, 0) for kind in (Outcome.PASS, Outcome.FAIL))
        total = sum(self.counts.values())
        return (f"{passes} of {total} pass", f"{fails} fail")


@dataclass(frozen=True)
class Strip:
    """The verdicts of one data set, a line for each method, the best method first.

    Attributes:
        dataset: The data set.
        findings: The findings that have verdicts.
        criteria: The titles of the criteria.
        lines: Name of the method, and a cell for each criterion.
    """

    dataset: str
    findings: tuple[str, ...]
    criteria: tuple[str, ...]
    lines: tuple[tuple[str, tuple[StripCell, ...]], ...]


@dataclass(frozen=True)
class Figure:
    """One of the three numbers: what it is, the number, and what it says."""

    name: str
    value: str
    says: str


@dataclass(frozen=True)
class Shown:
    """A film of the first screen with one of its maps."""

    title: str
    case: GalleryCase
    map: CaseMap


def strips(content: Content) -> tuple[Strip, ...]:
    """The verdicts of each data set by the first rule."""
    grids = trust_grids(content)
    by_dataset: dict[str, list[GridText]] = {}
    for grid in grids:
        if grid.rule.spec == grids[0].rule.spec:
            by_dataset.setdefault(grid.dataset, []).append(grid)
    return tuple(_strip(dataset, of_dataset) for dataset, of_dataset in by_dataset.items())


def _strip(dataset: str, grids: Sequence[GridText]) -> Strip:
    criteria = tuple(dict.fromkeys(spec for grid in grids for spec in grid.criteria))
    titles = {spec: wording(spec).title for spec in criteria}
    found: dict[str, dict[str, list[Outcome]]] = {}
    for grid in grids:
        for line in grid.lines:
            for spec, cell in zip(grid.criteria, line.cells, strict=True):
                found.setdefault(line.name, {}).setdefault(spec, []).append(cell.outcome)
    lines = [
        (name, tuple(_strip_cell(by_criterion.get(spec, ())) for spec in criteria))
        for name, by_criterion in found.items()
    ]
    lines.sort(key=lambda line: _rank(line[1]))
    # Two specs of one criterion share a title, and are told apart by their options.
    names = list(titles.values())
    return Strip(
        dataset,
        tuple(grid.finding for grid in grids),
        tuple(t if names.count(t) == 1 else t + _options(spec) for spec, t in titles.items()),
        tuple(lines),
    )


def _options(spec: str) -> str:
    """The options of a spec in words, such as ``": order whole, draws 1"``; empty without any."""
    options = spec.partition("(")[2].removesuffix(")")
    words = options.replace("=", " ").replace("'", "").replace('"', "").replace("_", " ")
    return f": {words}" if words else ""


def _strip_cell(outcomes: Iterable[Outcome]) -> StripCell:
    numbers = Counter(outcomes) or Counter([Outcome.NOT_TESTED])
    return StripCell({outcome: numbers[outcome] for outcome in _ORDER if numbers[outcome]})


def _rank(cells: Sequence[StripCell]) -> tuple[int, int]:
    """Most passes first, then fewest failures."""
    passes, fails = (
        sum(cell.counts.get(outcome, 0) for cell in cells)
        for outcome in (Outcome.PASS, Outcome.FAIL)
    )
    return -passes, fails


def three_numbers(content: Content) -> tuple[Figure, ...]:
    """AUROC, the best method against the prior, and patients; what was not measured says so."""
    return (_auroc(content), _against(content), _patients(content))


def _auroc(content: Content) -> Figure:
    name = "AUROC of the classifier"
    rows = [row for row in content.classification if not math.isnan(row.auroc.value)]
    if not rows:
        return Figure(name, "not measured", "No data set has films with and without a finding.")
    if len(rows) == 1:
        [row] = rows
        return Figure(
            name,
            number(row.auroc.value),
            f"{_interval(row.auroc)} for {row.finding} on {row.dataset}; 0.5 is guessing, 1 is"
            " perfect.",
        )
    values = sorted(row.auroc.value for row in rows)
    over = [
        count(len(set(items)), noun)
        for noun, items in (
            ("finding", [row.finding for row in rows]),
            ("model", [row.model for row in rows]),
            ("data set", [row.dataset for row in rows]),
        )
        if len(set(items)) > 1
    ]
    return Figure(
        name,
        _range(values[0], values[-1]),
        f"Lowest and highest of {listed(over)}; 0.5 is guessing, 1 is perfect.",
    )


def _range(low: float, high: float) -> str:
    """Two numbers with equally many digits, such as ``"0.990 to 0.997"``."""
    texts = number(low), number(high)
    if all(text[0].isdigit() for text in texts) and len(texts[0]) != len(texts[1]):
        return f"{low:.3f} to {high:.3f}"
    return f"{texts[0]} to {texts[1]}"


def _against(content: Content) -> Figure:
    name = "Best method against the prior"
    metric = content.metrics[0] if content.metrics else None
    panels = [
        panel
        for panel in content.localization
        if metric and panel.metric == metric.spec and panel.counts and panel.rows and panel.prior
    ]
    if not panels or metric is None:
        return Figure(name, "not measured", "No map was compared with the prior.")
    if len(panels) > 1:
        return _over_findings(name, panels, metric)
    [panel] = panels
    best = best_first(panel.rows, metric)[0]
    prior = panel.prior.estimate.value if panel.prior else math.nan
    if math.isnan(best.estimate.value) or math.isnan(prior):
        return Figure(name, "not defined", f"{metric.name} has no value for any map.")
    method = method_names(content)[best.method]
    return Figure(
        name,
        f"{number(best.estimate.value)} against {number(prior)}",
        f"{metric.name} of {method} and of a map that never sees the film: {_verdict(best)}.",
    )


def _over_findings(name: str, panels: Sequence[Localization], metric: MetricText) -> Figure:
    """Of how many findings some method is shown to beat the prior."""
    better = sum(
        any(against_prior(row) is AgainstPrior.BETTER for row in panel.rows) for panel in panels
    )
    what = "findings"
    if len({panel.dataset for panel in panels}) > 1:
        what = "pairs of finding and data set"
    return Figure(
        name,
        f"{better} of {len(panels)}",
        f"{what} in which a method is shown to be better than a map that never sees the film, by"
        f" {metric.name}.",
    )


def _verdict(row: MethodRow) -> str:
    kind = against_prior(row)
    return f"shown to be {kind}" if kind in (AgainstPrior.BETTER, AgainstPrior.WORSE) else kind


def _patients(content: Content) -> Figure:
    if not content.cohorts:
        return Figure("Patients", "none", "No data set was judged.")
    known = [cohort.patients for cohort in content.cohorts if cohort.patients is not None]
    films = f"{count(sum(cohort.films for cohort in content.cohorts), 'film')} of"
    films += f" {listed((cohort.name for cohort in content.cohorts), most=3)}."
    if len(known) < len(content.cohorts):
        return Figure("Patients", "unknown", films)
    # A patient may be in two data sets, so their numbers are not added.
    return Figure("Patients", " + ".join(f"{patients:,}" for patients in known), films)


def _interval(value: Estimate) -> str:
    inside = estimate(value).partition("[")[2].rstrip("]")
    return (
        f"{value.level:.0%} interval {inside.replace(', ', ' to ')}," if inside else "no interval,"
    )


def first_films(content: Content) -> tuple[Shown, ...]:
    """The best and the worst localized film, with the map of one method."""
    shown = []
    method = ""
    for title, group in (("Found best", Group.BEST), ("Found worst", Group.WORST)):
        case = next((c for c in content.gallery.cases if c.group is group), None)
        maps = [m for m in case.maps if m.layer] if case else []
        # Two methods would be compared where two films are meant to be.
        maps = [m for m in maps if m.method == method] or maps
        if case and maps:
            chosen = max(maps, key=_first_score) if not method else maps[0]
            method = chosen.method
            shown.append(Shown(title, case, chosen))
    return tuple(shown)


def colours(shown: Sequence[Shown]) -> str:
    """What the colours of the maps on the first screen mean, in a sentence."""
    if any(one.map.signed for one in shown):
        return "Orange speaks for the finding, blue against it."
    return "Bright is where it says the finding is."


def _first_score(made: CaseMap) -> float:
    return next((value for value in made.scores.values() if not math.isnan(value)), -math.inf)


def made_with(content: Content) -> tuple[str, ...]:
    """Who made this, when, and with which version, as far as the run knows."""
    made = content.provenance
    version = dict(made.versions).get("heatproof")
    experiment = dict(made.hashes).get("experiment file")
    return (
        made.by or "author not stated",
        made.date or "date not stated",
        f"heatproof {version}" if version else "version unknown",
        *((f"experiment {experiment[:8]}",) if experiment else ()),
    )


def all_four_by_map(content: Content) -> dict[tuple[str, str, str], Outcome]:
    """Data set, finding and name of the method to whether it meets all four, by the first rule."""
    grids = trust_grids(content)
    return {
        (grid.dataset, grid.finding, line.name): line.all_four.outcome
        for grid in grids
        if grid.rule.spec == grids[0].rule.spec
        for line in grid.lines
    }
