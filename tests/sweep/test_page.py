"""Where the dots of a sweep's page stand, and what the page promises a browser."""

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatproof.sweep.page import (
    Axis,
    Dot,
    MetricPlots,
    SelectedTrial,
    SweepContent,
    TrialListing,
    TrialPlot,
    render_sweep,
    span,
)
from tests.report.page.test_html import Page

LR = Axis("lr", 1e-5, 1e-1, log=True)
K = Axis("wildcat.highest", choices=(1, 2, 0.2))
PLOT = TrialPlot(
    "WILDCAT <head>",
    LR,
    (Dot(1e-3, 0.9, "best", "trial 1"), Dot(1e-5, 0.5, "pruned", "trial 0")),
    "Validation AUROC",
    0.5,
    1.0,
    reference=0.75,
)
CONTENT = SweepContent(
    title="Two & more",
    trials=2,
    validation=("validation",),
    chosen=(
        SelectedTrial("WILDCAT <head>", "resnet10t", "wildcat", (("lr", 1e-3),), 1, 0.9, 1, 1, 0),
    ),
    plots=(("WILDCAT <head>", (PLOT, replace(PLOT, axis=K, dots=()))),),
    tables=(TrialListing("WILDCAT <head>", ("Trial", "lr"), (("0", "1e-05"), ("1", "0.001"))),),
    localized=None,
)


def test_a_logarithmic_axis_puts_equal_ratios_equally_far():
    assert [LR.x(10.0**power) for power in (-5, -4, -3, -2, -1)] == [0, 25, 50, 75, 100]
    assert LR.ticks() == ((0, "1e-05"), (100, "0.1"))


def test_choices_stand_side_by_side_in_their_order():
    assert [K.x(value) for value in K.choices] == [16.7, 50.0, 83.3]
    assert [label for _, label in K.ticks()] == ["1", "2", "0.2"]


@given(st.lists(st.floats(0, 1), min_size=1))
def test_the_vertical_axis_holds_every_value(values):
    low, high = span(values)
    assert low <= min(values) + 1e-9
    assert max(values) - 1e-9 <= high
    assert low < high
    assert math.isclose(20 * low, round(20 * low), abs_tol=1e-9)
    plot = replace(PLOT, low=low, high=high)
    assert all(0 <= plot.y(value) <= 100 for value in values)
    assert plot.y(max(values)) <= plot.y(min(values))


def test_the_page_nests_escapes_and_loads_nothing():
    page = render_sweep(CONTENT)
    assert render_sweep(CONTENT) == page
    Page(page)
    assert "WILDCAT &lt;head&gt;" in page
    assert "Two &amp; more" in page
    assert not re.search(r"src=|https?://|@import", page)
    circles = re.findall(r'<circle class="(\w+)" cx="([\d.]+)" cy="([\d.]+)"', page)
    assert circles == [("pruned", "0.0", "100.0"), ("best", "50.0", "20.0")]
    assert '<path class="priorline" d="M0 50.0H100"/>' in page
    # The script of every page lets a table that has a name be sorted and copied.
    assert page.count("<table") == page.count("data-table=") > 1


@pytest.mark.parametrize(
    ("localized", "words"),
    [
        (None, "was not measured"),
        ((), "nothing is annotated"),
        ((MetricPlots("auprc", (PLOT,)),), "This selected nothing"),
    ],
)
def test_the_page_says_what_localization_is_worth(localized, words):
    assert words in render_sweep(replace(CONTENT, localized=localized))
