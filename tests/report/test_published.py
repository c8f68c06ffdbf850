"""The published numbers against what their own papers say of them."""

import math
from statistics import mean

import pytest

from heatproof.report.published import (
    ARUN,
    CHEXLOCALIZE,
    MURA_2022,
    PUBLISHED,
    SOURCES,
    TRUST_GRIDS,
    WILDCAT_RSNA,
    published_numbers,
)
from heatproof.saliency import methods

CONTROLS = {
    "",
    "patch, scaled",
    "patch, raw",
    "detection",
    "mean_mask",
    "U-Net",
    "RetinaNet",
    "readers",
}


def table(quantity: str, method: str) -> list[float]:
    return [
        n.value for n in published_numbers(source=WILDCAT_RSNA, quantity=quantity, method=method)
    ]


@pytest.mark.parametrize(
    ("method", "average"),
    [
        ("gradient", 32.10),
        ("smooth_grad", 29.02),
        ("integrated_gradients", 32.40),
        ("smooth_grad(base=integrated_gradients)", 30.73),
        ("grad_cam", 36.16),
        ("guided_backprop", 32.50),
        ("guided_grad_cam", 38.23),
        ("class_map", 48.04),
        ("detection", 55.23),
    ],
)
def test_rows_of_the_wildcat_table_have_the_mean_that_the_table_prints(
    method: str, average: float
) -> None:
    assert 100 * mean(table("auprc", method)) == pytest.approx(average, abs=0.006)


def test_the_prose_of_the_wildcat_paper_holds_in_its_table() -> None:
    baseline, modified = (table("auroc of the classifier", head) for head in ("", "class_map"))
    assert all(a < b for a, b in zip(baseline, modified, strict=True))
    best = max(table("pointwise_ap", "class_map")) - max(table("pointwise_ap", "detection"))
    assert 100 * best == pytest.approx(5.09)


def test_what_is_remarked_about_the_wildcat_table_is_so() -> None:
    plain, guided = table("auprc", "gradient"), table("auprc", "guided_backprop")
    assert [a == b for a, b in zip(plain, guided, strict=True)] == [True] * 7 + [False]
    modified = table("auprc", "class_map")
    assert sum(value < 0.466 for value in modified) == 3
    assert table("auprc", "grad_cam")[2] > modified[2]
    ours, theirs = table("pointwise_ap", "class_map"), table("pointwise_ap", "detection")
    assert sum(a < b for a, b in zip(ours, theirs, strict=False)) == 4


def test_intervals_hold_their_value_but_where_the_remarks_say_so() -> None:
    off = [
        number.quantity
        for number in PUBLISHED
        if math.isfinite(number.low)
        and "slope" in number.quantity
        and abs((number.low + number.high) / 2 - number.value) > 0.001
    ]
    assert off == ["slope of hit rate on instances"]  # least squares centre their intervals
    assert all(n.low <= n.value <= n.high for n in PUBLISHED if math.isfinite(n.low))


def test_cases_of_the_confidence_table_sum_to_those_of_the_pooled_row() -> None:
    rows = published_numbers(where="Table 3", quantity="Spearman of IoU and confidence")
    [pooled] = published_numbers(where="text", quantity="Spearman of IoU and confidence")
    assert sum(row.cases or 0 for row in rows) == pooled.cases == 2365


def test_the_ranges_of_aruns_text_hold_in_what_the_figures_show() -> None:
    for data, low, high in (("SIIM-ACR", 0.024, 0.224), ("RSNA", 0.160, 0.519)):
        numbers = published_numbers(source=ARUN, quantity="auprc", data=data)
        found = [number.value for number in numbers if number.method not in CONTROLS]
        assert (min(found), max(found)) == (low, high)


def test_the_grid_of_2022_contradicts_its_text() -> None:
    [grid] = [grid for grid in TRUST_GRIDS if grid.source is MURA_2022]
    counts = {
        criterion: sum(row[criterion] for row in grid.passed.values())
        for criterion in ("randomization", "repeatability", "reproducibility")
    }
    assert counts == {"randomization": 3, "repeatability": 4, "reproducibility": 3}
    assert [name for name, row in grid.passed.items() if all(row.values())] == [
        "integrated_gradients"
    ]


def test_aruns_grids_have_the_failures_of_the_text() -> None:
    failed = {
        grid.data: sum(not row["randomization"] for row in grid.passed.values())
        for grid in TRUST_GRIDS
        if grid.source is ARUN
    }
    assert failed == {"SIIM-ACR": 5, "RSNA": 2}


def test_methods_are_spelled_as_ours() -> None:
    named = {number.method for number in PUBLISHED} | {m for g in TRUST_GRIDS for m in g.passed}
    for spec in named - CONTROLS:
        assert methods.spec(methods.parse(spec)) == spec


def test_every_number_has_a_source_and_a_place() -> None:
    assert {number.source for number in PUBLISHED} == set(SOURCES)
    assert all(number.where and number.quantity for number in PUBLISHED)
    assert published_numbers(
        source=CHEXLOCALIZE, quantity="mIoU", finding="Support Devices", where="text"
    )
