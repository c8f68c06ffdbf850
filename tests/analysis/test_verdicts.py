"""From the tables of a run to grids and to the table of verdicts."""

import io

import polars as pl

from heatproof.analysis.verdicts import VERDICTS, trust, verdict_table
from heatproof.report.facts.parts import rules_used
from heatproof.tables.schema import SCORES
from heatproof.trust.rules import rules
from heatproof.types import Outcome
from tests.trust.planted import table

METHODS = ("edges", "oracle", "noise")
PARTS = rules.parts(["heatproof", "arun2021"])


def pairs() -> pl.DataFrame:
    """As a run writes them."""
    return (
        table()
        .filter((pl.col("criterion") != "localization") & pl.col("method").is_in(METHODS))
        .with_columns(data=pl.lit("films"), finding=pl.lit("Lung Opacity"))
    )


def scores() -> pl.DataFrame:
    """As a run writes them: the prior once, for all methods."""
    localized = table().filter(pl.col("criterion") == "localization")
    prior = localized.filter((pl.col("population") == "prior") & (pl.col("method") == "edges"))
    maps = localized.filter((pl.col("population") == "map") & pl.col("method").is_in(METHODS))
    rows = pl.concat([prior.with_columns(method=pl.lit("mean_mask")), maps])
    named = rows.with_columns(
        data=pl.lit("films"),
        group=pl.when(pl.col("model_a") == "").then(pl.lit("")).otherwise(pl.lit("cross-fitted")),
        model="model_a",
        finding=pl.lit("Lung Opacity"),
        reference=pl.lit("reference"),
        metric="similarity",
        validity="validity_a",
    )
    unknown = [pl.lit(None, kind).alias(name) for name, kind in SCORES.items() if name not in named]
    return named.with_columns(unknown).select(list(SCORES))


def outcomes(scored: pl.DataFrame, rule: str = "heatproof") -> dict[str, list[Outcome]]:
    grids = trust(pairs(), scored, PARTS, {})
    [grid] = [one for one in grids if one.rule == rule]
    return {
        method: [one.passed for one in grid.verdicts if one.method == method]
        for method in dict.fromkeys(one.method for one in grid.verdicts)
    }


def test_scores_and_pairs_are_judged_together() -> None:
    found = outcomes(scores())
    assert found["oracle"] == [Outcome.PASS] * 4
    assert found["edges"] == [Outcome.FAIL, Outcome.FAIL, Outcome.PASS, Outcome.PASS]
    assert set(found) == set(METHODS)


def test_localization_counts_trained_models_as_the_other_criteria_do() -> None:
    """Models of a group, which share the films, are as many trainings."""
    found = [
        one for one in trust(pairs(), scores(), PARTS, {})[0].verdicts if one.method == "oracle"
    ]
    about = {one.criterion: " ".join(one.notes) for one in found}
    assert "these 3 models" in about["localization"]
    assert "these 3 models" in about["repeatability"]


def test_without_scores_localization_is_not_tested() -> None:
    found = outcomes(scores().clear())
    assert found["oracle"] == [Outcome.NOT_TESTED, *[Outcome.PASS] * 3]


def test_of_several_readers_the_reference_counts() -> None:
    other = scores().with_columns(reference=pl.lit("reader A"), value=pl.lit(0.0))
    assert outcomes(pl.concat([other, scores()])) == outcomes(scores())


def test_supervised_references_are_no_rows_but_what_strong_is_measured_against() -> None:
    detector = scores().filter(pl.col("method") == "oracle")
    beside = detector.with_columns(method=pl.lit("detection"))
    grids = trust(pairs(), pl.concat([scores(), beside]), PARTS, {})
    assert grids[0].controls == ("detection",)
    assert "detection" not in {one.method for one in grids[0].verdicts}
    strong = {
        one.method: one.strong for one in grids[0].verdicts if one.criterion == "localization"
    }
    assert strong["oracle"] is Outcome.PASS
    assert strong["edges"] is Outcome.NOT_TESTED


def test_readers_are_what_repeatable_maps_are_measured_against() -> None:
    """Strong where the map is as alike as two readings are, and told beside the grid."""
    read = pairs().filter((pl.col("method") == "edges") & (pl.col("criterion") == "repeatability"))
    read = read.with_columns(method=pl.lit("readers"))
    alone = scores().filter(pl.col("group") == "").with_columns(method=pl.lit("readers"))
    grid = trust(pl.concat([pairs(), read]), pl.concat([scores(), alone]), PARTS, {})[0]
    assert grid.controls == ("readers",)
    strong = {(one.method, one.criterion): one.strong for one in grid.verdicts}
    assert strong["oracle", "repeatability"] is Outcome.PASS
    assert strong["oracle", "reproducibility"] is Outcome.NOT_TESTED
    reached = {one.criterion: (one.measure, one.value) for one in grid.high}
    assert set(reached) == {"localization", "repeatability"}
    assert reached["repeatability"] == ("ssim", 1.0)
    prior = alone.filter(pl.col("reference") == "reference")["value"].mean()
    assert reached["localization"] == ("auprc", prior)


def test_every_verdict_is_a_row_of_a_parquet_table() -> None:
    grids = trust(pairs(), scores(), PARTS, {})
    found = verdict_table(grids)
    assert found.schema == VERDICTS
    assert len(found) == 2 * 4 * len(METHODS)
    buffer = io.BytesIO()
    found.write_parquet(buffer)
    buffer.seek(0)
    assert pl.read_parquet(buffer).equals(found)
    row = found.row(
        by_predicate=(pl.col("method") == "oracle")
        & (pl.col("criterion") == "repeatability")
        & (pl.col("rule") == "heatproof"),
        named=True,
    )
    assert (row["verdict"], row["strong"], row["measure"]) == ("pass", "not tested", "ssim")
    assert row["low"] > row["threshold"]
    assert row["patients_needed"] is None
    assert "these 3 models" in row["notes"]


def test_rules_are_described_by_what_is_known_to_be_wrong_with_them() -> None:
    ours, arun = rules_used(PARTS)
    assert ours.remarks == ()
    assert arun.name == "Arun et al. 2021"
    assert arun.definition.startswith("Compares means")
    assert any("data range of 2" in remark for remark in arun.remarks)
