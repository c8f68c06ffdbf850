"""Effects: every model, and corrected within each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heatproof.diagnose.effect import RegressionRows, effects
from heatproof.stats.multiple import adjusted
from heatproof.stats.regression import linear, mixed

PATIENTS = [str(index // 3) for index in range(60)]


def features() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {name: generator.random(60) for name in ("area", "instances", "elongation")}


def test_each_model_is_fitted_to_each_feature_and_corrected_over_features() -> None:
    response = features()["area"] + np.random.default_rng(1).normal(0, 0.4, 60)
    found = effects(RegressionRows(response, PATIENTS), features(), "iou", "marked")
    models = ["linear", "linear_by_cluster", "mixed"]
    assert [(e.feature, e.model) for e in found] == [(f, m) for f in features() for m in models]
    for name, fit in (("linear", lambda x: linear(x, response)),
                      ("mixed", lambda x: mixed(x, response, PATIENTS))):  # fmt: skip
        mine = [effect for effect in found if effect.model == name]
        p = np.array([fit(feature).p for feature in features().values()])
        assert [effect.slope.p for effect in mine] == pytest.approx(list(p))
        assert [effect.p for effect in mine] == pytest.approx(list(adjusted(p)))
    assert {(e.response, e.among) for e in found} == {("iou", "marked")}


def test_hits_and_misses_get_a_logistic_model_too() -> None:
    hits = (np.random.default_rng(2).random(60) < 0.5).astype(float)
    hits[4] = np.nan
    models = [
        effect.model for effect in effects(RegressionRows(hits, PATIENTS), features(), "hit", "all")
    ]
    assert models.count("logistic") == 3


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.25, 1.0, float("nan")]),
            st.sampled_from([0.0, 0.5, 1.0, float("nan")]),
            st.sampled_from("abcd"),
            st.sampled_from("xyz"),
        ),
        max_size=25,
    ),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=300)
def test_no_table_is_too_odd(rows: list, binary: bool, with_factor: bool) -> None:
    """Constant scores, exact lines, lone patients: a number, or nan with its reason."""
    feature, response, patients, findings = (
        (list(c) for c in zip(*rows, strict=True)) if rows else ([],) * 4
    )
    score = np.array(response, float)
    score = np.round(score) if binary else score
    among = RegressionRows(score, patients, findings if with_factor else None)
    for effect in effects(among, {"f": np.array(feature, float)}, "iou", "all"):
        told = effect.slope.estimate
        assert np.isfinite([told.value, told.low, told.high]).all() or ": " in told.method
