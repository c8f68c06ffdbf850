"""The default rule on tables whose truth is planted, and what it says besides the outcome."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from skimage.metrics import structural_similarity

from benchmarks.simulated_trust import Design, tables
from heatproof.trust.evidence import CRITERIA, Asks
from heatproof.trust.meets import meets_all
from heatproof.trust.rules import Grid
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


def test_sparse_maps_are_not_blind_and_cannot_be_told_by_a_similarity_that_rewards_emptiness() -> (
    None
):
    """The reader's own masks, 4 of 160 pixels: by SSIM different films are alike, yet differ."""
    rng = np.random.default_rng(0)
    masks = []
    for _ in range(24):
        mask = np.zeros((160, 160))
        y, x = rng.integers(0, 156, 2)
        mask[y : y + 4, x : x + 4] = 1
        masks.append(mask)

    def rows(measure: str, blind: bool) -> pl.DataFrame:
        def alike(a: np.ndarray, b: np.ndarray) -> float:
            if measure == "ssim":
                return float(structural_similarity(a, b, data_range=1.0))
            return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])

        maps = [masks[0]] * 24 if blind else masks
        table = []
        for film in range(24):
            other = (film + 1) % 24
            for population, second in (("same film", film), ("different films", other)):
                table.append(
                    {
                        "criterion": "repeatability", "method": "m", "similarity": measure,
                        "image_id": str(film), "image_id_b": str(second),
                        "cluster": str(film), "cluster_b": str(second),
                        "model_a": "a", "model_b": "b", "step": "", "draw": -1,
                        "population": population, "value": alike(maps[film], maps[second]),
                        "validity_a": "ok", "validity_b": "ok",
                    }
                )  # fmt: skip
        return pl.DataFrame(table)

    outcomes = {
        (measure, blind): judged(rows(measure, blind))["m", "repeatability"]
        for measure in ("pearson", "ssim")
        for blind in (False, True)
    }
    assert outcomes["pearson", False].passed is P
    assert outcomes["ssim", False].passed is Q
    assert "cannot be told by it" in outcomes["ssim", False].notes[0]
    assert outcomes["ssim", False].needed is None
    for measure in ("pearson", "ssim"):
        assert outcomes[measure, True].passed is F
        assert "does not look at the film" in outcomes[measure, True].notes[0]


def test_whether_a_map_is_blind_is_a_test_and_few_patients_are_not_called() -> None:
    few = [f"patient {number}" for number in range(19)]
    kept = table().filter(pl.col("cluster").is_in(few) & pl.col("cluster_b").is_in(few))
    assert judged(kept)["blob", "localization"].passed is Q


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


def test_another_measure_than_that_of_the_rule_stands_in_and_a_note_says_so() -> None:
    found = judged(table("ssim"))
    for criterion in CRITERIA[1:]:
        one = found["oracle", criterion]
        assert one.measure == "ssim"
        assert "Judged by ssim, since pearson was not measured." in one.notes
    assert judged(table(), Heatproof(similarity="pearson")) == judged(table())


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
    assert much.evidence.method.endswith("and 3 draws")
    assert much.notes == (
        "This is about this model; how others, trained anew, would do is not in the interval.",
    )


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


def design(criterion: str, patients: int, models: int = 2, **more: float) -> Design:
    if criterion == "reproducibility":
        return Design(criterion, patients, 1, models // 2, architectures=2, **more)  # type: ignore[arg-type]
    return Design(criterion, patients, 1, models, **more)  # type: ignore[arg-type]


def simulated(shape: Design, experiments: int, **rule: object) -> list[Verdict]:
    methods = [str(number) for number in range(experiments)]
    found = Heatproof(**rule)(tables(shape, experiments, seed=3), methods)  # type: ignore[arg-type]
    return [one for one in found if one.criterion == shape.criterion]


@pytest.mark.slow
@pytest.mark.parametrize("criterion", CRITERIA)
def test_at_the_boundary_few_pass_and_at_the_alternative_most(criterion: str) -> None:
    """A quick look; benchmarks/verdicts.py measures it."""
    null = simulated(design(criterion, 30, 6), 100, correction="none")
    assert sum(one.passed is P for one in null) <= 7  # of a rule at 2.5%, in 99% of trials
    power = simulated(design(criterion, 30, 6, effect=1.0), 40, correction="none")
    assert sum(one.passed is P for one in power) >= 31  # of a power of 90%, in 99.5%


def test_a_grid_is_harder_to_pass_than_a_cell() -> None:
    alone = simulated(design("repeatability", 30, 2, effect=0.3), 40, correction="none")
    grid = simulated(design("repeatability", 30, 2, effect=0.3), 40)
    assert [one.p for one in alone] == [one.p for one in grid]
    passed = [sum(one.passed is P for one in found) for found in (alone, grid)]
    assert 0 < passed[1] < passed[0]
    said = "not once corrected for the number of verdicts"
    held = [one for one in grid if one.passed is Q and one.evidence.low > one.threshold]
    assert held
    assert all(any(said in note for note in one.notes) for one in held)


@pytest.mark.parametrize(
    ("shape", "by", "about"),
    [
        (Design("localization", 30), "30 patients", "this model;"),
        (Design("localization", 30, trainings=3), "30 patients and 3 models", ""),
        (Design("localization", 30, trainings=2), "30 patients and 2 models", ""),
        (
            Design("localization", 30, architectures=2),
            "30 patients",
            "these 2 models;",
        ),
        (
            Design("localization", 30, trainings=2, architectures=2),
            "30 patients and 4 models",
            "these 2 architectures;",
        ),
        (
            Design("localization", 30, trainings=2, architectures=3),
            "30 patients and 3 architectures",
            "",
        ),
        (
            Design("randomization", 30),
            "30 patients",
            "this model and this draw of random weights;",
        ),
        (Design("randomization", 30, draws=9), "30 patients and 9 draws", "this model;"),
        (
            Design("randomization", 30, trainings=3, draws=3),
            "30 patients, 3 models and 3 draws",
            "",
        ),
        (
            Design("randomization", 30, trainings=3),
            "30 patients and 3 models",
            "this draw of random weights;",
        ),
        (Design("repeatability", 30, trainings=2), "30 patients", "these 2 models;"),
        (Design("repeatability", 30, trainings=3), "30 patients and 3 models", ""),
    ],
)
def test_what_is_generalized_from_is_said_and_what_is_not(
    shape: Design, by: str, about: str
) -> None:
    """Nine draws of one model are one model; three models by three draws are not nine."""
    [one] = simulated(shape, 1)
    assert one.evidence.method == f"skewness-corrected t of {by}"
    said = [note for note in one.notes if note.startswith("This is about")]
    assert [about] * bool(about) == [
        note.removeprefix("This is about ").partition(" how")[0] for note in said
    ]


def test_films_of_a_patient_are_not_counted_as_independent() -> None:
    """The same numbers, once as one patient's films and once as films of many patients."""
    rows = tables(Design("localization", 24, 3), 1, seed=0)
    apart = rows.with_columns(cluster=pl.col("image_id"), cluster_b=pl.col("image_id_b"))
    together, other = (
        judged(one, methods=("0",))["0", "localization"].evidence for one in (rows, apart)
    )
    assert "24 patients" in together.method
    assert "72 films" in other.method
    assert together.high - together.low > other.high - other.low


@pytest.mark.slow
def test_of_a_crossed_design_calls_are_rare_where_the_truth_lies_on_the_threshold() -> None:
    """3 models by 3 draws with large effects of either: 9 independent models would err in 6-12%."""
    for effects in ({"of_models": 0.06, "of_draws": 0.0}, {"of_models": 0.0, "of_draws": 0.06}):
        shape = Design("randomization", 30, 1, 3, 3, **effects)
        found = simulated(shape, 150, correction="none")
        for outcome in (P, F):
            assert sum(one.passed is outcome for one in found) <= 9  # of 2.5%, in 99% of trials


def test_what_could_be_said_of_the_models_at_hand_is_said() -> None:
    found = simulated(Design("localization", 60, 1, 2, effect=1.0, of_models=0.05), 20)
    held = [one for one in found if one.passed is Q and any("alone it" in n for n in one.notes)]
    assert held
    assert all("About these models and draws alone it passes" in " ".join(o.notes) for o in held)


def test_a_family_is_harder_than_its_grids() -> None:
    """One correction over all grids: p-values stay, calls become fewer, none appears."""
    grids = [
        Grid(tables(Design("localization", 30, effect=0.4), 8, seed), [str(k) for k in range(8)])
        for seed in range(6)
    ]
    rule = Heatproof()
    together, alone = rule.family(grids), [rule(*grid) for grid in grids]
    pairs = [
        (one, other)
        for verdicts, others in zip(together, alone, strict=True)
        for one, other in zip(verdicts, others, strict=True)
    ]
    assert all(math.isnan(one.p) or one.p == other.p for one, other in pairs)
    assert all(other.passed is one.passed for one, other in pairs if one.passed in (P, F))
    assert sum(one.passed is P for one, _ in pairs) < sum(other.passed is P for _, other in pairs)


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
    assert edges.evidence.method == "skewness-corrected t of 30 patients and 3 models"


@pytest.mark.parametrize(("criterion", "models"), [("localization", 1), ("repeatability", 4)])
def test_so_many_patients_and_models_as_it_asks_for_settle_it(criterion: str, models: int) -> None:
    """At 12 patients and a correction for 40 verdicts; told for a difference of a margin."""
    shape = design(criterion, 12, models)
    open_ones = [one.needed for one in simulated(shape, 40, patients=5) if one.needed]
    assert open_ones
    patients = int(np.median([plan.patients for plan in open_ones]))
    more = int(np.median([plan.models or models for plan in open_ones]))
    assert patients > 12
    assert models > 1 or more == 1
    settled = simulated(replace(shape, patients=patients, trainings=more, effect=1.0), 40)
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
        one = tables(design("localization", 60, 3, chance=0.4), 1, seed=1)
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


def test_films_of_unknown_patients_are_not_called_patients() -> None:
    """Where patients are unknown each film is its own cluster, under its own name."""
    known = tables(Design("localization", 30), 1, seed=0)
    unknown = known.with_columns(cluster=pl.col("image_id"), cluster_b=pl.col("image_id_b"))
    for rows, word, other in ((known, "patient", "film"), (unknown, "film", "patient")):
        one = judged(rows, methods=("0",))["0", "localization"]
        assert f"of 30 {word}s" in one.evidence.method
        few = judged(rows, Heatproof(patients=40), methods=("0",))["0", "localization"]
        assert few.notes[0] == f"With fewer than 40 {word}s nothing is called."
        assert not any(other in note for note in (*one.notes, *few.notes))


def test_a_map_that_random_weights_leave_empty_is_lost() -> None:
    """Its similarity is undefined; no map is less like the trained one."""
    rows = table().filter((pl.col("criterion") == "randomization") & (pl.col("method") == "edges"))
    copies = (pl.col("population") == "same film") & (pl.col("draw") >= 0)

    def with_copies(validity: str, of_trained: str = "ok") -> pl.DataFrame:
        return rows.with_columns(
            value=pl.when(copies).then(math.nan).otherwise("value"),
            validity_a=pl.when(copies).then(pl.lit(of_trained)).otherwise("validity_a"),
            validity_b=pl.when(copies).then(pl.lit(validity)).otherwise("validity_b"),
        )

    for validity in ("zero", "constant"):
        lost = judged(with_copies(validity))["edges", "randomization"]
        assert lost.passed is P
        assert lost.evidence.value == 0
    assert judged(with_copies("zero", "zero"))["edges", "randomization"].passed is Q
    assert judged(with_copies("not_finite"))["edges", "randomization"].passed is Q
