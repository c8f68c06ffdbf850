"""Tables of why maps fail."""

from collections.abc import Sequence

from heatproof.analysis.diagnosis import Diagnosis
from heatproof.report.content import Content
from heatproof.report.names import method_names, metric_names
from heatproof.report.paper.table import Column, Table
from heatproof.report.prose import why
from heatproof.types import Estimate

WHICH = (Column("Data set"), Column("Model"), Column("Method"), Column("Metric"))


REGRESSIONS = {
    "linear": "Least squares",
    "linear_by_cluster": "By patient",
    "mixed": "Mixed model",
    "logistic": "Log odds ratio",
}


ROWS = {"all": "all films", "positive": "films with it"}


def shape(content: Content, found: Sequence[Diagnosis]) -> Table:
    """What a feature of the shape does to the score: every regression side by side."""
    rows = []
    for one in found:
        for feature in dict.fromkeys(effect.feature for effect in one.shape):
            own = {e.model: e for e in one.shape if e.feature == feature}
            slopes = (own[m].slope.estimate if m in own else None for m in REGRESSIONS)
            corrected = own[why.BY_PATIENT].p if why.BY_PATIENT in own else None
            rows.append((*which(content, one), why.NOUNS[feature], *slopes, corrected, one.cases))
    columns = (
        *WHICH,
        Column("Feature"),
        *(Column(name, Estimate, signed=True) for name in REGRESSIONS.values()),
        Column("p by patient, corrected", float),
        Column("Cases", int),
    )
    caption = "Change of the score from the least to the most of each feature"
    return Table("shape", caption, columns, tuple(rows))


def confidence(content: Content, found: Sequence[Diagnosis]) -> Table:
    """The score against the probability, on all films and on those with the finding."""
    rows = []
    for one in found:
        asked = (("as given", one.confidence), ("calibrated", one.calibrated))
        for probability, sure in ((name, sure) for name, told in asked for sure in told):
            own = {effect.model: effect.slope for effect in sure.effects}
            slopes = [own[m].estimate if m in own else None for m in REGRESSIONS]
            place = (*which(content, one), sure.finding, ROWS[sure.rows], probability)
            rows.append((*place, *slopes, sure.spearman, sure.spearman.cases))
    columns = (
        *WHICH,
        Column("Finding"),
        Column("Among"),
        Column("Probability"),
        *(Column(name, Estimate, signed=True) for name in REGRESSIONS.values()),
        Column("Spearman", Estimate, signed=True),
        Column("Cases", int),
    )
    caption = "Change of the score from probability 0 to 1"
    return Table("confidence", caption, columns, tuple(rows))


def subgroups(content: Content, found: Sequence[Diagnosis]) -> Table:
    """Groups of films, and how far each is from the others."""
    rows = [
        (
            *which(content, one),
            finding,
            f"{group.attribute.replace('_', ' ')} {group.group}",
            group.mean,
            group.difference or "too few",
            group.p,
            group.mean.cases,
        )
        for one in found
        for finding, groups in one.subgroups.items()
        for group in groups
    ]
    columns = (
        *WHICH,
        Column("Finding"),
        Column("Group"),
        Column("Mean", Estimate),
        Column("Minus the others", Estimate, signed=True),
        Column("p, corrected", float),
        Column("Cases", int),
    )
    return Table("subgroups", "Mean score of groups of films", columns, tuple(rows))


def usual(content: Content, found: Sequence[Diagnosis]) -> Table:
    """The score beside that of the prior, film by film."""
    rows = []
    for one in found:
        if (place := one.usual) is not None:
            own = {effect.model: effect.slope.estimate for effect in place.slopes}
            told = (place.spearman, place.beats, place.unusual, place.usual, place.beats.cases)
            rows.append((*which(content, one), own.get(why.BY_PATIENT), *told))
    columns = (
        *WHICH,
        Column("Slope on the prior's score, by patient", Estimate, signed=True),
        Column("Spearman", Estimate, signed=True),
        Column("Share of films on which it beats the prior", Estimate),
        Column("Mean at unusual places", Estimate),
        Column("Mean at usual places", Estimate),
        Column("Cases", int),
    )
    return Table("usual", "Scores beside those of the mean-mask prior", columns, tuple(rows))


def common(content: Content, found: Sequence[Diagnosis]) -> Table:
    """Over findings: does the mean score go with how common, large or well placed they are?"""
    names = {"prevalence": "prevalence", "area_ratio": "mean size", "prior": "score of the prior"}
    rows = tuple(
        (*which(content, one), names[feature], spearman, spearman.cases)
        for one in found
        for feature, spearman in one.common.items()
    )
    columns = (
        *WHICH,
        Column("Of the finding"),
        Column("Spearman", Estimate, signed=True),
        Column("Findings", int),
    )
    return Table("common", "Mean scores of findings, and what findings are like", columns, rows)


def spread(content: Content) -> Table:
    """How different the shapes of findings are."""
    names = ("Least", "Lower quartile", "Median", "Upper quartile", "Most")
    columns = (
        Column("Data set"),
        Column("Finding"),
        Column("Feature"),
        *(Column(name, float) for name in names),
        Column("Cases", int),
    )
    rows = tuple(
        (s.dataset, s.finding, why.NOUNS[s.feature], s.least, s.q1, s.median, s.q3, s.most, s.cases)
        for s in content.spreads
    )
    return Table("spread", "Shapes of what was marked", columns, rows)


def failed(content: Content) -> Table:
    """Films called without reason, and films called rightly whose map misses what is marked."""
    names = method_names(content)
    rows = tuple(
        (
            one.kind, one.dataset, one.model, one.finding, names.get(one.method, one.method),
            one.image_id, one.probability, one.threshold,
        )
        for one in content.failures
    )  # fmt: skip
    told = ("Failure", "Data set", "Model", "Finding", "Method", "Image")
    columns = (
        *(Column(name) for name in told),
        Column("Probability", float),
        Column("Called from", float),
    )
    return Table(
        "failures", "False positives, and true positives with a missed region", columns, rows
    )


def structures(content: Content) -> Table:
    """What of the maps lies on things that are no findings."""
    names = method_names(content)
    columns = (
        *(Column(name) for name in ("Data set", "Model", "Finding", "Structure", "Method")),
        Column("Share of relevance there", Estimate),
        Column("Films whose peak is there", Estimate),
        Column("Share of the film", float),
        Column("Films", int),
    )
    rows = tuple(
        (
            *(one.dataset, one.model, one.finding, one.structure),
            names.get(one.method, one.method),
            *(one.share, one.peak, one.area, one.share.cases),
        )
        for one in content.structures
    )
    return Table("structures", "Relevance on things that are no findings", columns, rows)


def which(content: Content, one: Diagnosis) -> tuple[str, str, str, str]:
    """The first columns of every row: data set, model, method, metric."""
    method = method_names(content).get(one.method, one.method)
    known = metric_names(content)
    metric = known.get(one.metric, one.metric)
    return (one.dataset, one.model, method, metric)
