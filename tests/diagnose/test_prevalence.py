"""Prevalence: counted by hand."""

import polars as pl
import pytest

from heatproof.diagnose.prevalence import by_finding, over_findings

LABELS = pl.DataFrame({
    "finding": ["A"] * 4 + ["B"] * 4 + ["C"] * 4,
    "label": [True, True, True, None, True, False, False, None, True, True, False, False],
})  # fmt: skip
MAPS = pl.DataFrame({
    "finding": ["A", "A", "B", "C"],
    "iou": [0.6, 0.8, 0.1, float("nan")],
    "area_ratio": [0.2, 0.4, 0.1, 0.2],
})  # fmt: skip


def test_findings_are_counted_among_films_whose_label_is_known() -> None:
    found = by_finding(MAPS, LABELS, "iou")
    assert found["finding"].to_list() == ["A", "B", "C"]
    assert found["positives"].to_list() == [3, 1, 2]
    assert found["prevalence"].to_list() == pytest.approx([1, 1 / 3, 0.5])
    assert found["iou"].to_list() == [pytest.approx(0.7), pytest.approx(0.1), None]
    assert found["area_ratio"].to_list() == pytest.approx([0.3, 0.1, 0.2])


def test_what_goes_together_over_findings() -> None:
    findings = pl.DataFrame({
        "finding": list("ABCDE"), "iou": [0.1, 0.2, 0.3, 0.4, None],
        "prevalence": [0.1, 0.2, 0.3, 0.4, 0.9], "area_ratio": [0.4, 0.3, 0.2, 0.1, 0.0],
    })  # fmt: skip
    found = over_findings(findings, "iou")
    assert {name: (e.value, e.cases) for name, e in found.items()} == {
        "prevalence": (pytest.approx(1), 4),
        "area_ratio": (pytest.approx(-1), 4),
    }
