"""When and why maps fail, in words first: what the diagnoses show, and what they do not.

A feature is said to matter for a method where the slope of its scores on that feature, with errors
by patient, has a p below one minus the level of the intervals; the p of the four features of shape
are corrected together, those of groups of films as well.  The words are about the first metric.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from heatproof.analysis.diagnosis import Diagnosis, Spread
from heatproof.diagnose.confidence import POOLED, WITHIN, Confidence
from heatproof.diagnose.effect import Effect
from heatproof.diagnose.shape import FEATURES
from heatproof.report.called import FEW
from heatproof.report.content import Content
from heatproof.report.names import method_names
from heatproof.words import count, listed, number, signed

BY_PATIENT = "linear_by_cluster"
PROBABILITY = "probability"
NOUNS = {
    "instances": "number of regions",
    "area_ratio": "size",
    "elongation": "elongation",
    "irrectangularity": "irregularity",
    PROBABILITY: "the model's probability",
}
WHERE = {
    "instances": "more regions are marked",
    "area_ratio": "the finding is larger",
    "elongation": "the finding is longer and thinner",
    "irrectangularity": "the shape of the finding is less regular",
    PROBABILITY: "the model is surer that the finding is there",
}
EXPLAINED = {
    "instances": "how many regions were marked on the film",
    "area_ratio": "the marked area, as a share of the film",
    "elongation": "long side by short side of the smallest rectangle around the largest region",
    "irrectangularity": "the share of that rectangle that the region leaves empty",
}
TWICE, LEAST = 2, 0.02  # what a map must have more on a structure than its size, to be told
_FOLLOWED = 3  # groups that are told one by one


class Trend(StrEnum):
    """What happens to the score when a feature grows."""

    BETTER = "better"
    WORSE = "worse"
    OPEN = "not shown"
    NONE = "not estimable"


SIGNS = {
    Trend.BETTER: "\N{BLACK UP-POINTING TRIANGLE}",
    Trend.WORSE: "\N{BLACK DOWN-POINTING TRIANGLE}",
    Trend.OPEN: "\N{WHITE CIRCLE}",
    Trend.NONE: "\N{EN DASH}",
}


@dataclass(frozen=True)
class Told:
    """One cell: what one feature does to the scores of one method."""

    trend: Trend
    slope: str

    @property
    def sign(self) -> str:
        """That stands beside the word."""
        return SIGNS[self.trend]


@dataclass(frozen=True)
class Story:
    """One data set and model, by the first metric.

    Attributes:
        heading: The data set, and the model where there are several.
        sentences: What was found, the most certain first.
        methods: Names, over the columns.
        lines: By feature, one cell per method; empty where patients are too few.
        cases: In words.
    """

    heading: str
    sentences: tuple[str, ...]
    methods: tuple[str, ...]
    lines: tuple[tuple[str, tuple[Told, ...]], ...]
    cases: str


def stories(content: Content) -> tuple[Story, ...]:
    """What can be said of every data set and model."""
    metric = first_metric(content)
    own = [one for one in content.diagnoses if one.metric == metric]
    cells: dict[tuple[str, str], list[Diagnosis]] = {}
    for one in own:
        cells.setdefault((one.dataset, one.model), []).append(one)
    several = len({one.model for one in content.diagnoses}) > 1
    lower = any(m.spec == metric and m.lower_is_better for m in content.metrics)
    return tuple(
        _story(f"{data}, {model}" if several else data, found, method_names(content), lower)
        for (data, model), found in cells.items()
    )


def elsewhere(content: Content) -> list[str]:
    """Where maps lie on something that is no finding far more than its size explains."""
    names = method_names(content)
    return [
        f"{names.get(one.method, one.method)}, {one.model}: {number(one.share.value)} of what tells"
        f" {one.finding} lies on the {one.structure}, {number(one.area)} of the film."
        for one in content.structures
        if one.share.low > max(TWICE * one.area, one.area + LEAST)
    ]


def first_metric(content: Content) -> str:
    """The first that has a score of every single map; empty without diagnoses."""
    asked = {one.metric for one in content.diagnoses}
    ordered = [metric.spec for metric in content.metrics if metric.spec in asked]
    return next(iter((*ordered, *sorted(asked))), "")


def features(one: Diagnosis) -> dict[str, Effect]:
    """By feature, the slope with errors by patient: of the shape, and of the probability."""
    found = {effect.feature: effect for effect in one.shape if effect.model == BY_PATIENT}
    sure = where_marked(one.confidence)
    return found | {e.feature: e for e in (sure.effects if sure else ()) if e.model == BY_PATIENT}


def where_marked(found: tuple[Confidence, ...]) -> Confidence | None:
    """Confidence on films with the finding: within findings, where there are several."""
    rows = {one.finding: one for one in found if one.rows == "positive"}
    single = [one for finding, one in rows.items() if finding not in (POOLED, WITHIN)]
    return rows.get(WITHIN) or next(iter(single), None)


def trend(effect: Effect | None, *, lower_is_better: bool = False) -> Trend:
    """Whether scores could be shown to change, and which way."""
    if effect is None or effect.slope.estimate.value != effect.slope.estimate.value:
        return Trend.NONE
    found = effect.slope.estimate
    if not effect.p < 1 - found.level:
        return Trend.OPEN
    return Trend.BETTER if (found.value > 0) != lower_is_better else Trend.WORSE


def alpha(content: Content) -> str:
    """What p has to be below, such as ``"0.05"``."""
    levels = [e.slope.estimate.level for one in content.diagnoses for e in one.shape]
    return f"{1 - (levels[0] if levels else 0.95):.3g}"


def by_feature(content: Content) -> dict[tuple[str, str], tuple[Spread, ...]]:
    """Data set and feature to the spreads of its findings."""
    found: dict[tuple[str, str], tuple[Spread, ...]] = {}
    for one in content.spreads:
        key = (one.dataset, one.feature)
        found[key] = (*found.get(key, ()), one)
    return found


def _story(heading: str, found: list[Diagnosis], names: dict[str, str], lower: bool) -> Story:
    judged = [one for one in found if one.patients >= one.enough]
    methods = tuple(names.get(one.method, one.method) for one in judged)
    most = max(found, key=lambda one: one.patients)
    told = f"{count(most.cases, 'marked film')} of {count(most.patients, 'patient')}"
    if not judged:
        few = (
            f"There are too few patients to ask why maps fail: {most.patients} with the finding"
            f" marked, and it takes at least {most.enough}."
        )
        return Story(heading, (few,), (), (), told)
    effects = [features(one) for one in judged]
    lines = tuple(
        (feature, tuple(_told(of.get(feature), lower) for of in effects))
        for feature in (*FEATURES, PROBABILITY)
        if any(feature in of for of in effects)
    )
    sentences = [*_shown(lines, methods), *_groups(judged, names, lower)]
    if most.cases < FEW:
        sentences.append(
            f"These are {count(most.cases, 'case')}: take it as a hint, not as a result."
        )
    return Story(heading, tuple(sentences), methods, lines, told)


def _told(effect: Effect | None, lower: bool) -> Told:
    found = trend(effect, lower_is_better=lower)
    if effect is None or found is Trend.NONE:
        return Told(Trend.NONE, "")
    return Told(found, signed(effect.slope.estimate.value))


def _shown(
    lines: tuple[tuple[str, tuple[Told, ...]], ...], methods: tuple[str, ...]
) -> Iterator[str]:
    """What matters, for which methods; then what could not be shown to."""
    for feature, cells in lines:
        for direction in (Trend.BETTER, Trend.WORSE):
            who = [m for m, cell in zip(methods, cells, strict=True) if cell.trend is direction]
            if who:
                yield f"Where {WHERE[feature]}, maps of {_of(who, methods, direction)}."
    settled = (Trend.BETTER, Trend.WORSE)
    silent = [
        NOUNS[feature]
        for feature, cells in lines
        if not any(cell.trend in settled for cell in cells)
        and any(cell.trend is Trend.OPEN for cell in cells)
    ]
    if silent:
        yield (
            f"For {listed(silent)} no effect could be shown for any method, which does not mean"
            " that there is none."
        )
    constant = [NOUNS[f] for f, cells in lines if all(c.trend is Trend.NONE for c in cells)]
    if constant:
        yield (f"Nothing can be said of {listed(constant)}: that, or the score, varies too little.")


def _of(who: list[str], methods: tuple[str, ...], direction: Trend) -> str:
    if len(who) == len(methods) > 1:
        return f"all {len(who)} methods do {direction}"
    rest = len(methods) - len(who)
    others = f"the other {rest} methods" if rest > 1 else "the other method"
    return f"{listed(who)} do {direction}" + (f"; not shown for {others}" if rest else "")


def _groups(judged: list[Diagnosis], names: dict[str, str], lower: bool) -> Iterator[str]:
    """Groups of patients on whom maps do better or worse."""
    compared = [
        (one, finding, group)
        for one in judged
        for finding, groups in one.subgroups.items()
        for group in groups
        if group.difference is not None and group.p == group.p
    ]
    if not compared:
        return
    apart = [
        (one, finding, group, group.difference)
        for one, finding, group in compared
        if group.difference is not None and group.p < 1 - group.difference.level
    ]
    for one, finding, group, difference in sorted(apart, key=lambda row: row[2].p)[:_FOLLOWED]:
        direction = Trend.BETTER if (difference.value > 0) != lower else Trend.WORSE
        yield (
            f"On films of {group.attribute.replace('_', ' ')} {group.group}, maps of"
            f" {names.get(one.method, one.method)} find {finding} {direction} than on others, by"
            f" {number(abs(difference.value))}."
        )
    if len(apart) > _FOLLOWED:
        yield f"So it is for {count(len(apart) - _FOLLOWED, 'other comparison')} of groups."
    if not apart:
        looked = listed(dict.fromkeys(group.attribute.replace("_", " ") for *_, group in compared))
        yield f"No difference between groups of films could be shown ({looked})."
