"""What a paper takes from a report: every table as CSV and LaTeX, every figure as SVG and PDF."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count

from heatproof.report import answers, arrange, why
from heatproof.report.against import by_finding, comparisons, differences
from heatproof.report.beside import beside
from heatproof.report.content import Content
from heatproof.report.curves import precision_recall, threshold_curves
from heatproof.report.drawings import Forest, boxes, forest
from heatproof.report.measured import Diagnosis
from heatproof.report.pdf import pdf
from heatproof.report.plots import plot
from heatproof.report.scatter import scatters
from heatproof.report.tables import Column, Table, csv, latex
from heatproof.report.tuned import tuned
from heatproof.types import Estimate

_WHICH = (Column("Data set"), Column("Model"), Column("Method"), Column("Metric"))
REGRESSIONS = {
    "linear": "Least squares",
    "linear_by_cluster": "By patient",
    "mixed": "Mixed model",
    "logistic": "Log odds ratio",
}
ROWS = {"all": "all films", "positive": "films with it"}


def files(content: Content) -> dict[str, str | bytes]:
    """Path, below the folder of the report, to what is in it; equal content gives equal files."""
    found: dict[str, str | bytes] = {}
    for table in tables(content):
        if table.rows:
            found[f"tables/{table.name}.csv"] = csv(table)
            found[f"tables/{table.name}.tex"] = latex(table)
    for name, svg in _figures(content):
        numbered = (f"figures/{name}-{number}.svg" for number in count(2))
        paths = chain((f"figures/{name}.svg",), numbered)  # two names may become one
        path = next(path for path in paths if path not in found)
        found[path], found[path.removesuffix("svg") + "pdf"] = svg, pdf(svg)
    return found


def _figures(content: Content) -> Iterator[tuple[str, str]]:
    of_methods = (*_panels(content), *by_finding(content), *differences(content))
    for estimates in (*of_methods, *slopes(content)):
        yield estimates.name, forest(estimates)
    for drawn in (*threshold_curves(content), *precision_recall(content), *scatters(content)):
        yield drawn.name, plot(drawn)
    for (dataset, feature), spreads in why.by_feature(content).items():
        yield (
            arrange.file_name("spread", dataset, feature),
            boxes(f"{why.NOUNS[feature]}, {dataset}", spreads),
        )


def tables(content: Content) -> tuple[Table, ...]:
    """Every table."""
    own = (shape, confidence, subgroups, usual, common)
    reasons = (one(content, content.diagnoses) for one in own)
    return (
        cohort(content),
        _localization(content),
        _classification(content),
        comparisons(content),
        tuned(content),
        *reasons,
        spread(content),
        failed(content),
        structures(content),
        beside(content),
    )


def cohort(content: Content) -> Table:
    """Whom every data set holds, finding by finding."""
    rows = tuple(
        (
            one.name, one.images, one.patients, one.age_median, _counts(one.sexes),
            _counts(one.views), of.finding, of.positive, of.negative, of.uncertain, of.unknown,
            of.annotated,
        )
        for one in content.cohorts
        for of in one.counts
    )  # fmt: skip
    columns = (
        Column("Data set"),
        Column("Images", int),
        Column("Patients", int),
        Column("Median age", float),
        Column("Sexes"),
        Column("Views"),
        Column("Finding"),
        *(Column(name, int) for name in ("Present", "Absent", "Uncertain", "Unknown", "Marked")),
    )
    return Table("cohort", "Images by finding", columns, rows)


def _counts(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items())


def shape(content: Content, found: Sequence[Diagnosis]) -> Table:
    """What a feature of the shape does to the score: every regression side by side."""
    rows = []
    for one in found:
        for feature in dict.fromkeys(effect.feature for effect in one.shape):
            own = {e.model: e for e in one.shape if e.feature == feature}
            slopes = (own[m].slope.estimate if m in own else None for m in REGRESSIONS)
            corrected = own[why.BY_PATIENT].p if why.BY_PATIENT in own else None
            rows.append((*_which(content, one), why.NOUNS[feature], *slopes, corrected, one.cases))
    columns = (
        *_WHICH,
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
            which = (*_which(content, one), sure.finding, ROWS[sure.rows], probability)
            rows.append((*which, *slopes, sure.spearman, sure.spearman.cases))
    columns = (
        *_WHICH,
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
            *_which(content, one),
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
        *_WHICH,
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
            rows.append((*_which(content, one), own.get(why.BY_PATIENT), *told))
    columns = (
        *_WHICH,
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
        (*_which(content, one), names[feature], spearman, spearman.cases)
        for one in found
        for feature, spearman in one.common.items()
    )
    columns = (
        *_WHICH,
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
    names = answers.method_names(content)
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
    names = answers.method_names(content)
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


def slopes(content: Content) -> Iterator[Forest]:
    """Slopes with errors by patient, one figure for each data set, model and metric."""
    cells: dict[tuple[str, str, str], list[Diagnosis]] = {}
    for one in content.diagnoses:
        cells.setdefault((one.dataset, one.model, one.metric), []).append(one)
    names, known = answers.method_names(content), arrange.metric_names(content)
    for (dataset, model, metric), found in cells.items():
        effects = [(names.get(one.method, one.method), why.features(one)) for one in found]
        rows = tuple(
            (f"{why.NOUNS[feature]}, {name}", own[feature].slope.estimate)
            for feature in why.NOUNS
            for name, own in effects
            if feature in own and math.isfinite(own[feature].slope.estimate.value)
        )
        if rows:
            ends = [abs(end) for _, e in rows for end in (e.value, e.low, e.high)]
            most = _round(max(end for end in ends if math.isfinite(end)))
            shown = known.get(metric, metric)
            yield Forest(
                arrange.file_name("slopes", dataset, model, metric),
                f"Slopes of {shown} on {dataset}, {model}",
                rows, -most, most, 0.0, signed=True,
            )  # fmt: skip


def _round(end: float) -> float:
    """The next larger number of one digit."""
    digit = 10.0 ** math.floor(math.log10(end)) if end else 1.0
    return math.ceil(end / digit) * digit or 1.0


def _panels(content: Content) -> Iterator[Forest]:
    known, names = arrange.metrics(content), answers.method_names(content)
    for panel in content.localization:
        metric = known[panel.metric]
        several = len({row.model for row in panel.rows}) > 1
        rows = [
            (names.get(r.method, r.method) + (f", {r.model}" if several else ""), r.estimate)
            for r in answers.best_first(panel.rows, metric)
        ]
        prior = panel.prior
        rows += [(prior.name, prior.estimate)] if prior else []
        at = prior.estimate.value if prior else math.nan
        yield Forest(
            arrange.file_name(
                "localization", panel.dataset, panel.finding, panel.metric, panel.model
            ),
            f"{metric.name} for {panel.finding}, {panel.dataset}",
            tuple(rows), metric.low, metric.high, None if math.isnan(at) else at,
        )  # fmt: skip


def _localization(content: Content) -> Table:
    names, known = answers.method_names(content), arrange.metrics(content)
    rows = []
    for panel in content.localization:
        what = (panel.dataset, panel.finding, known[panel.metric].name)
        for row in panel.rows:
            method = names.get(row.method, row.method)
            counted = (row.estimate.cases, row.undefined)
            rows.append((*what, row.model, method, row.estimate, *counted, row.difference))
        if panel.prior:
            one = panel.prior
            counted = (one.estimate.cases, one.undefined)
            rows.append((*what, panel.model, one.name, one.estimate, *counted, None))
    columns = (
        Column("Data set"),
        Column("Finding"),
        Column("Metric"),
        Column("Model"),
        Column("Method"),
        Column("Value", Estimate),
        Column("Cases", int),
        Column("Undefined", int),
        Column("Better than the prior by", Estimate, signed=True),
    )
    return Table("localization", "Localization", columns, tuple(rows))


def _classification(content: Content) -> Table:
    names = ("sensitivity", "specificity", "ppv", "npv")
    rows = tuple(
        (
            one.dataset, one.model, one.finding, one.positives, one.negatives, one.auroc,
            *(getattr(one.point, name) if one.point else None for name in names), one.brier,
        )
        for one in content.classification
    )  # fmt: skip
    columns = (
        Column("Data set"),
        Column("Model"),
        Column("Finding"),
        Column("Present", int),
        Column("Absent", int),
        *(
            Column(name, Estimate)
            for name in ("AUROC", "Sensitivity", "Specificity", "PPV", "NPV", "Brier")
        ),
    )
    return Table("classification", "Classification", columns, rows)


def _which(content: Content, one: Diagnosis) -> tuple[str, str, str, str]:
    method = answers.method_names(content).get(one.method, one.method)
    known = arrange.metric_names(content)
    metric = known.get(one.metric, one.metric)
    return (one.dataset, one.model, method, metric)
