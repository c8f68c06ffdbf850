"""Hall's interval against its formula, solved here by numbers instead of in closed form."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import sem, skew, t, ttest_1samp

from heatproof.stats.contributions import Contributions
from heatproof.stats.hall import Certainty, certainty, planned_width

lists = st.lists(st.floats(-1, 1).map(lambda x: round(x, 4)), min_size=3, max_size=30)


def of(values: np.ndarray, shift: float = 0.0, **others: np.ndarray) -> Contributions:
    centred = {name: pseudo - pseudo.mean() for name, pseudo in others.items()}
    patients = {"patients": values - values.mean()}
    return Contributions(float(values.mean()) + shift, patients | centred)


def halls_t(mu: float, values: np.ndarray) -> float:
    n = len(values)
    c = float(skew(values, bias=False)) * (1 + 2 / math.sqrt(n))
    w = (values.mean() - mu) / values.std(ddof=1)
    return math.sqrt(n) * float(w + c * w**2 / 3 + c**2 * w**3 / 27 + c / (6 * n))


def solved(values: np.ndarray, tail: float) -> tuple[float, float]:
    """The two means at which Hall's t is the quantile of Student's, or Student's ends beyond."""
    reach = 1000 * values.std(ddof=1)

    def end(share: float) -> float:
        quantile = t.ppf(share, len(values) - 1)
        return float(
            brentq(
                lambda mu: halls_t(mu, values) - quantile,
                values.mean() - reach,
                values.mean() + reach,
                xtol=1e-12,
            )
        )

    students = t.interval(1 - 2 * tail, len(values) - 1, values.mean(), sem(values))
    return min(end(1 - tail), students[0]), max(end(tail), students[1])


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("seed", range(4))
def test_the_interval_solves_halls_formula(seed: int, level: float) -> None:
    values = np.random.default_rng(seed).gamma(0.5, size=20 + 5 * seed) * (-1) ** seed
    found = certainty(of(values), level)
    assert (found.low, found.high) == pytest.approx(solved(values, (1 - level) / 2), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_p_is_the_chance_of_a_larger_t_where_the_truth_is_0(seed: int) -> None:
    """The larger one of Hall's and Student's."""
    values = np.random.default_rng(seed).gamma(0.5, size=25) - 0.25
    found = certainty(of(values))
    students = float(ttest_1samp(values, 0).statistic)
    both = [halls_t(0.0, values), students]
    side, p = (min(both), found.above) if values.mean() > 0 else (-max(both), found.below)
    assert p == pytest.approx(t.sf(side, 24), abs=1e-9)
    assert found.above + found.below == pytest.approx(1)


def test_values_far_out_on_both_sides_are_not_taken_for_skewed() -> None:
    """Hall's alone errs in 10%: one outlier more on one side looks like a tail."""
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(1000):
        found = certainty(of(rng.standard_t(3, 20)))
        wrong += found.low > 0 or found.high < 0
    assert wrong / 1000 <= 0.06


def test_without_skewness_it_is_students_t() -> None:
    half = np.random.default_rng(0).normal(0.0, 1, 15)
    values = np.concatenate((half, -half)) + 0.3
    found = certainty(of(values), 0.9)
    students = ttest_1samp(values, 0)
    assert (found.low, found.high) == pytest.approx(tuple(students.confidence_interval(0.9)))
    assert found.above == pytest.approx(students.pvalue / 2)


def test_the_longer_tail_has_the_longer_arm() -> None:
    values = np.random.default_rng(0).gamma(0.5, size=40)
    found = certainty(of(values))
    assert found.high - found.value > 1.3 * (found.value - found.low)


@given(lists, st.floats(-0.5, 0.5), st.lists(st.floats(-1, 1), min_size=2, max_size=5))
def test_the_interval_leaves_0_out_just_when_p_is_below_its_tail(
    values: list[float], shift: float, models: list[float]
) -> None:
    for others in ({}, {"models": np.array(models)}):
        found = certainty(of(np.array(values), shift, **others))
        # Where an end lies at 0 rounding decides.
        if min(abs(found.low), abs(found.high)) > 1e-8:
            assert (found.low > 0) == (found.above < 0.025)
            assert (found.high < 0) == (found.below < 0.025)


@given(lists, st.floats(-0.5, 0.5), st.lists(st.floats(-1, 1), min_size=2, max_size=5))
def test_ends_lie_about_the_number_and_widen_with_the_level(
    values: list[float], shift: float, models: list[float]
) -> None:
    one = of(np.array(values), shift, models=np.array(models))
    inner, outer = certainty(one, 0.8), certainty(one, 0.95)
    assert outer.low <= inner.low <= one.value <= inner.high <= outer.high


@given(lists, st.floats(-0.3, 0.3))
def test_more_above_0_is_surer(values: list[float], shift: float) -> None:
    numbers = np.array(values)
    lower, higher = certainty(of(numbers, shift)), certainty(of(numbers, shift + 0.1))
    assert higher.above <= lower.above + 1e-9
    assert higher.below >= lower.below - 1e-9


@given(lists, st.floats(-0.5, 0.5))
def test_a_change_of_sign_mirrors_all(values: list[float], shift: float) -> None:
    numbers = np.array(values)
    one, other = certainty(of(numbers, shift)), certainty(of(-numbers, -shift))
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=1e-9)
    assert (other.above, other.below) == pytest.approx((one.below, one.above), abs=1e-6)


@given(lists, st.floats(0.01, 100), st.randoms())
@settings(max_examples=50)
def test_units_and_order_do_not_matter(values: list[float], scale: float, random: object) -> None:
    numbers = np.array(values)
    shuffled = values.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    if numbers.std() * min(scale, 1) < 1e-6:
        return  # what is left of rounding
    one, other = certainty(of(numbers)), certainty(of(scale * np.array(shuffled)))
    assert (other.low, other.high) == pytest.approx(
        (scale * one.low, scale * one.high), rel=1e-6, abs=1e-9
    )


@pytest.mark.parametrize("models", [2, 5, 30])
def test_another_factor_widens_each_side_by_squares(models: int) -> None:
    """MOVER, with Student's t of that factor: a few models make it wide."""
    rng = np.random.default_rng(1)
    values, others = rng.gamma(0.5, size=30), rng.normal(0, 0.3, models)
    alone, joined = certainty(of(values)), certainty(of(values, models=others))
    half = t.ppf(0.975, models - 1) * others.std(ddof=1) / math.sqrt(models)
    low = alone.value - math.hypot(alone.value - alone.low, half)
    high = alone.value + math.hypot(alone.high - alone.value, half)
    assert (joined.low, joined.high) == pytest.approx((low, high))


def test_two_other_factors_are_added_as_one_after_the_other() -> None:
    rng = np.random.default_rng(1)
    values, models, draws = rng.random(30), rng.normal(0, 0.3, 4), rng.normal(0, 0.2, 6)
    one, both = (
        certainty(of(values, **others))
        for others in ({"models": models}, {"models": models, "draws": draws})
    )
    half = t.ppf(0.975, 5) * draws.std(ddof=1) / math.sqrt(6)
    assert both.low == pytest.approx(both.value - math.hypot(one.value - one.low, half))


@pytest.mark.parametrize(("value", "above", "below"), [(0.3, 0, 1), (-0.3, 1, 0), (0.0, 1, 1)])
def test_what_does_not_vary_is_certain(value: float, above: float, below: float) -> None:
    found = certainty(Contributions(value, {"patients": np.zeros(5)}))
    assert (found.low, found.high) == (value, value)
    assert (found.above, found.below) == pytest.approx((above, below), abs=1e-11)
    rounded = certainty(Contributions(value + 1e-12, {"patients": np.full(5, 1e-14)}))
    assert (rounded.above, rounded.below) == pytest.approx((above, below), abs=1e-11)


def test_without_patients_nothing_is_certain() -> None:
    found = certainty(Contributions(0.4, {"models": np.array([-0.1, 0.1])}))
    assert (found.value, found.above, found.below) == (0.4, 1.0, 1.0)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert isinstance(found, Certainty)


def test_a_plan_with_what_is_at_hand_is_the_farther_end() -> None:
    rng = np.random.default_rng(1)
    one = of(rng.gamma(0.5, size=30), models=rng.normal(0, 0.3, 4))
    found = certainty(one)
    farther = max(found.high - found.value, found.value - found.low)
    for units in ({}, {"patients": 30.0}, {"patients": 30.0, "models": 4.0}):
        assert planned_width(one, units, 0.025) == pytest.approx(farther)


def test_a_plan_with_ten_times_the_patients_is_their_interval() -> None:
    """Each ten times over: as skewed, but for the corrections of few, and as spread."""
    values = np.random.default_rng(1).gamma(0.5, size=300)
    more = certainty(of(np.tile(values, 10)))
    found = planned_width(of(values), {"patients": 3000.0}, 0.025)
    assert found == pytest.approx(more.high - more.value, rel=0.01)


def test_a_plan_of_many_models_needs_only_patients() -> None:
    rng = np.random.default_rng(1)
    values, models = rng.normal(size=40), rng.normal(0, 0.3, 4)
    alone = planned_width(of(values), {}, 0.025)
    widths = [
        planned_width(of(values, models=models), {"models": units}, 0.025)
        for units in (4.0, 10.0, 1e6)
    ]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == pytest.approx(alone, rel=1e-4)
    half = t.ppf(0.975, 9) * models.std(ddof=1) / math.sqrt(10)
    assert widths[1] == pytest.approx(math.hypot(alone, half))


@pytest.mark.parametrize("size", [20, 40])
def test_rare_large_losses_are_missed_at_most_as_often_as_said(size: int) -> None:
    """The truth is the margin: how often does the interval lie above it?  Skewness 2.8."""
    rng = np.random.default_rng(size)
    losses = rng.gamma(0.5, size=(1000, size)) - 0.5
    intervals = [certainty(of(-row)) for row in losses]
    assert sum(found.low > 0 for found in intervals) / 1000 < 0.04
    assert sum(found.high < 0 for found in intervals) / 1000 < 0.05
    # Student's t is wrong more than twice as often as the 2.5% that it promises.
    plain = [ttest_1samp(-row, 0, alternative="greater").pvalue < 0.025 for row in losses]
    assert sum(plain) / 1000 > 0.06


def test_normal_values_are_missed_as_often_as_said() -> None:
    rng = np.random.default_rng(0)
    intervals = [certainty(of(row)) for row in rng.normal(size=(1500, 25))]
    for missed in (
        sum(found.low > 0 for found in intervals),
        sum(found.high < 0 for found in intervals),
    ):
        assert 0.013 < missed / 1500 < 0.037
