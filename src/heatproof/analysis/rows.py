"""The results of the analyses as tables, one row per number."""

from collections.abc import Iterable, Iterator
from typing import Any

from heatproof.analysis.classification import Classification
from heatproof.analysis.comparison import Comparison
from heatproof.analysis.diagnosis import Diagnosis
from heatproof.analysis.localization import ControlRow, Localization, MethodRow
from heatproof.analysis.verdicts import Trust
from heatproof.diagnose.confidence import Confidence
from heatproof.diagnose.effect import Effect
from heatproof.localize.controls.mean_mask import MeanMask
from heatproof.maps.tuning import TunedValue
from heatproof.tables.choices import Choices
from heatproof.tables.comparisons import Comparisons
from heatproof.tables.diagnoses import Diagnoses
from heatproof.tables.estimates import Estimates
from heatproof.tables.verdicts import Verdicts
from heatproof.types import Estimate

RowsOfTable = Iterator[dict[str, Any]]


def estimates_table(
    panels: Iterable[Localization], classified: Iterable[Classification]
) -> Estimates:
    """Every estimate of localization and classification."""
    rows = [row for panel in panels for row in _of_panel(panel)]
    return Estimates.of_rows(
        rows + [row for record in classified for row in _of_classifier(record)]
    )


def comparisons_table(records: Iterable[Comparison]) -> Comparisons:
    """Every number of the comparisons."""
    return Comparisons.of_rows(row for record in records for row in _of_comparison(record))


def diagnoses_table(records: Iterable[Diagnosis]) -> Diagnoses:
    """Every number of the diagnoses; one row says where patients were too few."""
    return Diagnoses.of_rows(row for record in records for row in _of_diagnosis(record))


def verdicts_table(grids: Iterable[Trust]) -> Verdicts:
    """Every cell of the trust grids."""
    return Verdicts.of_rows(row for grid in grids for row in _of_grid(grid))


def choices_table(tuned: Iterable[TunedValue]) -> Choices:
    """Every value that the tuning films chose."""
    return Choices.of_rows({**vars(c), "data": c.dataset} for c in tuned)


def _of_panel(panel: Localization) -> RowsOfTable:
    place = {"data": panel.dataset, "finding": panel.finding, "metric": panel.metric}
    for row in panel.rows:
        method = place | {"model": row.model, "method": row.method}
        yield from _localized(method, row)
        if row.difference:
            difference = _numbers(f"difference to the {MeanMask.title}", row.difference)
            yield method | difference | {"p_corrected": row.corrected}
    for control in panel.every_control:
        # By a metric of data sets a control has a row per model, whose probabilities it takes.
        yield from _localized(
            place | {"model": panel.model or None, "method": control.spec}, control
        )


def _localized(place: dict[str, Any], measured: MethodRow | ControlRow) -> RowsOfTable:
    undefined = {"undefined": measured.undefined}
    if measured.per_map is None:
        yield place | _numbers("mean", measured.estimate) | undefined
    else:
        yield place | _numbers("value", measured.estimate) | undefined
        yield place | _numbers("mean of maps", measured.per_map) | undefined


def _of_classifier(record: Classification) -> RowsOfTable:
    place = {"data": record.dataset, "finding": record.finding, "model": record.model}
    yield place | {"metric": "auroc of the classifier"} | _numbers("value", record.auroc)
    yield place | {"metric": "brier"} | _numbers("mean", record.brier)
    for name in ("sensitivity", "specificity", "ppv", "npv") if record.point else ():
        yield place | {"metric": name} | _numbers("value", getattr(record.point, name))


def _of_comparison(record: Comparison) -> RowsOfTable:
    place = {"data": record.dataset, "finding": record.finding}
    place |= {name: getattr(record, name) for name in ("model", "method", "metric", "other")}
    tested = {name: getattr(record, name) for name in ("p", "holm", "bonferroni", "margin")}
    tested |= {
        "conclusion": record.conclusion.value,
        "cases_needed": record.needed.cases,
        "patients_needed": record.needed.patients,
        "power": record.needed.power,
    }
    for name in ("ours", "theirs", "difference", "decrease", "published"):
        estimate = getattr(record, name)
        if estimate is not None:
            # Tests are about the difference, so these columns are null in all other rows.
            yield place | _numbers(name, estimate) | (tested if name == "difference" else {})


def _of_diagnosis(record: Diagnosis) -> RowsOfTable:
    place: dict[str, Any] = {"data": record.dataset}
    place |= {name: getattr(record, name) for name in ("model", "method", "metric", "patients")}
    if record.patients < record.enough:
        yield place | {"note": f"too few patients: it takes {record.enough}"}
    for question, effects in (("shape", record.shape), ("shape of the gap", record.gap)):
        for effect in effects:
            yield place | {"question": question} | _slope(effect)
    yield from _of_confidence(place | {"question": "confidence"}, record.confidence)
    yield from _of_confidence(place | {"question": "calibrated confidence"}, record.calibrated)
    if record.usual:
        usual = place | {"question": "usual place"}
        for effect in record.usual.slopes:
            yield usual | _slope(effect)
        for name in ("spearman", "beats", "unusual", "usual"):
            yield usual | {"feature": "prior"} | _numbers(name, getattr(record.usual, name))
    for feature, spearman in record.common.items():
        common = place | {"question": "prevalence", "feature": feature}
        yield common | _numbers("spearman", spearman)
    for finding, groups in record.subgroups.items():
        for group in groups:
            films = place | {"question": "subgroup", "finding": finding}
            films |= {"feature": group.attribute, "group": group.group}
            yield films | _numbers("mean", group.mean)
            if group.difference:
                yield films | _numbers("difference", group.difference) | {"p_corrected": group.p}


def _of_confidence(place: dict[str, Any], records: Iterable[Confidence]) -> RowsOfTable:
    for record in records:
        films = place | {"finding": record.finding, "rows": record.rows}
        for effect in record.effects:
            yield films | _slope(effect)
        yield films | {"feature": "probability"} | _numbers("spearman", record.spearman)


def _of_grid(grid: Trust) -> RowsOfTable:
    for verdict in grid.verdicts:
        needed = verdict.needed
        yield {
            "data": grid.dataset,
            "finding": grid.finding,
            "criterion": verdict.criterion,
            "method": verdict.method,
            "rule": verdict.rule,
            "verdict": verdict.passed.value,
            "strong": verdict.strong.value,
            "measure": verdict.measure,
            **_estimate(verdict.evidence),
            "interval": verdict.evidence.method,
            "threshold": verdict.threshold,
            "above": verdict.above,
            "p": verdict.p,
            "margin": needed.margin if needed else None,
            "patients_needed": needed.patients if needed else None,
            "models_needed": needed.models if needed else None,
            "draws_needed": needed.draws if needed else None,
            "notes": " ".join(verdict.notes),
        }


def _slope(effect: Effect) -> dict[str, Any]:
    fitted = {"feature": effect.feature, "regression": effect.model}
    tested = {"p": effect.slope.p, "p_corrected": effect.p}
    return fitted | _numbers("slope", effect.slope.estimate) | tested


def _numbers(statistic: str, estimate: Estimate) -> dict[str, Any]:
    return {"statistic": statistic} | _estimate(estimate)


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {name: getattr(estimate, name) for name in ("value", "low", "high", "level", "cases")}
