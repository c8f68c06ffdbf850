"""A published study and its repetition here, cell by cell: every number that the study prints.

A number stands beside what this report measured of the same quantity, method, architecture and
data, once for each of the models that were trained alike.  Whether the published value lies in the
interval of the one here is said where there is an interval.  Numbers that were not measured here
keep their row, so that nobody mistakes a part of a study for all of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan
from typing import Any

from heatproof.localize.controls import READERS
from heatproof.models.backbones import backbones
from heatproof.models.localizers import localizers
from heatproof.registry import part_name
from heatproof.report.content import Content, ModelText
from heatproof.report.paper.published_table import by_quantity
from heatproof.report.paper.table import PaperColumn, PaperTable
from heatproof.report.published import CHEXLOCALIZE, PUBLISHED, TRUST_GRIDS, Published
from heatproof.report.published.records import essence
from heatproof.types import Estimate, Outcome

YES, NO, UNKNOWN, ABSENT = "yes", "no", "no interval", "not measured here"
_CLASSIFIER = "auroc of the classifier"
_REFERENCES = {"RetinaNet": "retinanet", "U-Net": "unet"}
_SUPERSEDED = "earlier version"


@dataclass(frozen=True)
class Beside:
    """One published number, and one of this report.

    Attributes:
        here: What was measured; None where nothing was.
        where: Of which data set and model here.
    """

    published: Published
    here: Estimate | None = None
    where: str = ""

    @property
    def inside(self) -> str:
        """Whether the published value lies in the interval of the one here."""
        if self.here is None or isnan(self.here.value):
            return ABSENT
        if isnan(self.here.low) or isnan(self.here.high):
            return UNKNOWN
        return YES if self.here.low <= self.published.value <= self.here.high else NO


@dataclass(frozen=True)
class Verdicts:
    """One published verdict of trust, and the one here."""

    source: str
    data: str
    method: str
    criterion: str
    published: Outcome
    here: Outcome
    rule: str


def beside_published(content: Content) -> PaperTable[Beside]:
    """A row for each number of the repeated study and each model here; none without a study."""
    return PaperTable[Beside](
        "study",
        "The published study and its repetition",
        (
            PaperColumn(
                "Place",
                lambda row: f"{row.published.source.tag}, {row.published.where}",
                key="place",
            ),
            PaperColumn("Quantity", lambda row: row.published.quantity, key="quantity"),
            PaperColumn("Data", lambda row: row.published.data, key="data"),
            PaperColumn("Finding", lambda row: row.published.finding, key="finding"),
            PaperColumn("Method", lambda row: row.published.method, key="method"),
            PaperColumn("Model", lambda row: row.published.model, key="model"),
            PaperColumn(
                "Published", lambda row: _estimate(row.published), Estimate, key="published"
            ),
            PaperColumn("Here", lambda row: row.here, Estimate, key="here"),
            PaperColumn(
                "Published value in the interval here", lambda row: row.inside, key="inside"
            ),
            PaperColumn("Measured on", lambda row: row.where, key="measured_on"),
            PaperColumn("Note", lambda row: row.published.note, key="note"),
        ),
        list(_rows(content)),
    )


def verdicts_beside_published(content: Content) -> PaperTable[Verdicts]:
    """A row for each verdict that the repeated study prints and this report has, by each rule."""
    return PaperTable[Verdicts](
        "study_verdicts",
        "Published verdicts of trust, and those here",
        (
            PaperColumn("Source", lambda row: row.source, key="source"),
            PaperColumn("Data", lambda row: row.data, key="data"),
            PaperColumn("Method", lambda row: row.method, key="method"),
            PaperColumn("Criterion", lambda row: row.criterion, key="criterion"),
            PaperColumn("Published", lambda row: str(row.published), key="published"),
            PaperColumn("Here", lambda row: str(row.here), key="here"),
            PaperColumn("Alike", lambda row: YES if row.published is row.here else NO, key="alike"),
            PaperColumn("Rule here", lambda row: row.rule, key="rule_here"),
        ),
        list(_verdicts(content)),
    )


def _rows(content: Content) -> Iterator[Beside]:
    study = content.study
    for number in PUBLISHED:
        if study is None or number.source.tag not in study.of:
            continue
        if number.data not in study.data.values():
            continue
        rows = [] if number.where == _SUPERSEDED else [*_measured(content, number)]
        yield from rows or [Beside(number)]


def _measured(content: Content, number: Published) -> Iterator[Beside]:
    ours = _data_here(content, number.data)
    if number.source is CHEXLOCALIZE:
        for here, where in by_quantity(content).get((number.quantity, number.finding), ()):
            yield Beside(number, here, where)
        return
    if number.quantity == _CLASSIFIER:
        for row in content.classification:
            if row.dataset in ours and _is_of(content, number, row.model):
                yield Beside(number, row.auroc, f"{row.dataset}, {row.model}")
        return
    yield from _localized(content, number, ours)
    yield from _compared(content, number, ours)


def _localized(content: Content, number: Published, ours: set[str]) -> Iterator[Beside]:
    """Scores of methods, localizers and controls, by the metric of that name."""
    for panel in content.localization:
        alike = part_name(panel.metric) == number.quantity and panel.counts
        if not alike or panel.dataset not in ours:
            continue
        for row in panel.rows:
            if _stands_for(number, row.method) and _is_of(content, number, row.model):
                where = f"{panel.dataset}, {row.model}, {panel.metric}"
                yield Beside(number, row.estimate, where)
        for control in panel.every_control:
            if control.spec == number.method:
                yield Beside(number, control.estimate, f"{panel.dataset}, {panel.metric}")


def _compared(content: Content, number: Published, ours: set[str]) -> Iterator[Beside]:
    """Evidence of the criteria of trust, such as ``repeatability ssim``; by one rule alone."""
    criterion, _, measure = number.quantity.partition(" ")
    seen: set[tuple[str, str, str]] = set()
    for grid in content.trust:
        if grid.dataset not in ours or not measure:
            continue
        for verdict in grid.verdicts:
            key = (grid.dataset, verdict.method, verdict.measure)
            alike = part_name(verdict.criterion) == criterion
            alike = alike and part_name(verdict.measure or "none") == measure and key not in seen
            if alike and _stands_for(number, verdict.method):
                seen.add(key)
                yield Beside(number, verdict.evidence, f"{grid.dataset}, {verdict.measure}")
        for high in grid.high:
            alike = part_name(high.criterion) == criterion and part_name(high.measure) == measure
            if alike and _stands_for(number, high.control) and (high.control, "", "") not in seen:
                seen.add((high.control, "", ""))
                yield Beside(number, _bare(high.value), f"{grid.dataset}, {high.measure}")


def _verdicts(content: Content) -> Iterator[Verdicts]:
    study = content.study
    for published in TRUST_GRIDS:
        if study is None or published.source.tag not in study.of:
            continue
        ours = _data_here(content, published.data)
        for grid in content.trust:
            for verdict in grid.verdicts if grid.dataset in ours else ():
                criterion = part_name(verdict.criterion)
                passed = published.passed.get(essence(verdict.method), {}).get(criterion)
                if passed is not None:
                    theirs = Outcome.PASS if passed else Outcome.FAIL
                    yield Verdicts(
                        published.source.tag, published.data, verdict.method, criterion,
                        theirs, verdict.passed, grid.rule,
                    )  # fmt: skip


def _data_here(content: Content, published: str) -> set[str]:
    names = content.study.data if content.study else {}
    return {ours for ours, theirs in names.items() if theirs == published}


def _stands_for(number: Published, method: str) -> bool:
    """Whether a method here is the published one."""
    if number.method == "detection" or number.method in _REFERENCES:
        kinds = [_REFERENCES.get(number.method, "retinanet")]
        classes: list[Any] = [localizers.part_class(kind) for kind in kinds]
        return method in {each.method for each in classes}
    if number.method == READERS:
        return method == READERS
    return bool(number.method) and essence(method) == number.method


def _is_of(content: Content, number: Published, name: str) -> bool:
    """Whether a model here has the architecture and head of the published number."""
    texts = [text for text in content.models if text.name == name]
    if not texts:
        return not (number.model or number.head)
    architecture, head = _made_of(texts[0])
    stand_ins = content.study.stand_ins if content.study else {}
    architecture = stand_ins.get(architecture, architecture)
    return number.model in ("", architecture) and number.head in ("", head)


def _made_of(text: ModelText) -> tuple[str, str]:
    """Architecture and head; the backbone of a localizer, and ``"localizer"``."""
    if part_name(text.architecture) in localizers.names():
        localizer = localizers.parse(text.architecture)
        return backbones.spec(localizer.backbone), "localizer"
    return text.architecture, part_name(text.head)


def _estimate(number: Published) -> Estimate:
    return Estimate(number.value, number.low, number.high, 0.95, number.cases or 0, "published")


def _bare(value: float) -> Estimate:
    nan = float("nan")
    return Estimate(value, nan, nan, nan, 0, "")
