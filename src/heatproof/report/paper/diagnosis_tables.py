"""Tables of why maps fail."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from heatproof.analysis.diagnosis import Diagnosis, Spread
from heatproof.analysis.failures import Failure
from heatproof.analysis.structures import Structure
from heatproof.diagnose.confidence import Confidence
from heatproof.diagnose.effect import Effect
from heatproof.diagnose.prior import UsualPlace
from heatproof.diagnose.subgroups import Subgroup
from heatproof.report.content import Content
from heatproof.report.names import method_names, metric_names
from heatproof.report.paper.table import PaperCell, PaperColumn, PaperTable
from heatproof.report.prose.why_maps_fail import BY_PATIENT, FEATURE_NOUNS
from heatproof.types import Estimate

_REGRESSIONS = {
    "linear": "Least squares",
    BY_PATIENT: "By patient",
    "mixed": "Mixed model",
    "logistic": "Log odds ratio",
}
_AMONG = {"all": "all films", "positive": "films with it"}
_OF_FINDINGS = {
    "prevalence": "prevalence",
    "area_ratio": "mean size",
    "prior": "score of the prior",
}


class _Shape(NamedTuple):
    """One feature of the shape of one diagnosis."""

    diagnosis: Diagnosis
    feature: str
    effects: Mapping[str, Effect]


class _Confidence(NamedTuple):
    """The effect of the probability on the score, in one diagnosis."""

    diagnosis: Diagnosis
    probability: str
    confidence: Confidence
    effects: Mapping[str, Effect]


class _Group(NamedTuple):
    """One group of films in one diagnosis."""

    diagnosis: Diagnosis
    finding: str
    group: Subgroup


class _Usual(NamedTuple):
    """One diagnosis beside the prior."""

    diagnosis: Diagnosis
    usual: UsualPlace


class _Common(NamedTuple):
    """A correlation over the findings of one diagnosis."""

    diagnosis: Diagnosis
    feature: str
    spearman: Estimate


_Regressed = _Shape | _Confidence
_Diagnosed = _Regressed | _Group | _Usual | _Common


def shape_table(content: Content, diagnoses: Sequence[Diagnosis]) -> PaperTable[_Shape]:
    """What each feature of the shape does to the score: every regression side by side."""
    records = [
        _Shape(diagnosis, feature, {e.model: e for e in diagnosis.shape if e.feature == feature})
        for diagnosis in diagnoses
        for feature in dict.fromkeys(effect.feature for effect in diagnosis.shape)
    ]
    return PaperTable[_Shape](
        "shape",
        "Change of the score from the least to the most of each feature",
        (
            *_which(content),
            PaperColumn("Feature", lambda row: FEATURE_NOUNS[row.feature]),
            *_slopes(),
            PaperColumn(
                "p by patient, corrected",
                lambda row: row.effects[BY_PATIENT].p if BY_PATIENT in row.effects else None,
                float,
            ),
            PaperColumn("Cases", lambda row: row.diagnosis.cases, int),
        ),
        records,
    )


def confidence_table(content: Content, diagnoses: Sequence[Diagnosis]) -> PaperTable[_Confidence]:
    """The score against the probability, on all films and on those with the finding."""
    records = [
        _Confidence(diagnosis, probability, confidence, {e.model: e for e in confidence.effects})
        for diagnosis in diagnoses
        for probability, confidences in (
            ("as given", diagnosis.confidence),
            ("calibrated", diagnosis.calibrated),
        )
        for confidence in confidences
    ]
    return PaperTable[_Confidence](
        "confidence",
        "Change of the score from probability 0 to 1",
        (
            *_which(content),
            PaperColumn("Finding", lambda row: row.confidence.finding),
            PaperColumn("Among", lambda row: _AMONG[row.confidence.rows]),
            PaperColumn("Probability", lambda row: row.probability),
            *_slopes(),
            PaperColumn("Spearman", lambda row: row.confidence.spearman, Estimate, signed=True),
            PaperColumn("Cases", lambda row: row.confidence.spearman.cases, int),
        ),
        records,
    )


def subgroup_table(content: Content, diagnoses: Sequence[Diagnosis]) -> PaperTable[_Group]:
    """The mean score of groups of films, and how far each is from the others."""
    records = [
        _Group(diagnosis, finding, group)
        for diagnosis in diagnoses
        for finding, groups in diagnosis.subgroups.items()
        for group in groups
    ]
    return PaperTable[_Group](
        "subgroups",
        "Mean score of groups of films",
        (
            *_which(content),
            PaperColumn("Finding", lambda row: row.finding),
            PaperColumn(
                "Group", lambda row: f"{row.group.attribute.replace('_', ' ')} {row.group.group}"
            ),
            PaperColumn("Mean", lambda row: row.group.mean, Estimate),
            PaperColumn(
                "Minus the others",
                # A group without a difference has too few films, in it or beside it.
                lambda row: row.group.difference or "too few",
                Estimate,
                signed=True,
            ),
            PaperColumn("p, corrected", lambda row: row.group.p, float),
            PaperColumn("Cases", lambda row: row.group.mean.cases, int),
        ),
        records,
    )


def usual_table(content: Content, diagnoses: Sequence[Diagnosis]) -> PaperTable[_Usual]:
    """The score beside that of the prior, film by film."""

    def slope_by_patient(row: _Usual) -> PaperCell:
        slopes = {effect.model: effect.slope.estimate for effect in row.usual.slopes}
        return slopes.get(BY_PATIENT)

    return PaperTable[_Usual](
        "usual",
        "Scores beside those of the mean-mask prior",
        (
            *_which(content),
            PaperColumn(
                "Slope on the prior's score, by patient", slope_by_patient, Estimate, signed=True
            ),
            PaperColumn("Spearman", lambda row: row.usual.spearman, Estimate, signed=True),
            PaperColumn(
                "Share of films on which it beats the prior", lambda row: row.usual.beats, Estimate
            ),
            PaperColumn("Mean at unusual places", lambda row: row.usual.unusual, Estimate),
            PaperColumn("Mean at usual places", lambda row: row.usual.usual, Estimate),
            PaperColumn("Cases", lambda row: row.usual.beats.cases, int),
        ),
        [_Usual(diagnosis, diagnosis.usual) for diagnosis in diagnoses if diagnosis.usual],
    )


def common_table(content: Content, diagnoses: Sequence[Diagnosis]) -> PaperTable[_Common]:
    """Over findings: whether the mean score goes with how common, large or well placed they are."""
    return PaperTable[_Common](
        "common",
        "Mean scores of findings, and what findings are like",
        (
            *_which(content),
            PaperColumn("Of the finding", lambda row: _OF_FINDINGS[row.feature]),
            PaperColumn("Spearman", lambda row: row.spearman, Estimate, signed=True),
            PaperColumn("Findings", lambda row: row.spearman.cases, int),
        ),
        [_Common(d, feature, rho) for d in diagnoses for feature, rho in d.common.items()],
    )


def spread_table(content: Content) -> PaperTable[Spread]:
    """How much the shapes of findings vary."""
    return PaperTable[Spread](
        "spread",
        "Shapes of what was marked",
        (
            PaperColumn("Data set", lambda row: row.dataset),
            PaperColumn("Finding", lambda row: row.finding),
            PaperColumn("Feature", lambda row: FEATURE_NOUNS[row.feature]),
            PaperColumn("Least", lambda row: row.least, float),
            PaperColumn("Lower quartile", lambda row: row.q1, float),
            PaperColumn("Median", lambda row: row.median, float),
            PaperColumn("Upper quartile", lambda row: row.q3, float),
            PaperColumn("Most", lambda row: row.most, float),
            PaperColumn("Cases", lambda row: row.cases, int),
        ),
        content.spreads,
    )


def failure_table(content: Content) -> PaperTable[Failure]:
    """False positives, and true positives of which a map misses a marked region."""
    methods = method_names(content)
    return PaperTable[Failure](
        "failures",
        "False positives, and true positives with a missed region",
        (
            PaperColumn("Failure", lambda row: row.kind),
            PaperColumn("Data set", lambda row: row.dataset),
            PaperColumn("Model", lambda row: row.model),
            PaperColumn("Finding", lambda row: row.finding),
            PaperColumn("Method", lambda row: methods[row.method]),
            PaperColumn("Film", lambda row: row.image_id),
            PaperColumn("Probability", lambda row: row.probability, float),
            PaperColumn("Positive from", lambda row: row.threshold, float),
        ),
        content.failures,
    )


def structure_table(content: Content) -> PaperTable[Structure]:
    """How much of the maps lies on things that are no findings."""
    methods = method_names(content)
    return PaperTable[Structure](
        "structures",
        "Relevance on things that are no findings",
        (
            PaperColumn("Data set", lambda row: row.dataset),
            PaperColumn("Model", lambda row: row.model),
            PaperColumn("Finding", lambda row: row.finding),
            PaperColumn("Structure", lambda row: row.structure),
            PaperColumn("Method", lambda row: methods[row.method]),
            PaperColumn("Share of relevance there", lambda row: row.share, Estimate),
            PaperColumn("Films whose peak is there", lambda row: row.peak, Estimate),
            PaperColumn("Share of the film", lambda row: row.area, float),
            PaperColumn("Films", lambda row: row.share.cases, int),
        ),
        content.structures,
    )


def _which(content: Content) -> tuple[PaperColumn[_Diagnosed], ...]:
    """The first columns of every table of diagnoses."""
    methods, metrics = method_names(content), metric_names(content)
    return (
        PaperColumn("Data set", lambda row: row.diagnosis.dataset),
        PaperColumn("Model", lambda row: row.diagnosis.model),
        PaperColumn("Method", lambda row: methods[row.diagnosis.method]),
        PaperColumn("Metric", lambda row: metrics[row.diagnosis.metric]),
    )


def _slopes() -> Iterator[PaperColumn[_Regressed]]:
    """One column for each regression."""
    for regression, name in _REGRESSIONS.items():
        yield PaperColumn(name, partial(_slope, regression), Estimate, signed=True)


def _slope(regression: str, row: _Regressed) -> Estimate | None:
    return row.effects[regression].slope.estimate if regression in row.effects else None
