"""The short answer, made mechanically from the estimates.

A map is called better or worse than the prior only when the 95% interval of the paired difference
excludes 0; otherwise "no difference could be shown", which does not mean that there is none.  With
fewer than ``LEAST`` cases nothing is called: if all of them point the same way, every bootstrap
interval excludes 0, and still a fair coin does so in more than 5% of trials (two-sided sign test:
2 / 2**5).  With fewer than ``FEW`` the answer says so.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from heatproof.analysis.comparison import Comparison
from heatproof.analysis.localization import Localization, Row
from heatproof.analysis.verdicts import Trust
from heatproof.report.called import FEW, LEAST, Verdict, best_first, verdict
from heatproof.report.content import Content
from heatproof.report.names import method_names
from heatproof.trust.meets import meets_all
from heatproof.types import Estimate, Outcome
from heatproof.words import count, estimate, listed, number, sentence


@dataclass(frozen=True)
class Answer:
    """One thing found: a sentence, and the numbers behind it."""

    headline: str
    details: tuple[str, ...] = ()


def answers(content: Content) -> tuple[Answer, ...]:
    """What the page says first: trust, then localization, then classification."""
    return (
        *_trust(content),
        *_localization(content),
        *_against(content),
        *_classification(content),
    )


def _trust(content: Content) -> list[Answer]:
    """Per data set and finding, by the first rule: who meets all four criteria, and who fails."""
    first = content.rules[0].spec if content.rules else ""
    return [_trusted(grid, method_names(content)) for grid in content.trust if grid.rule == first]


def _trusted(grid: Trust, names: dict[str, str]) -> Answer:
    outcomes: dict[str, dict[str, Outcome]] = {}
    for one in grid.verdicts:
        outcomes.setdefault(one.method, {})[one.criterion] = one.passed
    meets = {method: meets_all(found) for method, found in outcomes.items()}
    good = [
        names.get(method, method) for method, all_four in meets.items() if all_four is Outcome.PASS
    ]
    what = f"all four criteria of trust for {grid.finding} on {grid.dataset}"
    details = [
        f"{names.get(method, method)}: {_each(found)}." for method, found in outcomes.items()
    ]
    if good:
        verb = "meets" if len(good) == 1 else "meet"
        return Answer(f"{listed(good)} {verb} {what}.", tuple(details))
    if all(all_four is Outcome.FAIL for all_four in meets.values()):
        return Answer(f"No method meets {what}: each fails at least one.", tuple(details))
    open_ = set(meets.values()) - {Outcome.FAIL}
    why = ": not all of them were tested" if open_ == {Outcome.NOT_TESTED} else ""
    return Answer(f"No method was shown to meet {what}{why}.", tuple(details))


_SAID = {
    Outcome.PASS: "passes ",
    Outcome.FAIL: "fails ",
    Outcome.INCONCLUSIVE: "open: ",
    Outcome.NOT_TESTED: "not tested: ",
}


def _each(found: dict[str, Outcome]) -> str:
    """Criteria by outcome, such as ``"passes repeatability; open: localization"``."""
    parts = {
        said: [name for name, one in found.items() if one is kind] for kind, said in _SAID.items()
    }
    return "; ".join(f"{said}{listed(names)}" for said, names in parts.items() if names)


def _localization(content: Content) -> list[Answer]:
    if not content.metrics:
        return []
    first = content.metrics[0]
    panels = [panel for panel in content.localization if panel.metric == first.spec]
    pairs = dict.fromkeys((p.dataset, row.model) for p in panels for row in p.rows)
    several = len({model for _, model in pairs}) > 1
    names = method_names(content)
    found = []
    for dataset, model in pairs:
        own = [
            (panel, tuple(row for row in panel.rows if row.model == model))
            for panel in panels
            if panel.dataset == dataset and any(row.model == model for row in panel.rows)
        ]
        where = f"On {dataset}, for {model}," if several else f"On {dataset},"
        if len(own) == 1:
            [(panel, rows)] = own
            ordered = tuple(best_first(rows, first))
            found.append(_one_finding(panel, ordered, where, first.name, names))
        else:
            found.append(_many_findings(own, where, first.name, names))
    return found


def _one_finding(
    panel: Localization, rows: tuple[Row, ...], where: str, metric: str, names: dict[str, str]
) -> Answer:
    if all(math.isnan(row.estimate.value) for row in rows):
        return Answer(f"{where} {metric} is not defined for any map of {panel.finding}.")
    numbers = [f"{names.get(r.method, r.method)}: {_measured(r, panel, metric)}" for r in rows]
    if panel.prior is None or math.isnan(panel.prior.estimate.value):
        return Answer(
            f"{where} how well the maps find {panel.finding} was measured, but there is no prior"
            " to compare them with.",
            (*numbers, *_few(row.estimate.cases for row in rows)),
        )
    groups = {v: [r for r in rows if verdict(r.difference) is v] for v in Verdict}
    prior = f"a map that never sees the film (the {panel.prior.name})"
    headline = f"{where} {_called(groups, rows, names, panel.finding, prior)}"
    return Answer(headline, (*numbers, *_few(row.estimate.cases for row in rows)))


def _called(
    groups: dict[Verdict, list[Row]],
    rows: tuple[Row, ...],
    names: dict[str, str],
    finding: str,
    prior: str,
) -> str:
    """Who finds the finding better or worse than the prior."""
    better, worse = groups[Verdict.BETTER], groups[Verdict.WORSE]
    if len(groups[Verdict.TOO_FEW]) + len(groups[Verdict.NONE]) == len(rows):
        return (
            f"there are too few cases to say whether any map finds {finding} better than {prior}."
        )
    if better:
        who = listed(names.get(row.method, row.method) for row in better)
        verb = "finds" if len(better) == 1 else "find"
        rest = "" if len(better) == len(rows) else "; for no other map could this be shown"
        return f"{who} {verb} {finding} better than {prior}{rest}."
    if len(worse) == len(rows):
        if len(rows) == 1:
            return (
                f"{names.get(rows[0].method, rows[0].method)} finds {finding} worse than {prior}."
            )
        return f"all {len(rows)} methods find {finding} worse than {prior}."
    if worse:
        who = listed(names.get(row.method, row.method) for row in worse)
        verb = "finds" if len(worse) == 1 else "find"
        return (
            f"no map could be shown to find {finding} better than {prior}; {who} {verb} it worse."
        )
    one = names.get(rows[0].method, rows[0].method) if len(rows) == 1 else "any map"
    return f"no difference could be shown between {one} and {prior} in finding {finding}."


def _measured(row: Row, panel: Localization, metric: str) -> str:
    """One method's number beside the prior's."""
    text = f"{metric} {estimate(row.estimate)}"
    if panel.prior is None or row.difference is None or math.isnan(panel.prior.estimate.value):
        return f"{text}, {count(row.estimate.cases, 'case')}"
    return f"{text} against {estimate(panel.prior.estimate)}, {verdict(row.difference)}"


def _many_findings(
    own: list[tuple[Localization, tuple[Row, ...]]],
    where: str,
    metric: str,
    names: dict[str, str],
) -> Answer:
    """Counts of findings per method."""
    flat = [(panel.finding, row) for panel, rows in own for row in rows]
    priors = dict.fromkeys(panel.prior.name for panel, _ in own if panel.prior is not None)
    details = []
    for method in dict.fromkeys(row.method for _, row in flat):
        rows = [(finding, row) for finding, row in flat if row.method == method]
        measured = _spread([(finding, row.estimate) for finding, row in rows], metric)
        compared = f" {sentence(_tallied(rows))}." if priors else ""
        details.append(f"{names.get(method, method)}: {measured}{compared}")
    details += _few(row.estimate.cases for _, row in flat)
    if not priors:
        what = f"{metric} was measured for {count(len(own), 'finding')}"
        return Answer(f"{where} {what}, but there is no prior to compare with.", tuple(details))
    prior = f"a map that never sees the film (the {listed(priors)})"
    called = [verdict(row.difference) for _, row in flat]
    able = sum(kind not in (Verdict.NONE, Verdict.TOO_FEW) for kind in called)
    if not able:
        too_few = "there are too few cases to say whether any map finds any finding"
        return Answer(f"{where} {too_few} better than {prior}.", tuple(details))
    shown = f"in {called.count(Verdict.BETTER) or 'none'} of {able}"
    headline = f"{where} maps were shown to find the finding better than {prior} {shown}"
    return Answer(f"{headline} pairs of method and finding, by {metric}.", tuple(details))


def _tallied(rows: list[tuple[str, Row]]) -> str:
    parts = []
    for kind in Verdict:
        findings = [finding for finding, row in rows if verdict(row.difference) is kind]
        if not findings:
            continue
        called = kind in (Verdict.BETTER, Verdict.WORSE)
        everywhere = len(findings) == len(rows) > 1
        every = f"{'all' if called else 'any of the'} {len(rows)} findings"
        which = every if everywhere else listed(findings, most=4)
        parts.append(f"{kind}{' than the prior' if called else ''} for {which}")
    return "; ".join(parts)


def _spread(pairs: list[tuple[str, Estimate]], metric: str) -> str:
    """Lowest and highest over findings."""
    defined = [(e.value, finding) for finding, e in pairs if not math.isnan(e.value)]
    if not defined:
        return f"{metric} is not defined for any finding."
    (low, worst), (high, best) = min(defined), max(defined)
    if len(defined) == 1:
        return f"{metric} {number(low)} ({worst})."
    over = f"over {count(len(defined), 'finding')}"
    return f"{metric} from {number(low)} ({worst}) to {number(high)} ({best}) {over}."


def _few(cases: Iterable[int]) -> tuple[str, ...]:
    numbers = list(cases)
    fewest, most = min(numbers), max(numbers)
    if fewest >= FEW:
        return ()
    n = count(fewest, "case") if fewest == most else f"{fewest} to {most} cases"
    return (f"Only {n}: take this as a hint, not as a result.",)


def _against(content: Content) -> list[Answer]:
    """By the first metric that was compared: where each model is worse or better than the other."""
    compared = {one.metric for one in content.comparisons}
    first = next((metric for metric in content.metrics if metric.spec in compared), None)
    cells: dict[tuple[str, str, str], dict[str, list[Comparison]]] = {}
    for one in content.comparisons if first else ():
        if first and one.metric == first.spec:
            place = (one.dataset, one.model, one.other)
            cells.setdefault(place, {}).setdefault(one.method, []).append(one)
    names = method_names(content)
    return [
        Answer(
            f"On {dataset}, {first.name if first else ''} of {model} beside that of {other}:",
            tuple(f"{names.get(m, m)}: {_stands(found)}." for m, found in methods.items()),
        )
        for (dataset, model, other), methods in cells.items()
    ]


def _stands(found: list[Comparison]) -> str:
    """Such as ``"worse in 2 of 3 findings (Edema and Atelectasis), better in none"``."""
    single = [one for one in found if one.finding]
    shown = [one for one in single if one.holm < 1 - one.difference.level]
    parts = []
    for word, sign in (("worse", -1), ("better", 1)):
        there = [one.finding for one in shown if sign * one.difference.value > 0]
        which = f" ({listed(there, most=4)})" if there else ""
        parts.append(f"shown to be {word} in {len(there) or 'none'}{which}")
    whole = found[-1]
    below = whole.decrease or whole.difference
    what = "decrease" if whole.decrease else "difference"
    over = "macro average" if not whole.finding else whole.finding
    told = f"{what} {estimate(below, difference=True)} ({over})"
    return f"{', '.join(parts)} of {count(len(single), 'finding')}; {told}, {whole.conclusion}"


def _classification(content: Content) -> list[Answer]:
    found = []
    for dataset, model in dict.fromkeys((row.dataset, row.model) for row in content.classification):
        rows = [
            row for row in content.classification if (row.dataset, row.model) == (dataset, model)
        ]
        enough = [
            row
            for row in rows
            if min(row.positives, row.negatives) >= LEAST and not math.isnan(row.auroc.low)
        ]
        few = min((min(row.positives, row.negatives) for row in enough), default=0)
        if not enough:
            told = f"{model} cannot be judged: there are too few positives or negatives."
        elif len(rows) == 1:
            told = f"{model} reaches AUROC {estimate(rows[0].auroc)} for {rows[0].finding}."
        else:
            told = f"{model} reaches {_spread([(r.finding, r.auroc) for r in enough], 'AUROC')}"
        if enough and few < FEW:
            told += f" Only {count(few, 'case')} in the smallest class."
        found.append(Answer(f"As a classifier on {dataset}, {told}"))
    return found
