"""When and why maps fail, in sentences: what the diagnoses show, and what they do not show.

A feature matters for a method where the slope of the method's scores on that feature, with errors
by patient, has a p below one minus the level of the intervals.  The p of the four features of shape
are corrected together, and so are those of groups of films.  The sentences are about the first
metric of maps.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from heatproof.analysis.diagnosis import Diagnosis, Spread
from heatproof.analysis.rare import FEW_CASES
from heatproof.diagnose.confidence import POOLED, WITHIN, Confidence
from heatproof.diagnose.effect import Effect
from heatproof.diagnose.shape import FEATURES
from heatproof.diagnose.subgroups import Subgroup
from heatproof.report.content import Content
from heatproof.report.names import method_names
from heatproof.types import Estimate
from heatproof.words import count, listed, number, signed

BY_PATIENT = "linear_by_cluster"
PROBABILITY = "probability"
FEATURE_NOUNS = {
    "instances": "number of regions",
    "area_ratio": "size",
    "elongation": "elongation",
    "irrectangularity": "irregularity",
    PROBABILITY: "the model's probability",
}
FEATURE_DEFINITIONS = {
    "instances": "how many regions were marked on the film",
    "area_ratio": "the marked area, as a share of the film",
    "elongation": "long side by short side of the smallest rectangle around the largest region",
    "irrectangularity": "the share of that rectangle that the region leaves empty",
}
_WHERE_IT_GROWS = {
    "instances": "more regions are marked",
    "area_ratio": "the finding is larger",
    "elongation": "the finding is longer and thinner",
    "irrectangularity": "the shape of the finding is less regular",
    PROBABILITY: "the model is surer that the finding is there",
}
# A structure is worth a sentence where a map has this many times its share of the film there, and
# this much more than it.
_TIMES_ITS_AREA, _MORE_THAN_ITS_AREA = 2, 0.02
_MOST_GROUPS = 3  # groups of films that get a sentence each; more would bury the rest


class Trend(StrEnum):
    """What happens to the score when a feature grows."""

    BETTER = "better"
    WORSE = "worse"
    OPEN = "not shown"
    NONE = "not estimable"


_TREND_SIGNS = {
    Trend.BETTER: "\N{BLACK UP-POINTING TRIANGLE}",
    Trend.WORSE: "\N{BLACK DOWN-POINTING TRIANGLE}",
    Trend.OPEN: "\N{WHITE CIRCLE}",
    Trend.NONE: "\N{EN DASH}",
}


@dataclass(frozen=True)
class TrendCell:
    """What one feature does to the scores of one method; ``slope`` is empty where not estimable."""

    trend: Trend
    slope: str

    @property
    def sign(self) -> str:
        """The sign that stands beside the word."""
        return _TREND_SIGNS[self.trend]


_Lines = tuple[tuple[str, tuple[TrendCell, ...]], ...]


@dataclass(frozen=True)
class DiagnosisText:
    """What can be said of one data set and model, by the first metric.

    Attributes:
        heading: The data set, and the model where there are several.
        sentences: The most certain first.
        methods: The names of the methods: one column each.
        lines: Each feature with one cell per method; empty where there are too few patients.
        cases: The number of films and patients, in words; the largest where methods differ.
    """

    heading: str
    sentences: tuple[str, ...]
    methods: tuple[str, ...]
    lines: _Lines
    cases: str


def diagnosis_texts(content: Content) -> tuple[DiagnosisText, ...]:
    """One text for every data set and model."""
    metric = diagnosed_metric(content)
    cells: dict[tuple[str, str], list[Diagnosis]] = {}
    for diagnosis in content.diagnoses:
        if diagnosis.metric == metric:
            cells.setdefault((diagnosis.dataset, diagnosis.model), []).append(diagnosis)
    several = len({diagnosis.model for diagnosis in content.diagnoses}) > 1
    lower = any(m.spec == metric and m.lower_is_better for m in content.metrics)
    names = method_names(content)
    return tuple(
        _text(f"{data}, {model}" if several else data, diagnoses, names, lower)
        for (data, model), diagnoses in cells.items()
    )


def structure_sentences(content: Content) -> list[str]:
    """Where maps lie on a structure that is no finding far more than its size explains."""
    names = method_names(content)
    return [
        f"{names[structure.method]}, {structure.model}:"
        f" {number(structure.share.value)} of the relevance for {structure.finding} lies on"
        f" the {structure.structure}, which takes {number(structure.area)} of the film."
        for structure in content.structures
        # The lower end of the interval must be that high, so that chance makes no sentence.
        if structure.share.low
        > max(_TIMES_ITS_AREA * structure.area, structure.area + _MORE_THAN_ITS_AREA)
    ]


def diagnosed_metric(content: Content) -> str:
    """Spec of the first metric that scores every single map; empty without diagnoses."""
    diagnosed = {diagnosis.metric for diagnosis in content.diagnoses}
    in_order = [metric.spec for metric in content.metrics if metric.spec in diagnosed]
    # The order of a set differs from run to run.
    return next(iter((*in_order, *sorted(diagnosed))), "")


def slopes_by_patient(diagnosis: Diagnosis) -> dict[str, Effect]:
    """Feature to its slope with errors by patient: features of shape, and the probability."""
    confidence = _where_marked(diagnosis.confidence)
    effects = (*diagnosis.shape, *(confidence.effects if confidence else ()))
    return {effect.feature: effect for effect in effects if effect.model == BY_PATIENT}


def trend(effect: Effect | None, *, lower_is_better: bool = False) -> Trend:
    """Whether scores could be shown to change as the feature grows, and which way."""
    if effect is None or math.isnan(effect.slope.estimate.value):
        return Trend.NONE
    slope = effect.slope.estimate
    # A p that is nan is below nothing, so the question stays open.
    if not effect.p < 1 - slope.level:
        return Trend.OPEN
    return _direction(slope, lower_is_better)


def significance_level(content: Content) -> str:
    """The number that p has to be below, such as ``"0.05"``."""
    levels = [e.slope.estimate.level for d in content.diagnoses for e in d.shape]
    # In binary, 1 - 0.95 is a little more than 0.05.
    return f"{1 - (levels[0] if levels else 0.95):.3g}"


def spreads_by_feature(content: Content) -> dict[tuple[str, str], tuple[Spread, ...]]:
    """Data set and feature to the spreads of its findings."""
    groups: dict[tuple[str, str], tuple[Spread, ...]] = {}
    for spread in content.spreads:
        key = (spread.dataset, spread.feature)
        groups[key] = (*groups.get(key, ()), spread)
    return groups


def _where_marked(confidences: Sequence[Confidence]) -> Confidence | None:
    """Confidence on films with the finding: within findings, where there are several."""
    by_finding = {c.finding: c for c in confidences if c.rows == "positive"}
    single = [c for finding, c in by_finding.items() if finding not in (POOLED, WITHIN)]
    return by_finding.get(WITHIN) or next(iter(single), None)


def _direction(difference: Estimate, lower_is_better: bool) -> Trend:
    return Trend.BETTER if (difference.value > 0) != lower_is_better else Trend.WORSE


def _text(
    heading: str, diagnoses: Sequence[Diagnosis], names: dict[str, str], lower: bool
) -> DiagnosisText:
    judged = [diagnosis for diagnosis in diagnoses if diagnosis.patients >= diagnosis.enough]
    largest = max(judged or diagnoses, key=lambda diagnosis: (diagnosis.patients, diagnosis.cases))
    if not judged:
        return DiagnosisText(heading, (_too_few(largest),), (), (), _cases(largest))
    # Maps without a score make some methods rest on fewer cases than others.
    same = all(diagnosis.cases == largest.cases for diagnosis in judged)
    cases = _cases(largest) if same else f"up to {_cases(largest)}"
    methods = tuple(names[diagnosis.method] for diagnosis in judged)
    slopes = [slopes_by_patient(diagnosis) for diagnosis in judged]
    lines = tuple(
        (feature, tuple(_cell(effects.get(feature), lower) for effects in slopes))
        for feature in (*FEATURES, PROBABILITY)
        if any(feature in effects for effects in slopes)
    )
    sentences = [*_feature_sentences(lines, methods), *_group_sentences(judged, names, lower)]
    if len(judged) < len(diagnoses):
        left_out = _named((d for d in diagnoses if d.patients < d.enough), names)
        sentences.append(f"Nothing was asked of {left_out}: too few maps have a score.")
    sentences += _few_cases(judged, names)
    return DiagnosisText(heading, tuple(sentences), methods, lines, cases)


def _few_cases(judged: Sequence[Diagnosis], names: dict[str, str]) -> Iterator[str]:
    """A warning of methods whose slopes rest on few cases."""
    few = [diagnosis for diagnosis in judged if diagnosis.cases < FEW_CASES]
    if few:
        fewest, most = (end(diagnosis.cases for diagnosis in few) for end in (min, max))
        cases = count(most, "case") if fewest == most else f"{fewest} to {most} cases"
        whose = "These" if len(few) == len(judged) else f"Those of {_named(few, names)}"
        yield f"{whose} are {cases}: take it as a hint, not as a result."


def _named(diagnoses: Iterable[Diagnosis], names: dict[str, str]) -> str:
    return listed(names[diagnosis.method] for diagnosis in diagnoses)


def _cases(diagnosis: Diagnosis) -> str:
    """The films and patients behind a diagnosis, such as ``"12 marked films of 10 patients"``."""
    films = count(diagnosis.films, "marked film")
    if diagnosis.cases != diagnosis.films:
        findings = count(diagnosis.cases, "finding")
        films = f"{findings} marked on {count(diagnosis.films, 'film')}"
    if not diagnosis.lone:
        return f"{films} of {count(diagnosis.patients, 'patient')}"
    if diagnosis.lone != diagnosis.unknown:
        return f"{films}, each of which counts as one"
    if diagnosis.lone == diagnosis.patients:
        return f"{films}; their patients are unknown, so each film counts as one"
    known = count(diagnosis.patients - diagnosis.lone, "patient")
    alone = "1 of an unknown patient, which counts as one"
    if diagnosis.lone > 1:
        alone = f"{diagnosis.lone:,} of unknown patients, each of which counts as one"
    return f"{films}: {diagnosis.films - diagnosis.lone:,} of {known}, and {alone}"


def _too_few(diagnosis: Diagnosis) -> str:
    """Why nothing was fitted: how many there are, and how many it takes."""
    noun = "patients" if diagnosis.lone < diagnosis.patients or not diagnosis.lone else "films"
    there = f"{diagnosis.patients}"
    if 0 < diagnosis.lone < diagnosis.patients:
        there = f"{diagnosis.patients}, of which {diagnosis.lone} are films of unknown patients,"
    elif diagnosis.lone and diagnosis.lone == diagnosis.unknown:
        there = f"{diagnosis.patients}, whose patients are unknown,"
    return (
        f"There are too few {noun} to say why maps fail: {there} with the finding marked and a map"
        f" that has a score, and at least {diagnosis.enough} are needed."
    )


def _cell(effect: Effect | None, lower: bool) -> TrendCell:
    kind = trend(effect, lower_is_better=lower)
    if effect is None or kind is Trend.NONE:
        return TrendCell(Trend.NONE, "")
    return TrendCell(kind, signed(effect.slope.estimate.value))


def _feature_sentences(lines: _Lines, methods: tuple[str, ...]) -> Iterator[str]:
    """First the features that matter, with their methods; then those that were not shown to."""
    for feature, cells in lines:
        for direction in (Trend.BETTER, Trend.WORSE):
            whose = [m for m, cell in zip(methods, cells, strict=True) if cell.trend is direction]
            if whose:
                verb_phrase = _methods_that_do(whose, methods, direction)
                yield f"Where {_WHERE_IT_GROWS[feature]}, maps of {verb_phrase}."
    significant = (Trend.BETTER, Trend.WORSE)
    not_shown = [
        FEATURE_NOUNS[feature]
        for feature, cells in lines
        if not any(cell.trend in significant for cell in cells)
        and any(cell.trend is Trend.OPEN for cell in cells)
    ]
    if not_shown:
        yield (
            f"For {listed(not_shown)} no effect could be shown for any method, which does not mean"
            " that there is none."
        )
    constant = [
        FEATURE_NOUNS[feature]
        for feature, cells in lines
        if all(cell.trend is Trend.NONE for cell in cells)
    ]
    if constant:
        yield f"Nothing can be said about {listed(constant)}: it, or the score, varies too little."


def _methods_that_do(whose: list[str], methods: tuple[str, ...], direction: Trend) -> str:
    """Such as ``"Grad-CAM do better; not shown for the other 2 methods"``."""
    if len(whose) == len(methods) > 1:
        return f"all {len(whose)} methods do {direction}"
    rest = len(methods) - len(whose)
    others = f"the other {rest} methods" if rest > 1 else "the other method"
    return f"{listed(whose)} do {direction}" + (f"; not shown for {others}" if rest else "")


def _group_sentences(
    diagnoses: Sequence[Diagnosis], names: dict[str, str], lower: bool
) -> Iterator[str]:
    """Groups of films on which maps do better or worse than on others."""
    compared = [
        (diagnosis, finding, group, group.difference)
        for diagnosis in diagnoses
        for finding, groups in diagnosis.subgroups.items()
        for group in groups
        if group.difference is not None and not math.isnan(group.p)
    ]
    if not compared:
        return
    different = [row for row in compared if row[2].p < 1 - row[3].level]
    # The surest come first, since only a few get a sentence.
    different.sort(key=lambda row: row[2].p)
    for diagnosis, finding, group, difference in different[:_MOST_GROUPS]:
        yield (
            f"On films of {_attribute(group)} {group.group}, maps of"
            f" {names[diagnosis.method]} find {finding}"
            f" {_direction(difference, lower)} than on others, by {number(abs(difference.value))}."
        )
    if len(different) > _MOST_GROUPS:
        rest = count(len(different) - _MOST_GROUPS, "other comparison")
        yield f"The same holds for {rest} of groups."
    if not different:
        attributes = listed(dict.fromkeys(_attribute(group) for _, _, group, _ in compared))
        yield f"No difference between groups of films could be shown ({attributes})."


def _attribute(group: Subgroup) -> str:
    return group.attribute.replace("_", " ")
