"""What is said of the families over which p-values are corrected."""

from dataclasses import replace

import pytest

from heatproof.report.page.html import render
from heatproof.report.prose.families import (
    family_of_comparisons,
    family_of_differences,
    family_of_verdicts,
)
from tests.report import trial


def test_a_family_counts_what_was_tested() -> None:
    # Four methods by four metrics; those on 15 films of the other data set were not tested.
    tested = "the 16 differences to the prior of this report"
    assert family_of_differences(trial.usual()) == tested
    # Two methods and three findings, beside readers and beside a model; macro averages are apart.
    kinds = "6 with readers and 6 with other models"
    assert family_of_comparisons(trial.compared()) == f"all of one kind in this report ({kinds})"
    # Of ten verdicts by the first rule, one was not tested.
    assert family_of_verdicts(trial.trusted()) == "the 9 verdicts by one rule of this report"


def test_of_nothing_no_number_is_told() -> None:
    assert family_of_differences(trial.empty()) == "differences to the prior"
    assert family_of_comparisons(trial.empty()) == "all of one kind in this report"


@pytest.mark.parametrize("family", ["report", "grid"])
def test_the_page_says_over_what_is_corrected(family: str) -> None:
    for content, says in (
        (trial.usual(), family_of_differences),
        (trial.compared(), family_of_comparisons),
        (trial.trusted(), family_of_verdicts),
    ):
        changed = replace(content, family=family)
        told = says(changed)
        assert ("this report" in told) is (family == "report")
        assert f"(Holm) over {told}" in render(changed)
