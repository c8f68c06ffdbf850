"""Beside the prior and over findings, by counting."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from heatproof.analysis.usual_place import beside_prior, over_prevalence, with_prior
from heatproof.localize.controls import PRIOR
from tests.analysis.made_up import NAN, QUICK, Scores, control, scores

FOUND = {"Edema": 0.4, "Mass": 0.1, "Nodule": 0.2, "Heart": 0.6, "Fracture": 0.3}
COMMON = {"Edema": 30, "Mass": 4, "Nodule": 12, "Heart": 40, "Fracture": 6}


def tables(findings):
    marked = pl.DataFrame(
        [
            {"finding": name, "value": FOUND[name] + step, "area_ratio": place / 10, "prior": 0.5}
            for place, name in enumerate(findings)
            for step in (-0.05, 0.05, NAN)
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
    found = over_prevalence(*tables(list(FOUND)), QUICK)
    expected = spearmanr(list(FOUND.values()), list(COMMON.values())).statistic
    assert found["prevalence"].value == pytest.approx(expected)
    assert found["prevalence"].cases == len(FOUND)
    assert found["area_ratio"].value == pytest.approx(spearmanr(list(FOUND.values()), range(5))[0])
    assert np.isnan(found["prior"].value)  # the same for all


def test_few_findings_are_in_no_order():
    assert over_prevalence(*tables(["Edema", "Mass", "Heart"]), QUICK) == {}


def test_scores_stand_beside_that_of_the_prior_on_the_same_film_by_the_same_reader_and_metric():
    rows = Scores.of_rows(
        [
            *control(PRIOR, {"b": 0.2, "a": 0.1}),
            *control(PRIOR, {"a": 0.7}, reader="other"),
            *control(PRIOR, {"a": 0.8}, metric="auprc"),
            *control("centre", {"a": 0.9}),
        ]
    )
    ours = Scores.of_rows(scores({"a": 0.5, "b": 0.6, "c": 0.4}))
    assert with_prior(ours.frame, rows)["prior"].to_list() == [0.1, 0.2, None]


def test_who_beats_the_prior_is_counted_by_patient_and_film():
    generator = np.random.default_rng(0)
    names = [f"f{index}" for index in range(24)]
    prior, ours = generator.random((2, 24))
    ours[3], prior[5] = NAN, NAN
    rows = Scores.of_rows(scores(dict(zip(names, ours, strict=True)))).frame
    table = with_prior(rows, Scores.of_rows(control(PRIOR, dict(zip(names, prior, strict=True)))))
    both = np.isfinite(ours) & np.isfinite(prior)
    score, usual = ours[both], prior[both]
    found = beside_prior(table, QUICK)
    assert found.beats.value == pytest.approx((score > usual).mean())
    assert found.beats.cases == 22
    middle = np.median(usual)
    assert found.unusual.value == pytest.approx(score[usual < middle].mean())
    assert found.usual.value == pytest.approx(score[usual >= middle].mean())
    assert found.spearman.value == pytest.approx(spearmanr(score, usual).statistic)
    line = np.polyfit(usual, score, 1)[0]
    slopes = {effect.model: effect.slope.estimate.value for effect in found.slopes}
    assert slopes["linear"] == pytest.approx(line)
    assert slopes["linear_by_cluster"] == pytest.approx(line)
    assert beside_prior(table.head(21), QUICK) is None  # 19 patients with both
