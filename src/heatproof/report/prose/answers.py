"""The short answer: sentences that follow mechanically from the estimates.

A method is said to be better or worse than the prior only where ``against_prior`` says so.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from heatproof.analysis.classification import Classification
from heatproof.analysis.comparison import Comparison
from heatproof.analysis.localization import Localization, MethodRow
from heatproof.analysis.rare import FEW_CASES
from heatproof.analysis.verdicts import Trust
from heatproof.report.against_prior import AgainstPrior, against_prior, best_first
from heatproof.report.content import Content, MetricText
from heatproof.report.names import Names, method_names
from heatproof.report.prose.trust_grid import without_verdict
from heatproof.trust.criteria import wording
from heatproof.trust.meets import meets_all
from heatproof.types import Estimate, Outcome
from heatproof.words import count, estimate, listed, number, sentence


@dataclass(frozen=True)
class Answer:
    """One result: a sentence, and the numbers behind it."""

    headline: str
    details: tuple[str, ...] = ()


def answers(content: Content) -> tuple[Answer, ...]:
    """What the page says first: trust, localization, comparisons, classification."""
    return (
        *_trust(content),
        *_localization(content),
        *_comparisons(content),
        *_classification(content),
    )


# Trust: one answer for each data set and finding, by the first rule.

FEW_REASONS = 3  # why findings have no verdict, in the short answer

_OUTCOME_WORDS = {
    Outcome.PASS: "passes ",
    Outcome.FAIL: "fails ",
    Outcome.INCONCLUSIVE: "inconclusive: ",
    Outcome.NOT_TESTED: "not tested: ",
}


def _trust(content: Content) -> list[Answer]:
    # Several rules would give several answers; the others stand in the grids.
    rule = content.rules[0].spec if content.rules else ""
    names = method_names(content)
    tested = [grid for grid in content.trust if grid.rule == rule and not grid.untested]
    untested = [Answer(text) for text in without_verdict(content.trust)]
    # Where most findings are too rare, the section on trust lists them.
    return [_trust_answer(grid, names) for grid in tested] + untested[:FEW_REASONS]


def _trust_answer(grid: Trust, names: Names) -> Answer:
    outcomes: dict[str, dict[str, Outcome]] = {}
    for verdict in grid.verdicts:
        outcomes.setdefault(verdict.method, {})[verdict.criterion] = verdict.passed
    details = tuple(f"{names[m]}: {_criteria(by_name)}." for m, by_name in outcomes.items())
    meets = {method: meets_all(by_name) for method, by_name in outcomes.items()}
    passed = [names[method] for method, outcome in meets.items() if outcome is Outcome.PASS]
    not_failed = set(meets.values()) - {Outcome.FAIL}
    criteria = f"all four criteria of trust for {grid.finding} on {grid.dataset}"
    if passed:
        verb = "meets" if len(passed) == 1 else "meet"
        headline = f"{listed(passed)} {verb} {criteria}."
    elif not not_failed:
        headline = f"No method meets {criteria}: each fails at least one."
    elif not_failed == {Outcome.NOT_TESTED}:
        headline = f"No method was shown to meet {criteria}: not all of them were tested."
    else:
        headline = f"No method was shown to meet {criteria}."
    return Answer(headline, details)


def _criteria(outcomes: dict[str, Outcome]) -> str:
    """Criteria by outcome, such as ``"passes repeatability; inconclusive: localization"``."""
    names = [_title(criterion) for criterion in outcomes]
    # Options tell two of one name apart, and nobody anything else here.
    by_outcome = {
        words: [
            name if names.count(name) == 1 else criterion
            for name, (criterion, outcome) in zip(names, outcomes.items(), strict=True)
            if outcome is kind
        ]
        for kind, words in _OUTCOME_WORDS.items()
    }
    return "; ".join(f"{words}{listed(names)}" for words, names in by_outcome.items() if names)


def _title(criterion: str) -> str:
    """The name of a criterion inside a sentence; the spec of one that is not registered."""
    title = wording(criterion).title
    return title if title == criterion else title[0].lower() + title[1:]


# Localization: one answer for each data set and model, by the first metric.


@dataclass(frozen=True)
class _Measured:
    """One finding, one metric and one model: the panel and its rows, the best first."""

    panel: Localization
    rows: tuple[MethodRow, ...]

    @property
    def prior(self) -> Estimate | None:
        """The estimate of the prior; None where there is no prior, or it is undefined."""
        prior = self.panel.prior
        return None if prior is None or math.isnan(prior.estimate.value) else prior.estimate


def _localization(content: Content) -> list[Answer]:
    if not content.metrics:
        return []
    metric, names = content.metrics[0], method_names(content)
    # Of several readers one counts, or a finding would be counted once for each of them.
    panels = [
        panel for panel in content.localization if panel.metric == metric.spec and panel.counts
    ]
    pairs = dict.fromkeys((panel.dataset, row.model) for panel in panels for row in panel.rows)
    several = len({model for _, model in pairs}) > 1
    results = []
    for dataset, model in pairs:
        of_model = [
            (panel, [row for row in panel.rows if row.model == model])
            for panel in panels
            if panel.dataset == dataset
        ]
        findings = [_Measured(panel, tuple(rows)) for panel, rows in of_model if rows]
        where = f"On {dataset}, for {model}," if several else f"On {dataset},"
        if len(findings) == 1:
            results.append(_one_finding(findings[0], where, metric, names))
        else:
            results.append(_many_findings(findings, where, metric, names))
    return results


def _prior(*priors: str) -> str:
    return f"a map that never sees the film (the {listed(priors)})"


def _one_finding(measured: _Measured, where: str, metric: MetricText, names: Names) -> Answer:
    finding, rows = measured.panel.finding, best_first(measured.rows, metric)
    if all(math.isnan(row.estimate.value) for row in rows):
        return Answer(f"{where} {metric.name} is not defined for any map of {finding}.")
    details = [f"{names[row.method]}: {_value(row, measured, metric.name)}" for row in rows]
    details += _few_cases(row.estimate.cases for row in rows)
    if measured.prior is None or measured.panel.prior is None:
        headline = (
            f"how well the maps find {finding} was measured, but there is no prior to compare them"
            " with."
        )
    else:
        headline = _better_or_worse(rows, finding, _prior(measured.panel.prior.name), names)
    return Answer(f"{where} {headline}", tuple(details))


def _better_or_worse(rows: Sequence[MethodRow], finding: str, prior: str, names: Names) -> str:
    """Which methods find the finding better or worse than the prior."""
    kinds = [(names[row.method], against_prior(row)) for row in rows]
    better = [method for method, kind in kinds if kind is AgainstPrior.BETTER]
    worse = [method for method, kind in kinds if kind is AgainstPrior.WORSE]
    if all(kind in (AgainstPrior.TOO_FEW, AgainstPrior.NONE) for _, kind in kinds):
        return (
            f"there are too few cases to say whether any map finds {finding} better than {prior}."
        )
    if better:
        others = "" if len(better) == len(rows) else "; for no other map could this be shown"
        return f"{_find(better)} {finding} better than {prior}{others}."
    if len(worse) == len(rows):
        methods = _find(worse) if len(rows) == 1 else f"all {len(rows)} methods find"
        return f"{methods} {finding} worse than {prior}."
    if worse:
        return (
            f"no map could be shown to find {finding} better than {prior}; {_find(worse)} it worse."
        )
    method = names[rows[0].method] if len(rows) == 1 else "any map"
    return f"no difference could be shown between {method} and {prior} in finding {finding}."


def _find(methods: Sequence[str]) -> str:
    """Such as ``"Grad-CAM finds"`` or ``"Grad-CAM and Gradient find"``."""
    return f"{listed(methods)} {'finds' if len(methods) == 1 else 'find'}"


def _value(row: MethodRow, measured: _Measured, metric: str) -> str:
    """The number of one method beside that of the prior."""
    value = f"{metric} {estimate(row.estimate)}"
    if measured.prior is None or row.difference is None:
        return f"{value}, {count(row.estimate.cases, 'case')}"
    return f"{value} against {estimate(measured.prior)}, {against_prior(row)}"


def _many_findings(
    findings: Sequence[_Measured], where: str, metric: MetricText, names: Names
) -> Answer:
    """Numbers of findings, method by method."""
    pairs = [(measured.panel.finding, row) for measured in findings for row in measured.rows]
    priors = dict.fromkeys(m.panel.prior.name for m in findings if m.panel.prior is not None)
    details = []
    for method in dict.fromkeys(row.method for _, row in pairs):
        rows = [(finding, row) for finding, row in pairs if row.method == method]
        extremes = _extremes([(finding, row.estimate) for finding, row in rows], metric.name)
        compared = f" {sentence(_findings_by_kind(rows))}." if priors else ""
        details.append(f"{names[method]}: {extremes}{compared}")
    details += _few_cases(row.estimate.cases for _, row in pairs)
    kinds = [against_prior(row) for _, row in pairs]
    # Pairs that cannot be compared would make the share of the better ones look small.
    compared_pairs = [k for k in kinds if k not in (AgainstPrior.NONE, AgainstPrior.TOO_FEW)]
    if not priors:
        headline = (
            f"{metric.name} was measured for {count(len(findings), 'finding')}, but there is no"
            " prior to compare with."
        )
    elif not compared_pairs:
        headline = (
            "there are too few cases to say whether any map finds any finding better than"
            f" {_prior(*priors)}."
        )
    else:
        better = compared_pairs.count(AgainstPrior.BETTER) or "none"
        headline = (
            f"maps were shown to find the finding better than {_prior(*priors)} in {better} of"
            f" {len(compared_pairs)} pairs of method and finding, by {metric.name}."
        )
    return Answer(f"{where} {headline}", tuple(details))


def _findings_by_kind(rows: Sequence[tuple[str, MethodRow]]) -> str:
    """Such as ``"better than the prior for Edema; no difference could be shown for Mass"``."""
    parts = []
    for kind in AgainstPrior:
        findings = [finding for finding, row in rows if against_prior(row) is kind]
        if not findings:
            continue
        different = kind in (AgainstPrior.BETTER, AgainstPrior.WORSE)
        if len(findings) == len(rows) > 1:
            which = f"all {len(rows)} findings" if different else f"any of the {len(rows)} findings"
        else:
            which = listed(findings, most=4)
        parts.append(f"{kind} than the prior for {which}" if different else f"{kind} for {which}")
    return "; ".join(parts)


def _extremes(pairs: Sequence[tuple[str, Estimate]], metric: str) -> str:
    """The lowest and the highest value over findings."""
    defined = [(e.value, finding) for finding, e in pairs if not math.isnan(e.value)]
    if not defined:
        return f"{metric} is not defined for any finding."
    (low, worst), (high, best) = min(defined), max(defined)
    if len(defined) == 1:
        return f"{metric} {number(low)} ({worst})."
    findings = count(len(defined), "finding")
    return f"{metric} from {number(low)} ({worst}) to {number(high)} ({best}) over {findings}."


def _few_cases(cases: Iterable[int]) -> tuple[str, ...]:
    """A warning where there are few; empty elsewhere."""
    # A method without any value has no result that could be taken for one.
    numbers = [number for number in cases if number] or [FEW_CASES]
    fewest, most = min(numbers), max(numbers)
    if fewest >= FEW_CASES:
        return ()
    n = count(fewest, "case") if fewest == most else f"{fewest} to {most} cases"
    return (f"Only {n}: take this as a hint, not as a result.",)


# Comparisons with readers and with other models, by the first metric that was compared.


def _comparisons(content: Content) -> list[Answer]:
    compared = {comparison.metric for comparison in content.comparisons}
    metric = next((metric for metric in content.metrics if metric.spec in compared), None)
    if metric is None:
        return []
    cells: dict[tuple[str, str, str], dict[str, list[Comparison]]] = {}
    for row in content.comparisons:
        if row.metric == metric.spec:
            cell = cells.setdefault((row.dataset, row.model, row.other), {})
            cell.setdefault(row.method, []).append(row)
    names = method_names(content)
    return [
        Answer(
            f"On {dataset}, {metric.name} of {model} beside that of {other}:",
            tuple(f"{names[method]}: {_worse_or_better(rows)}." for method, rows in cell.items()),
        )
        for (dataset, model, other), cell in cells.items()
    ]


def _worse_or_better(rows: Sequence[Comparison]) -> str:
    """Such as ``"shown to be worse in 2 (Edema and Mass), better in none of 3 findings; …"``."""
    # The row without a finding is the macro average.
    of_findings = [row for row in rows if row.finding]
    # Several findings are tested at once, so p is the corrected one.
    significant = [row for row in of_findings if row.holm < 1 - row.difference.level]
    worse = [row.finding for row in significant if row.difference.value < 0]
    better = [row.finding for row in significant if row.difference.value > 0]
    overall = rows[-1]  # the macro average, where there are several findings
    finding = overall.finding or "macro average"
    change, noun = overall.difference, "difference"
    if overall.decrease:
        change, noun = overall.decrease, "decrease"
    return (
        f"shown to be worse in {_number_and_names(worse)},"
        f" shown to be better in {_number_and_names(better)}"
        f" of {count(len(of_findings), 'finding')};"
        f" {noun} {estimate(change, difference=True)} ({finding}), {overall.conclusion}"
    )


def _number_and_names(findings: Sequence[str]) -> str:
    return f"{len(findings)} ({listed(findings, most=4)})" if findings else "none"


# Classification: one answer for each data set and model.


def _classification(content: Content) -> list[Answer]:
    pairs = dict.fromkeys((row.dataset, row.model) for row in content.classification)
    return [
        Answer(
            f"As a classifier on {dataset}, {model} "
            + _auroc(
                [r for r in content.classification if (r.dataset, r.model) == (dataset, model)]
            )
        )
        for dataset, model in pairs
    ]


def _auroc(rows: Sequence[Classification]) -> str:
    enough = [row for row in rows if not row.auroc.hindrance and not math.isnan(row.auroc.low)]
    if not enough:
        return "cannot be judged: there are too few positives or negatives."
    if len(rows) == 1:
        text = f"reaches AUROC {estimate(rows[0].auroc)} for {rows[0].finding}."
    else:
        text = f"reaches {_extremes([(row.finding, row.auroc) for row in enough], 'AUROC')}"
    fewest = min(min(row.positives, row.negatives) for row in enough)
    if fewest < FEW_CASES:
        text += f" Only {count(fewest, 'case')} in the smallest class."
    return text
