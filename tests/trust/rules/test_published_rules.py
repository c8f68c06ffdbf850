"""The rules of studies, as published: their definitions, and their known faults."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from scipy import stats

from heatproof.trust.rules import rules
from heatproof.types import Outcome, Verdict
from tests.trust.planted import table

P, F, N = Outcome.PASS, Outcome.FAIL, Outcome.NOT_TESTED


def rows(
    criterion: str,
    population: str,
    values: Sequence[float],
    measure: str = "ssim",
    *,
    method: str = "m",
    draws: int = 1,
) -> pl.DataFrame:
    """One film per value, ``draws`` values in turn of one film."""
    film = [f"f{index // draws}" for index in range(len(values))]
    return pl.DataFrame(
        {
            "value": np.asarray(values, float),
            "image_id": film,
            "image_id_b": film if population != "random pairs" else [f"{name}x" for name in film],
            "cluster": film,
            "draw": [index % draws for index in range(len(values))],
        }
    ).with_columns(
        criterion=pl.lit(criterion),
        population=pl.lit(population),
        similarity=pl.lit(measure),
        method=pl.lit(method),
        cluster_b=pl.col("cluster"),
        model_a=pl.lit("net"),
        model_b=pl.lit("copy"),
        step=pl.lit("conv1"),
        validity_a=pl.lit("ok"),
        validity_b=pl.lit("ok"),
    )


def verdict(
    name: str, criterion: str, frames: Sequence[pl.DataFrame], controls: Sequence[str] = ()
) -> Verdict:
    found = rules.parse(name)(pl.concat(frames), ["m"], controls)
    return next(one for one in found if one.criterion == criterion)


@pytest.mark.parametrize("name", ["arun2021", "venkatesh2022"])
@pytest.mark.parametrize(("mean", "outcome"), [(0.29, P), (0.31, F)])
def test_randomization_passes_when_the_mean_is_below_that_of_pairs(
    name: str, mean: float, outcome: Outcome
) -> None:
    found = verdict(
        name,
        "randomization",
        [
            rows("randomization", "same film", [mean - 0.2, mean + 0.2]),
            rows("randomization", "random pairs", [0.1, 0.5]),
        ],
    )
    assert found.passed is outcome
    assert found.threshold == pytest.approx(0.3)
    assert found.evidence.value == pytest.approx(mean)


@pytest.mark.parametrize("name", ["arun2021", "venkatesh2022"])
@pytest.mark.parametrize(("mean", "outcome"), [(0.51, P), (0.5, F), (0.49, F)])
def test_repeatability_passes_above_an_ssim_of_one_half(
    name: str, mean: float, outcome: Outcome
) -> None:
    frames = [
        rows("repeatability", "same film", [mean - 0.25, mean + 0.25]),
        rows("repeatability", "different films", [0.99, 0.99]),
    ]
    found = verdict(name, "repeatability", frames)
    assert (found.passed, found.threshold, found.strong) == (outcome, 0.5, N)
    reference = rows("repeatability", "same film", [0.505, 0.505], method="detection")
    beside = rows("repeatability", "different films", [0.1], method="detection")
    strong = verdict(name, "repeatability", [*frames, reference, beside], ["detection"]).strong
    assert strong is (P if mean > 0.505 else F)


@pytest.mark.parametrize(("prior", "outcome"), [(0.39, P), (0.41, F)])
def test_arun_localizes_above_the_mean_mask(prior: float, outcome: Outcome) -> None:
    frames = [
        rows("localization", "map", [0.2, 0.6], "auprc"),
        rows("localization", "prior", [prior, prior], "auprc"),
    ]
    assert verdict("arun2021", "localization", frames).passed is outcome


@pytest.mark.parametrize(
    ("values", "bar", "outcome"),
    [
        ([0.55, 0.6, 0.65] * 10, "chance", P),
        ([0.1, 0.5, 1.0] * 10, "chance", F),  # the mean is above .5, its interval is not
        ([0.55, 0.6, 0.65] * 10, "prior", F),
        ([0.8, 0.85, 0.9] * 10, "prior", P),
    ],
)
def test_reasonable_localization_depends_on_an_unstated_bar(
    values: list[float], bar: str, outcome: Outcome
) -> None:
    frames = [
        rows("localization", "map", values, "auroc"),
        rows("localization", "prior", [0.7, 0.8] * 15, "auroc"),
    ]
    assert verdict(f'venkatesh2022(bar="{bar}")', "localization", frames).passed is outcome


@pytest.mark.parametrize("name", ["arun2021", "venkatesh2022"])
def test_a_blob_passes_where_it_must_not(name: str) -> None:
    """What the fixed SSIM rewards: the reason for a rule of our own."""
    found = rules.parse(name)(table("ssim"), ["blob"])
    kept = [one.passed for one in found if one.criterion.startswith("rep")]
    assert kept == [P, P]


def test_another_data_range_than_the_published_is_said() -> None:
    frames = [
        rows("repeatability", population, [0.6, 0.7])
        for population in ("same film", "different films")
    ]
    for name in ("arun2021", "venkatesh2022"):
        assert verdict(name, "repeatability", frames).notes == (
            "The study took ssim(data_range=2.0).",
        )
    published = [one.with_columns(similarity=pl.lit("ssim(data_range=2.0)")) for one in frames]
    assert verdict("arun2021", "repeatability", published).notes == ()


def test_without_all_three_similarities_the_t_tests_are_not_made() -> None:
    found = verdict("venkatesh2024_weak", "repeatability", kept(0.6, 0.6, 0.4)[:2])
    assert found.passed is N
    assert found.notes[0] == "The rule needs iou and pixel_error too."


@pytest.mark.parametrize("name", ["venkatesh2024_weak", "venkatesh2024_strong"])
def test_the_t_test_is_over_films_with_draws_averaged(name: str) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0.28, 0.1, (40, 3))
    pairs = rng.normal(0.3, 0.1, 50)
    found = verdict(
        name,
        "randomization",
        [
            rows("randomization", "same film", values.ravel().tolist(), draws=3),
            rows("randomization", "random pairs", pairs.tolist()),
        ],
    )
    expected = stats.ttest_1samp(values.mean(axis=1), pairs.mean(), alternative="less").pvalue
    assert found.p == pytest.approx(expected)
    assert (found.passed is P) == (expected < 0.05)


def kept(ssim: float, iou: float, error: float, method: str = "m") -> list[pl.DataFrame]:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.02, 30)
    noise -= noise.mean()
    frames = []
    for measure, mean in (("ssim", ssim), ("iou", iou), ("pixel_error", error)):
        values = (mean + noise).tolist()
        frames += [
            rows("repeatability", "same film", values, measure, method=method),
            rows("repeatability", "different films", values, measure, method=method),
        ]
    return frames


@pytest.mark.parametrize(
    ("means", "outcome", "shown"),
    [
        ((0.6, 0.6, 0.4), P, "ssim"),
        ((0.6, 0.501, 0.4), F, "iou"),
        ((0.6, 0.6, 0.6), F, "pixel_error"),
        ((0.4, 0.6, 0.4), F, "ssim"),
    ],
)
def test_weakly_kept_is_all_three_on_the_right_side_of_one_half(
    means: tuple[float, float, float], outcome: Outcome, shown: str
) -> None:
    found = verdict("venkatesh2024_weak", "repeatability", kept(*means))
    assert (found.passed, found.measure, found.threshold) == (outcome, shown, 0.5)
    assert found.above == (shown != "pixel_error")


@pytest.mark.parametrize(("ssim", "outcome"), [(0.8, P), (0.799, P), (0.6, F)])
def test_strongly_kept_is_not_significantly_worse_than_the_readers(
    ssim: float, outcome: Outcome
) -> None:
    frames = [*kept(ssim, 0.7, 0.2), *kept(0.8, 0.7, 0.2, "readers")]
    found = verdict("venkatesh2024_strong", "repeatability", frames, ["readers"])
    assert found.passed is outcome
    assert verdict("venkatesh2024_strong", "repeatability", kept(ssim, 0.7, 0.2)).passed is N


def test_localization_against_edges_and_readers_is_a_pooled_t_test() -> None:
    rng = np.random.default_rng(2)
    ours, edges, readers = (
        rng.normal(0.4, 0.1, 40),
        rng.normal(0.3, 0.1, 40),
        rng.normal(0.45, 0.1, 40),
    )
    frames = [
        rows("localization", population, values.tolist(), "auprc", method=method)
        for method, values in (("m", ours), ("edges", edges), ("readers", readers))
        for population in ("map", "prior")
    ]
    weak = verdict("venkatesh2024_weak", "localization", frames)
    assert weak.p == pytest.approx(stats.ttest_ind(ours, edges).pvalue)
    assert weak.passed is P
    strong = verdict("venkatesh2024_strong", "localization", frames, ["readers"])
    expected = stats.ttest_ind(ours, readers).pvalue
    assert strong.p == pytest.approx(expected)
    assert (strong.passed is F) == (expected < 0.05)
    assert strong.threshold == pytest.approx(readers.mean())
