"""The default rule on tables whose truth is planted, and what it says besides the outcome."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from benchmarks.simulated_trust import Design, tables
from heatproof.trust.evidence import CRITERIA, Asks
from heatproof.trust.meets import meets_all
from heatproof.trust.rules.heatproof import Heatproof
from heatproof.types import Outcome, Verdict
from tests.trust.planted import FILMS, METHODS, table

P, F, Q, N = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.NOT_TESTED
TRUTH = {  # localization, randomization, repeatability, reproducibility
    "edges": (F, F, P, P),
    "noise": (F, P, F, F),
    "hash of weights": (F, P, F, F),
    "hash of weights and film": (F, P, F, F),
    "oracle": (P, P, P, P),
    "blob": (F, F, F, F),
    "shaky blob": (F, F, F, F),
}


def judged(evidence: pl.DataFrame, rule: Heatproof | None = None, **more: object) -> dict:
    methods = tuple(dict.fromkeys(evidence["method"]))
    verdicts = (rule or Heatproof())(
        evidence, more.get("methods", methods), more.get("controls", ())
    )
    return {(one.method, one.criterion): one for one in verdicts}


@pytest.mark.parametrize("method", METHODS)
def test_planted_truths_are_found(method: str) -> None:
    found = judged(table())
    outcomes = {criterion: found[method, criterion].passed for criterion in CRITERIA}
    assert tuple(outcomes.values()) == TRUTH[method]
    assert (meets_all(outcomes) is P) == (method == "oracle")


def test_a_blob_that_lies_well_is_told_to_ignore_the_film() -> None:
    """Higher than the prior as it may score: it scored without looking."""
    lifted = table().with_columns(
        value=pl.when((pl.col("population") == "map") & (pl.col("method") == "blob"))
        .then(0.9)
        .otherwise(pl.col("value"))
    )
    verdict = judged(lifted)["blob", "localization"]
    assert verdict.passed is F
    assert verdict.evidence.low > verdict.threshold
    assert "does not look at the film" in verdict.notes[0]


@pytest.mark.parametrize(
    ("asks", "chance", "threshold"),
    [
        (Asks.FINDS, 0.4, 0.4),
        (Asks.IS_LOST, 0.2, 0.4),  # .2 + .25 x .8
        (Asks.IS_LOST, 0.96, 0.97),
        (Asks.IS_LOST, 1.0, 0.98),  # a map that never changes is not lost
        (Asks.IS_KEPT, 0.25, 0.625),  # .25 + .5 x .75
        (Asks.IS_KEPT, 1.0, 1.02),  # out of reach: nothing is of the film
    ],
)
def test_thresholds(asks: Asks, chance: float, threshold: float) -> None:
    assert Heatproof().threshold(asks, np.array([chance])) == pytest.approx([threshold])


def test_evidence_is_the_mean_with_the_interval_of_its_distance_about_it() -> None:
    for verdict in judged(table(), Heatproof(correction="none")).values():
        told = verdict.evidence
        assert told.low - 1e-9 <= told.value <= told.high + 1e-9
        if verdict.notes and "look at the film" in verdict.notes[0]:
            continue
        right = told.low > verdict.threshold if verdict.above else told.high < verdict.threshold
        wrong = told.high < verdict.threshold if verdict.above else told.low > verdict.threshold
        assert (verdict.passed is P) == right
        assert (verdict.passed is F) == wrong


def test_the_order_of_rows_and_the_names_of_patients_and_models_change_nothing() -> None:
    def renamed(name: str) -> pl.Expr:
        return pl.when(pl.col(name) == "").then(pl.col(name)).otherwise("x" + pl.col(name))

    columns = ("cluster", "cluster_b", "model_a", "model_b")
    other = table().with_columns(renamed(name).alias(name) for name in columns)
    assert judged(other) == judged(table())


def test_few_patients_are_not_called_however_clear() -> None:
    few = [f"patient {number}" for number in range(10)]
    kept = table().filter(pl.col("cluster").is_in(few) & pl.col("cluster_b").is_in(few))
    found = judged(kept)
    assert found["oracle", "localization"].passed is Q
    assert "fewer than 20 patients" in found["oracle", "localization"].notes[0]
    assert found["oracle", "localization"].evidence.value == pytest.approx(1.0)


def test_without_annotations_localization_is_not_tested_and_the_rest_is() -> None:
    found = judged(table().filter(pl.col("criterion") != "localization"))
    assert found["oracle", "localization"].passed is N
    assert math.isnan(found["oracle", "localization"].threshold)
    assert [found["oracle", one].passed for one in CRITERIA[1:]] == [P, P, P]


def test_another_measure_than_that_of_the_rule_is_no_evidence() -> None:
    found = judged(table(), Heatproof(similarity="pearson"))
    assert {found["oracle", one].passed for one in CRITERIA[1:]} == {N}


def test_a_rise_of_entropy_is_compared_with_none() -> None:
    """Efficient MPRT: above 0 the model mattered, and a map that stays as it was did not rise."""
    rng = np.random.default_rng(0)
    kept = table().filter((pl.col("criterion") == "randomization") & (pl.col("step") == "conv1"))
    rows = kept.filter((pl.col("population") == "same film") & (pl.col("method") == "oracle"))
    risen = {
        "much": 0.5 + rng.normal(0, 0.2, len(rows)),
        "none": np.zeros(len(rows)),
        "falls": -0.3 + rng.normal(0, 0.2, len(rows)),
        "unclear": 0.02 + rng.normal(0, 0.2, len(rows)),
    }
    evidence = pl.concat(
        rows.with_columns(
            criterion=pl.lit("efficient_mprt"),
            similarity=pl.lit("entropy_rise(bins=100)"),
            method=pl.lit(name),
            value=pl.Series(values),
        )
        for name, values in risen.items()
    )
    found = judged(evidence)
    outcomes = [found[name, "efficient_mprt"].passed for name in risen]
    assert outcomes == [P, F, F, Q]
    much = found["much", "efficient_mprt"]
    assert (much.above, much.threshold, much.measure) == (True, 0.02, "entropy_rise(bins=100)")
    assert "these 3 draws of random weights" in much.notes[-1]


def test_maps_that_cannot_be_read_are_left_out_and_counted() -> None:
    same = pl.col("population") == "same film"
    oracle = (pl.col("method") == "oracle") & (pl.col("criterion") == "repeatability") & same

    def broken(films: int) -> Verdict:
        bad = oracle & pl.col("image_id").is_in([f"film {number}" for number in range(films)])
        spoiled = table().with_columns(
            validity_b=pl.when(bad).then(pl.lit("zero")).otherwise("validity_b"),
            value=pl.when(bad).then(1.0 if films % 2 else math.nan).otherwise("value"),
        )
        verdict: Verdict = judged(spoiled)["oracle", "repeatability"]
        return verdict

    for films in (5, 6):
        verdict = broken(films)
        assert verdict.passed is P
        assert verdict.evidence.cases == FILMS - films
        assert f"{3 * films} of {3 * FILMS} values are undefined" in verdict.notes[0]
    most = broken(FILMS - 5)
    assert most.passed is Q
    assert "Only 15 of 90 values are defined" in most.notes[0]


def design(criterion: str, patients: int, models: int, effect: float = 0.0) -> Design:
    return Design(criterion, patients, models, effect, 0.3, 0.02, models >= 8)


def simulated(shape: Design, experiments: int, **rule: object) -> list[Verdict]:
    methods = [str(number) for number in range(experiments)]
    found = Heatproof(**rule)(tables(shape, experiments, seed=3), methods)  # type: ignore[arg-type]
    return [one for one in found if one.criterion == shape.criterion]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_at_the_boundary_few_pass_and_at_the_alternative_most(criterion: str) -> None:
    """A quick look; benchmarks/verdicts.py measures it."""
    null = simulated(design(criterion, 30, 8), 100, correction="none")
    assert sum(one.passed is P for one in null) <= 11  # of a rule at 5%, in 99.6% of trials
    power = simulated(design(criterion, 30, 8, effect=1.0), 40, correction="none")
    assert sum(one.passed is P for one in power) >= 31  # of a power of 90%, in 99.5%


def test_a_grid_is_harder_to_pass_than_a_cell() -> None:
    alone = simulated(design("repeatability", 30, 2, effect=0.3), 40, correction="none")
    grid = simulated(design("repeatability", 30, 2, effect=0.3), 40)
    assert [one.p for one in alone] == pytest.approx([one.p for one in grid], abs=0.01)
    passed = [sum(one.passed is P for one in found) for found in (alone, grid)]
    assert 0 < passed[1] < passed[0]
    said = "not once corrected for the number of verdicts"
    held = [one for one in grid if one.passed is Q and one.evidence.low > one.threshold]
    assert held
    assert all(any(said in note for note in one.notes) for one in held)


@pytest.mark.parametrize(("models", "about"), [(2, "these 2 models"), (7, "these 7 models")])
def test_with_few_models_it_is_about_these(models: int, about: str) -> None:
    [one] = simulated(design("repeatability", 30, models), 1)
    assert any(about in note for note in one.notes)
    assert "models" not in one.evidence.method


def test_from_eight_models_on_it_is_about_all() -> None:
    [one] = simulated(design("repeatability", 30, 8), 1)
    assert "of 30 patients and 8 models" in one.evidence.method
    assert not any("This is about" in note for note in one.notes)


def test_draws_of_random_weights_are_models_too() -> None:
    [few] = simulated(design("randomization", 30, 3), 1)
    assert any("this model and these 3 draws of random weights" in note for note in few.notes)
    [many] = simulated(design("randomization", 30, 9), 1)
    assert "30 patients and 9 models" in many.evidence.method


def test_of_permuted_labels_nothing_was_drawn() -> None:
    """Noise of the weights is lost, edges are not; different films stand for random pairs."""
    renamed = table().with_columns(
        criterion=pl.col("criterion").replace("repeatability", "data_randomization")
    )
    found = judged(renamed)
    outcomes = {name: found[name, "data_randomization"].passed for name in METHODS}
    assert outcomes["hash of weights and film"] is P
    assert outcomes["edges"] is outcomes["blob"] is F
    edges = found["edges", "data_randomization"]
    assert not edges.above
    assert edges.notes == (
        "This is about these 3 models; how others, trained anew, would do is not in the interval.",
    )


@pytest.mark.parametrize(("criterion", "models"), [("localization", 2), ("repeatability", 8)])
def test_so_many_patients_and_models_as_it_asks_for_settle_it(criterion: str, models: int) -> None:
    """At 12 patients and a correction for 40 verdicts; told for a difference of a margin."""
    shape = design(criterion, 12, models)
    open_ones = [one for one in simulated(shape, 40, patients=5) if one.needed]
    assert open_ones
    patients = int(np.median([one.needed.patients for one in open_ones]))  # type: ignore[union-attr]
    draws = [one.needed.draws for one in open_ones]  # type: ignore[union-attr]
    assert patients > 12
    assert (draws[0] is None) == (models < 8)
    more = int(np.median([d for d in draws if d])) if draws[0] else models
    settled = simulated(replace(shape, patients=patients, models=more, effect=1.0), 40, patients=5)
    assert sum(one.passed is P for one in settled) >= 30


def test_what_is_smaller_than_the_margin_is_said_to_be() -> None:
    found = simulated(design("repeatability", 300, 2), 12)
    open_ones = [one for one in found if one.passed is Q]
    assert open_ones
    for one in open_ones:
        assert one.needed is None
        assert any("it is smaller" in note or "is smaller" in note for note in one.notes)


def test_a_strong_pass_is_no_worse_than_a_reference_by_more_than_said() -> None:
    rng = np.random.default_rng(0)

    def rows(method: str, mean: float) -> pl.DataFrame:
        one = tables(design("localization", 60, 3), 1, seed=1)
        maps = one.with_columns(method=pl.lit(method))
        noise = pl.Series(mean + 0.05 * rng.standard_normal(len(one)))
        return maps.with_columns(
            value=pl.when(pl.col("population") == "map").then(noise).otherwise(0.3)
        )

    evidence = pl.concat(
        [rows("as good", 0.7), rows("worse", 0.6), rows("bad", 0.2), rows("readers", 0.7)]
    )
    names = ("as good", "worse", "bad")
    found = judged(evidence, methods=names, controls=("readers",))
    assert [found[name, "localization"].passed for name in names] == [P, P, F]
    assert [found[name, "localization"].strong for name in names] == [P, Q, N]
    assert ("readers", "localization") not in found
    alone = judged(evidence, methods=names)
    assert {one.strong for one in alone.values()} == {N}
