"""Regressions: the formulas written out, what makes them undefined, and whose errors are honest."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit
from scipy.stats import t
from statsmodels.regression.mixed_linear_model import MixedLM

from heatproof.stats.regression import (
    Slope,
    linear,
    linear_by_cluster,
    logistic,
    min_max,
    mixed,
    z_score,
)

NAN = float("nan")


def toy(seed: int, patients: int = 25) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    """Two to five rows per patient that resemble each other, of three findings."""
    generator = np.random.default_rng(seed)
    names = [f"p{p}" for p in range(patients) for _ in range(2 + p % 4)]
    own = dict(zip(sorted(set(names)), generator.normal(0, 0.5, patients), strict=True))
    feature = generator.random(len(names))
    findings = generator.choice(["a", "b", "c"], len(names))
    noise = generator.normal(0, 0.3, len(names))
    level = np.array([{"a": 0.0, "b": 0.4, "c": -0.2}[finding] for finding in findings])
    response = 0.6 * feature + level + np.array([own[name] for name in names]) + noise
    return feature, response, names, list(findings)


def told(slope: Slope) -> tuple[float, float, float, float]:
    return slope.estimate.value, slope.estimate.low, slope.estimate.high, slope.p


def test_the_line_and_its_interval_are_the_textbooks() -> None:
    feature, response, _, _ = toy(0)
    feature[3], response[5] = NAN, NAN
    rows = [
        (x, y)
        for x, y in zip(feature, response, strict=True)
        if math.isfinite(x) and math.isfinite(y)
    ]
    n = len(rows)
    mean_x, mean_y = (math.fsum(row[k] for row in rows) / n for k in (0, 1))
    sxx = math.fsum((x - mean_x) ** 2 for x, _ in rows)
    slope = math.fsum((x - mean_x) * (y - mean_y) for x, y in rows) / sxx
    intercept = mean_y - slope * mean_x
    rest = math.fsum((y - intercept - slope * x) ** 2 for x, y in rows)
    error = math.sqrt(rest / (n - 2) / sxx)
    half = float(t.ppf(0.975, n - 2)) * error
    p = 2 * float(t.sf(abs(slope) / error, n - 2))
    found = linear(feature, response)
    assert told(found) == pytest.approx((slope, slope - half, slope + half, p), abs=1e-9)
    assert found.intercept == pytest.approx(intercept, abs=1e-9)
    assert found.estimate.cases == n


def test_a_factor_is_the_line_through_what_is_left_within_its_levels() -> None:
    """Frisch & Waugh: subtract each level's means from both."""
    feature, response, _, findings = toy(1)
    within = [values.copy() for values in (feature, response)]
    for finding in set(findings):
        rows = np.array(findings) == finding
        for values in within:
            values[rows] -= values[rows].mean()
    x, y = within
    slope = (x @ y) / (x @ x)
    freedom = len(x) - 1 - len(set(findings))
    error = math.sqrt(((y - slope * x) ** 2).sum() / freedom / (x @ x))
    half = t.ppf(0.975, freedom) * error
    found = linear(feature, response, findings)
    expected = slope, slope - half, slope + half, 2 * t.sf(slope / error, freedom)
    assert told(found) == pytest.approx(expected, abs=1e-9)
    assert math.isnan(found.intercept)


def test_errors_by_patient_are_those_of_the_slopes_without_each_patient() -> None:
    feature, response, patients, _ = toy(2)
    names = sorted(set(patients))
    size = len(names)

    def line(kept: list[int]) -> float:
        return float(np.polyfit(feature[kept], response[kept], 1)[0])

    every = list(range(len(patients)))
    without = [line([k for k in every if patients[k] != name]) for name in names]
    slope = line(every)
    pseudo = [size * slope - (size - 1) * other for other in without]
    error = np.std(pseudo, ddof=1) / math.sqrt(size)
    half = t.ppf(0.975, size - 1) * error
    expected = slope, slope - half, slope + half, 2 * t.sf(abs(slope) / error, size - 1)
    assert told(linear_by_cluster(feature, response, patients)) == pytest.approx(expected, abs=1e-9)


def test_a_slope_that_one_patient_decides_has_no_interval() -> None:
    feature = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0])
    response = np.array([0.1, 0.2, 0.3, 0.2, 0.5, 0.7])
    found = linear_by_cluster(feature, response, list("abcdee"))
    assert math.isnan(found.estimate.low)


def test_the_mixed_model_has_the_largest_restricted_likelihood() -> None:
    feature, response, patients, _ = toy(3)
    design = np.stack([np.ones_like(feature), feature], axis=1)
    same = np.equal.outer(np.array(patients), np.array(patients)).astype(float)

    def fitted(log_ratio: float) -> tuple[float, np.ndarray, float]:
        inverse = np.linalg.inv(np.eye(len(same)) + math.exp(log_ratio) * same)
        information = design.T @ inverse @ design
        beta = np.linalg.solve(information, design.T @ inverse @ response)
        residual = response - design @ beta
        freedom = len(response) - 2
        variance = float(residual @ inverse @ residual) / freedom
        likelihood = (
            np.linalg.slogdet(inverse)[1]
            - np.linalg.slogdet(information)[1]
            - freedom * math.log(variance)
        )
        return -likelihood, beta, math.sqrt(variance * np.linalg.inv(information)[1, 1])

    best = minimize_scalar(lambda r: fitted(r)[0], bounds=(-6, 6), method="bounded").x
    _, beta, error = fitted(best)
    found = mixed(feature, response, patients)
    half = 1.959964 * error
    assert told(found)[:3] == pytest.approx((beta[1], beta[1] - half, beta[1] + half), abs=1e-5)
    narrow = linear(feature, response).estimate
    assert found.estimate.high - found.estimate.low < narrow.high - narrow.low


def test_the_mixed_model_is_statsmodels() -> None:
    """Whose error also knows that variances are estimates: a little wider."""
    feature, response, patients, _ = toy(3)
    design = np.stack([np.ones_like(feature), feature], axis=1)
    witness = MixedLM(response, design, np.array(patients)).fit()
    found = mixed(feature, response, patients)
    assert found.estimate.value == pytest.approx(witness.params[1], abs=1e-4)
    assert found.intercept == pytest.approx(witness.params[0], abs=1e-4)
    half = (found.estimate.high - found.estimate.low) / 2
    assert 1 <= 1.959964 * witness.bse[1] / half < 1.02


def test_patients_who_do_not_differ_leave_the_line_of_least_squares() -> None:
    feature, _, patients, _ = toy(7)
    response = 0.3 * feature + np.random.default_rng(1).normal(0, 0.2, len(feature))
    for name in set(patients):  # each patient's mean is exactly on the line
        rows = np.array(patients) == name
        response[rows] += 0.3 * feature[rows].mean() - response[rows].mean()
    found, line = mixed(feature, response, patients).estimate, linear(feature, response).estimate
    assert found.value == pytest.approx(line.value)
    # by the normal distribution instead of Student's
    assert found.high - found.low == pytest.approx((line.high - line.low) * 1.96 / 1.99, rel=0.01)


def sandwich(
    design: np.ndarray, bread: np.ndarray, residual: np.ndarray, clusters: list[str]
) -> np.ndarray:
    """Variances by cluster, with the usual correction for few clusters."""
    filling = np.zeros_like(bread)
    for name in set(clusters):
        rows = [place for place, other in enumerate(clusters) if other == name]
        score = design[rows].T @ residual[rows]
        filling += np.outer(score, score)
    rows, parameters, size = *design.shape, len(set(clusters))
    correction = size / (size - 1) * (rows - 1) / (rows - parameters)
    return correction * np.diag(bread @ filling @ bread)


def test_the_logistic_slope_is_where_newton_ends() -> None:
    feature, response, patients, _ = toy(4, patients=60)
    hit = (response > np.median(response)).astype(float)
    design = np.stack([np.ones_like(feature), feature], axis=1)
    beta = np.zeros(2)
    for _ in range(30):
        p = expit(design @ beta)
        bread = np.linalg.inv(design.T @ (design * (p * (1 - p))[:, None]))
        beta += bread @ design.T @ (hit - p)
    variances = sandwich(design, bread, hit - expit(design @ beta), patients)
    half = 1.959963984540054 * math.sqrt(variances[1])
    found = logistic(feature, hit, patients)
    assert told(found)[:3] == pytest.approx((beta[1], beta[1] - half, beta[1] + half), abs=1e-6)


@pytest.mark.parametrize(
    ("slope", "reason"),
    [
        (linear(np.array([1.0, 2.0]), np.array([1.0, 3.0])), "2 rows for 2 parameters"),
        (linear(np.ones(5), np.arange(5.0)), "does not vary"),
        (linear(np.array([0.0, 0, 1, 1, 1]), np.arange(5.0), list("aabbb")), "does not vary"),
        (linear(np.arange(5.0), np.full(5, 0.3)), "on one line"),
        (linear_by_cluster(np.arange(5.0), np.arange(5.0) ** 2, ["a"] * 5), "1 clusters for 2"),
        (mixed(np.arange(5.0), np.arange(5.0) ** 2, list("abcde")), "no cluster has two rows"),
        (mixed(np.arange(5.0), np.arange(5.0) ** 2, ["a"] * 5), "1 clusters for 2"),
        (logistic(np.arange(5.0), np.ones(5), list("abcde")), "all outcomes are equal"),
        (logistic(np.arange(5.0), np.array([0, 0, 1, 1, 1.0]), list("abcde")), "separates"),
        (logistic(np.arange(5.0), np.array([1, 1, 1, 0, 0.0]), list("abcde")), "separates"),
    ],
)
def test_what_cannot_be_told_is_undefined_and_says_why(slope: Slope, reason: str) -> None:
    assert np.isnan([*told(slope), slope.intercept]).all()
    assert reason in slope.estimate.method


def test_levels_whose_outcomes_are_all_equal_say_nothing_about_a_logistic_slope() -> None:
    feature, response, patients, findings = toy(5, patients=60)
    hit = (response > np.median(response)).astype(float)
    alone = logistic(feature, hit, patients, findings)
    more = logistic(
        np.append(feature, [0.1, 0.9]), np.append(hit, [1, 1]),
        [*patients, "x", "y"], [*findings, "d", "d"],
    )  # fmt: skip
    assert told(more) == pytest.approx(told(alone))


def test_intervals_by_patient_hold_where_those_by_row_do_not() -> None:
    """A feature of the patient: 40 patients with five rows each, no slope."""
    generator = np.random.default_rng(0)
    patients = [str(index // 5) for index in range(200)]
    held = {"linear": 0, "by patient": 0}
    for _ in range(200):
        feature = np.repeat(generator.normal(size=40), 5)
        response = np.repeat(generator.normal(size=40), 5) + generator.normal(size=200)
        for name, slope in (
            ("linear", linear(feature, response)),
            ("by patient", linear_by_cluster(feature, response, patients)),
        ):
            held[name] += slope.estimate.low <= 0 <= slope.estimate.high
    assert held["linear"] / 200 < 0.85
    assert 0.89 <= held["by patient"] / 200 <= 0.985


def test_scales() -> None:
    values = np.array([2.0, NAN, 4.0, 6.0])
    assert min_max(values) == pytest.approx([0, NAN, 0.5, 1], nan_ok=True)
    assert z_score(values) == pytest.approx([-1, NAN, 0, 1], nan_ok=True)
    constant = np.array([3.0, 3.0])
    assert min_max(constant) is constant
    assert z_score(constant) is constant


def test_a_scale_changes_the_unit_and_nothing_else() -> None:
    feature, response, _, _ = toy(6)
    raw, scaled, z = (linear(x, response) for x in (feature, min_max(feature), z_score(feature)))
    assert scaled.estimate.value == pytest.approx(raw.estimate.value * np.ptp(feature))
    assert z.estimate.value == pytest.approx(raw.estimate.value * feature.std(ddof=1))
    assert raw.p == pytest.approx(scaled.p) == pytest.approx(z.p)
