"""The records of the analyses as rows: nothing is lost between a record and its table."""

import io
from dataclasses import replace

import polars as pl
import pytest

from heatproof.analysis import rows
from heatproof.analysis.classification import CalibrationBin, Classification, OperatingPoint
from heatproof.analysis.comparison import Comparison
from heatproof.analysis.diagnosis import Diagnosis
from heatproof.analysis.localization import ControlRow, Localization, MethodRow
from heatproof.analysis.verdicts import Trust
from heatproof.diagnose.confidence import Confidence
from heatproof.diagnose.effect import Effect
from heatproof.diagnose.prior import UsualPlace
from heatproof.diagnose.subgroups import Subgroup
from heatproof.localize.controls import PRIOR
from heatproof.localize.controls.mean_mask import MeanMask
from heatproof.stats import power
from heatproof.stats.margin import Conclusion
from heatproof.stats.regression import Slope
from heatproof.types import Estimate, Needed, Outcome, Verdict

EVERY = (
    rows.estimates_table([], []),
    rows.comparisons_table([]),
    rows.diagnoses_table([]),
    rows.verdicts_table([]),
    rows.choices_table([]),
)


def estimate(value: float, cases: int = 7) -> Estimate:
    return Estimate(value, value - 0.1, value + 0.1, 0.9, cases, "t")


def numbers(value: float, cases: int = 7) -> dict[str, object]:
    return {
        "value": value, "low": value - 0.1, "high": value + 0.1, "level": 0.9, "cases": cases
    }  # fmt: skip


def known(table) -> list[dict[str, object]]:
    """The rows, without what is null."""
    return [
        {name: value for name, value in row.items() if value is not None}
        for row in table.frame.rows(named=True)
    ]


@pytest.mark.parametrize("table", EVERY, ids=lambda table: table.name)
def test_of_nothing_there_is_an_empty_table_that_can_be_read_again(table):
    assert len(table) == 0
    buffer = io.BytesIO()
    table.frame.write_parquet(buffer)
    buffer.seek(0)
    assert pl.read_parquet(buffer).schema == pl.Schema(table.schema())


def test_panels():
    panel = Localization(
        "films", "Edema", "iou",
        rows=(
            MethodRow("net", "cam", estimate(0.5), 2, difference=estimate(0.1, 5), corrected=0.3),
            MethodRow("net", "lime", estimate(0.6), 0, per_map=estimate(0.7), negatives=3),
        ),
        prior=ControlRow(MeanMask.title, estimate(0.2), 1, spec=PRIOR),
        controls=(ControlRow("image centre", estimate(0.3), 0, spec="centre"),),
    )  # fmt: skip
    place = {"data": "films", "finding": "Edema", "metric": "iou"}
    net = place | {"model": "net"}
    assert known(rows.estimates_table([panel], [])) == [
        net | {"method": "cam", "statistic": "mean", "undefined": 2} | numbers(0.5),
        net
        | {"method": "cam", "statistic": f"difference to the {MeanMask.title}"}
        | {"p_corrected": 0.3}
        | numbers(0.1, 5),
        net | {"method": "lime", "statistic": "value", "undefined": 0} | numbers(0.6),
        net | {"method": "lime", "statistic": "mean of maps", "undefined": 0} | numbers(0.7),
        place | {"method": PRIOR, "statistic": "mean", "undefined": 1} | numbers(0.2),
        place | {"method": "centre", "statistic": "mean", "undefined": 0} | numbers(0.3),
    ]
    of_model = rows.estimates_table([replace(panel, model="net")], [])
    assert {row["model"] for row in known(of_model)} == {"net"}  # its controls, too


def test_classifiers():
    rates = {"sensitivity": 0.9, "specificity": 0.8, "ppv": 0.7, "npv": 0.6}
    point = OperatingPoint(0.5, "here", **{name: estimate(value) for name, value in rates.items()})
    record = Classification(
        *("films", "net", "Edema", 5, 6, estimate(0.75), estimate(0.2)),
        point=point,
        calibration=(CalibrationBin(0.5, estimate(0.5)),),
    )
    place = {"data": "films", "finding": "Edema", "model": "net"}
    everything = known(rows.estimates_table([], [record]))
    assert everything == [
        place | {"metric": "auroc of the classifier", "statistic": "value"} | numbers(0.75),
        place | {"metric": "brier", "statistic": "mean"} | numbers(0.2),
        *(
            place | {"metric": name, "statistic": "value"} | numbers(value)
            for name, value in rates.items()
        ),
    ]
    assert known(rows.estimates_table([], [replace(record, point=None)])) == everything[:2]


def test_comparisons():
    record = Comparison(
        *("films", "net", "cam", "iou", "other", "Edema"),
        *(estimate(0.5), estimate(0.4), estimate(0.1)),
        *(0.01, 0.02, 0.03, 0.05, Conclusion.SUPERIOR),
        needed=power.SampleSize(20, 10, 0.8, 0.05),
    )
    place = {
        "data": "films", "model": "net", "method": "cam", "metric": "iou", "other": "other",
        "finding": "Edema",
    }  # fmt: skip
    tested = {
        "p": 0.01, "holm": 0.02, "bonferroni": 0.03, "margin": 0.05, "conclusion": "superior",
        "cases_needed": 20, "patients_needed": 10, "power": 0.8,
    }  # fmt: skip
    three = [
        place | {"statistic": "ours"} | numbers(0.5),
        place | {"statistic": "theirs"} | numbers(0.4),
        place | {"statistic": "difference"} | numbers(0.1) | tested,
    ]
    assert known(rows.comparisons_table([record])) == three
    with_readers = replace(record, decrease=estimate(0.2), published=estimate(0.3))
    assert known(rows.comparisons_table([with_readers])) == [
        *three,
        place | {"statistic": "decrease"} | numbers(0.2),
        place | {"statistic": "published"} | numbers(0.3),
    ]


def effect(feature: str, value: float) -> Effect:
    slope = Slope(estimate(value), 0.01, 0.0)
    return Effect("iou", feature, "all", "linear", slope, 0.04)


def test_diagnoses():
    sure = Confidence("Edema", "all", (effect("probability", 0.1),), estimate(0.2))
    record = Diagnosis(
        *("films", "net", "cam", "iou", 30, 20, 10, 30),
        shape=(effect("area_ratio", 0.3),),
        gap=(effect("area_ratio", 0.4),),
        confidence=(sure,),
        calibrated=(replace(sure, spearman=estimate(0.25)),),
        usual=UsualPlace((effect("prior", 0.5),), *map(estimate, (0.6, 0.7, 0.8, 0.9))),
        common={"area_ratio": estimate(0.35)},
        subgroups={
            "Edema": (
                Subgroup("sex", "F", estimate(0.45), estimate(0.05), 0.5),
                Subgroup("sex", "M", estimate(0.55), None, float("nan")),
            )
        },
    )
    place = {"data": "films", "model": "net", "method": "cam", "metric": "iou", "patients": 20}
    slope = {"statistic": "slope", "regression": "linear", "p": 0.01, "p_corrected": 0.04}
    finding = {"finding": "Edema", "rows": "all", "feature": "probability"}
    usual, group = {"question": "usual place", "feature": "prior"}, {"finding": "Edema"}
    ranked = {"statistic": "spearman"}
    expected = [
        {"question": "shape", "feature": "area_ratio"} | slope | numbers(0.3),
        {"question": "shape of the gap", "feature": "area_ratio"} | slope | numbers(0.4),
        {"question": "confidence"} | finding | slope | numbers(0.1),
        {"question": "confidence"} | finding | ranked | numbers(0.2),
        {"question": "calibrated confidence"} | finding | slope | numbers(0.1),
        {"question": "calibrated confidence"} | finding | ranked | numbers(0.25),
        usual | slope | numbers(0.5),
        *(
            usual | {"statistic": name} | numbers(value)
            for name, value in zip(
                ("spearman", "beats", "unusual", "usual"), (0.6, 0.7, 0.8, 0.9), strict=True
            )
        ),
        {"question": "prevalence", "feature": "area_ratio"} | ranked | numbers(0.35),
    ]
    of_groups = [
        group | {"group": "F", "statistic": "mean"} | numbers(0.45),
        group | {"group": "F", "statistic": "difference", "p_corrected": 0.5} | numbers(0.05),
        group | {"group": "M", "statistic": "mean"} | numbers(0.55),
    ]
    expected += [{"question": "subgroup", "feature": "sex"} | row for row in of_groups]
    assert known(rows.diagnoses_table([record])) == [place | row for row in expected]


def test_a_note_says_where_patients_were_too_few():
    record = Diagnosis("films", "net", "cam", "iou", 5, 4, 10, 5)
    assert known(rows.diagnoses_table([record])) == [
        {
            "data": "films", "model": "net", "method": "cam", "metric": "iou", "patients": 4,
            "note": "too few patients: it takes 10",
        }
    ]  # fmt: skip


def test_verdicts():
    open_question = Verdict(
        *("repeatability", "cam", Outcome.INCONCLUSIVE, estimate(0.5), 0.45, "heatproof"),
        measure="ssim",
        needed=Needed(0.15, 140, models=9, draws=12),
        p=0.2,
        notes=("One.", "Another."),
    )
    settled = replace(
        open_question, passed=Outcome.PASS, strong=Outcome.PASS, above=False, needed=None
    )
    grid = Trust("films", "Edema", "heatproof", (open_question, settled))
    same = {
        "data": "films", "finding": "Edema", "criterion": "repeatability", "method": "cam",
        "rule": "heatproof", "measure": "ssim", "interval": "t", "threshold": 0.45,
        "p": 0.2, "notes": "One. Another.",
    } | numbers(0.5)  # fmt: skip
    assert known(rows.verdicts_table([grid])) == [
        same
        | {"verdict": "inconclusive", "strong": "not tested", "above": True}
        | {"margin": 0.15, "patients_needed": 140, "models_needed": 9, "draws_needed": 12},
        same | {"verdict": "pass", "strong": "pass", "above": False},
    ]
