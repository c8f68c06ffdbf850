"""Effects of shape: which rows, which scale."""

import numpy as np
import polars as pl
import pytest

from heatproof.diagnose.shape import FEATURES, distributions, of_shape


def table(rows: int = 80) -> pl.DataFrame:
    generator = np.random.default_rng(0)
    area = generator.random(rows)
    return pl.DataFrame({
        "finding": ["Mass", "Nodule"] * (rows // 2),
        "cluster": [f"p{index // 2}" for index in range(rows)],
        "instances": generator.integers(1, 4, rows),
        "area_ratio": area,
        "elongation": generator.uniform(1, 3, rows),
        "irrectangularity": generator.random(rows),
        "iou": 0.5 * area + generator.normal(0, 0.1, rows),
    })  # fmt: skip


def slope(found, feature, model="linear"):
    return next(e for e in found if (e.feature, e.model) == (feature, model)).slope.estimate


def test_what_was_planted_is_found_and_nothing_else() -> None:
    found = of_shape(table(), "iou")
    for model in ("linear", "linear_by_cluster", "mixed"):
        area = slope(found, "area_ratio", model)
        assert area.low < 0.5 < area.high
        assert area.low > 0.3
    assert [e.feature for e in found if e.model == "linear" and e.p < 0.05] == ["area_ratio"]


def test_rows_without_an_instance_do_not_count() -> None:
    empty = table(20).with_columns(
        pl.lit(0).cast(pl.Int64).alias("instances"), pl.lit(0.0).alias("area_ratio"),
        pl.lit(float("nan")).alias("elongation"), pl.lit(9.0).alias("iou"),
    )  # fmt: skip
    more = of_shape(pl.concat([table(), empty]), "iou")
    assert slope(more, "area_ratio") == slope(of_shape(table(), "iou"), "area_ratio")


def test_features_are_scaled_over_rows_whose_score_is_undefined_too() -> None:
    """Spec 7.4: over the pooled rows, before any is dropped."""
    rows = table().with_columns(
        pl.when(pl.col("area_ratio") == pl.col("area_ratio").max())
        .then(float("nan")).otherwise(pl.col("iou")).alias("iou")
    )  # fmt: skip
    span = float(rows["area_ratio"].max() - rows["area_ratio"].min())
    defined = rows.filter(pl.col("iou").is_not_nan())
    by_hand = np.polyfit(defined["area_ratio"], defined["iou"], 1)[0] * span
    assert slope(of_shape(rows, "iou"), "area_ratio").value == pytest.approx(by_hand)


def test_a_z_scored_slope_is_per_deviation() -> None:
    rows = table()
    span = float(rows["elongation"].max() - rows["elongation"].min())
    ratio = (
        slope(of_shape(rows, "iou"), "elongation").value
        / slope(of_shape(rows, "iou", scale="z-score"), "elongation").value
    )
    assert ratio == pytest.approx(span / rows["elongation"].std())


def test_distributions_are_five_numbers_of_each_finding() -> None:
    found = distributions(table())
    assert list(found) == list(FEATURES)
    mass = table().filter(pl.col("finding") == "Mass")["area_ratio"].to_numpy()
    row = found["area_ratio"].row(0, named=True)
    assert (row["finding"], row["cases"]) == ("Mass", 40)
    assert [row[k] for k in ("min", "q1", "median", "q3", "max")] == pytest.approx(
        list(np.quantile(mass, [0, 0.25, 0.5, 0.75, 1]))
    )
