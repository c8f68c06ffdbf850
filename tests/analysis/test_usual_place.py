"""Beside the prior and over findings, by counting."""

import polars as pl
import pytest
from scipy.stats import spearmanr

from heatproof.analysis.usual_place import over_prevalence
from heatproof.experiment.settings import Statistics

CHOSEN = Statistics(resamples=100)
FOUND = {"Edema": 0.4, "Mass": 0.1, "Nodule": 0.2, "Heart": 0.6, "Fracture": 0.3}
COMMON = {"Edema": 30, "Mass": 4, "Nodule": 12, "Heart": 40, "Fracture": 6}


def tables(findings):
    marked = pl.DataFrame(
        [
            {"finding": name, "value": FOUND[name] + step, "area_ratio": place / 10, "prior": 0.5}
            for place, name in enumerate(findings)
            for step in (-0.05, 0.05, float("nan"))
        ]
    )
    labels = pl.DataFrame(
        [
            {"finding": name, "label": index < COMMON[name] if index < 90 else None}
            for name in findings
            for index in range(100)
        ]
    )
    return marked, labels


def test_the_mean_score_of_each_finding_is_ranked_beside_how_common_it_is():
    found = over_prevalence(CHOSEN, *tables(list(FOUND)))
    expected = spearmanr(list(FOUND.values()), list(COMMON.values())).statistic
    assert found["prevalence"].value == pytest.approx(expected)
    assert found["prevalence"].cases == len(FOUND)
    assert found["area_ratio"].value == pytest.approx(spearmanr(list(FOUND.values()), range(5))[0])
    assert found["prior"].value != found["prior"].value  # the same for all


def test_few_findings_are_in_no_order():
    assert over_prevalence(CHOSEN, *tables(["Edema", "Mass", "Heart"])) == {}
