"""From pairs of maps and scores to grids."""

import functools
from dataclasses import replace

import polars as pl
import pytest

from heatproof.analysis.intervals import Intervals
from heatproof.analysis.rare import Rare
from heatproof.analysis.verdicts import (
    Asked,
    Network,
    high_controls,
    untested_grids,
    verdict_grids,
)
from heatproof.localize.controls import PRIOR
from heatproof.models.localizers import localizers
from heatproof.tables.pairs import Pairs
from heatproof.trust.rules import rules
from heatproof.types import Estimate, Outcome, Verdict
from tests.analysis.made_up import Films, Scores, films
from tests.trust.planted import FILMS, TRAINED, table

METHODS = ("edges", "oracle", "noise")
PARTS = rules.parts(["heatproof", "arun2021"])
NETWORKS = {name: Network(name, name.partition("/")[0]) for name in TRAINED}
INTERVALS = Intervals()
PLACE = {"data": pl.lit("films"), "finding": pl.lit("Lung Opacity")}


@functools.cache
def pairs() -> Pairs:
    """As a run writes them."""
    compared = table().filter(
        pl.col("criterion") != "localization", pl.col("method").is_in(METHODS)
    )
    return Pairs.of_file(compared.with_columns(**PLACE).select(list(Pairs.columns)))


@functools.cache
def scores() -> Scores:
    """As a run writes them: the prior once, for all methods."""
    localized = table().filter(criterion="localization")
    prior = localized.filter(population="prior", method="edges")
    maps = localized.filter(pl.col("method").is_in(METHODS), population="map")
    rows = pl.concat([prior.with_columns(method=pl.lit(PRIOR)), maps]).with_columns(
        **PLACE,
        model=pl.when(pl.col("model_a") == "").then(pl.lit("")).otherwise(pl.lit("cross-fitted")),
        member="model_a",
        reader=pl.lit("reference"),
        metric="similarity",
        validity="validity_a",
        regions=pl.lit(1),
    )
    return Scores.of_rows(
        rows.select([n for n in Scores.columns if n in rows.columns]).rows(named=True)
    )


def known(*readers: str) -> Films:
    """The films of the scores, marked by these readers."""
    marks = [("Lung Opacity", reader) for reader in readers]
    return Films.of_rows(films({f"film {film}": marks for film in range(FILMS)}))


def grids(
    scored: Scores,
    compared: Pairs | None = None,
    rule: str = "heatproof",
    *readers: str,
    networks: dict[str, Network] = NETWORKS,
):
    parts = {rule: PARTS[rule]}
    marked = known(*readers or ("reference",))
    compared = pairs() if compared is None else compared
    return list(verdict_grids(compared, scored, marked, parts, {}, networks, INTERVALS))


def outcomes(scored: Scores, *readers: str) -> dict[str, list[Outcome]]:
    [grid] = grids(scored, None, "heatproof", *readers)
    return {
        method: [cell.passed for cell in grid.verdicts if cell.method == method]
        for method in dict.fromkeys(cell.method for cell in grid.verdicts)
    }


def with_columns(scored: Scores, **columns: pl.Expr) -> Scores:
    return Scores(scored.frame.with_columns(**columns))


def joined(*tables):
    return type(tables[0])(pl.concat([one.frame for one in tables]))


def test_scores_and_pairs_are_judged_together() -> None:
    found = outcomes(scores())
    assert found["oracle"] == [Outcome.PASS] * 4
    assert found["edges"] == [Outcome.FAIL, Outcome.FAIL, Outcome.PASS, Outcome.PASS]
    assert set(found) == set(METHODS)


def how(networks: dict[str, Network]) -> dict[str, tuple[str, str]]:
    """By criterion, how the interval of the oracle was made, and what is noted."""
    [grid] = grids(scores(), networks=networks)
    return {
        cell.criterion: (cell.evidence.method, " ".join(cell.notes))
        for cell in grid.verdicts
        if cell.method == "oracle"
    }


def test_localization_counts_trained_models_as_the_other_criteria_do() -> None:
    """Members of a model, which share the films, are as many trainings."""
    for networks in (NETWORKS, {}):
        found = how(networks)
        for criterion in ("localization", "repeatability"):
            method, notes = found[criterion]
            assert method.endswith("30 patients and 3 models")
            assert "This is about" not in notes


def test_cross_fitted_members_are_one_model() -> None:
    """Each judges the films that it has not seen, so they are not trainings of the same."""
    method, notes = how(dict.fromkeys(TRAINED, Network("cross-fitted", "net")))["localization"]
    assert method.endswith("of 30 patients")
    assert "This is about this model; how others, trained anew, would do" in notes


def test_three_architectures_stand_for_others_and_two_for_themselves() -> None:
    three, two = (
        how({name: Network(name, of) for name, of in zip(TRAINED, names, strict=True)})
        for names in ("abcd", "aabb")
    )
    assert three["localization"][0].endswith("30 patients and 3 architectures")
    assert two["localization"][0].endswith("30 patients and 3 models")
    assert "these 2 architectures" in two["localization"][1]


class Counted:
    """A rule that says how many grids it judges together."""

    title, remarks = "counted", ()

    def __call__(self, table, methods, controls=()):
        raise AssertionError("grids are judged together")

    def family(self, grids):
        verdict = grids_verdict(len(grids))
        return [(verdict,) for _ in grids]


def grids_verdict(number: int) -> Verdict:
    nothing = Estimate(float("nan"), float("nan"), float("nan"), 0.95, 0, "")
    return Verdict("repeatability", "edges", Outcome.NOT_TESTED, nothing, float(number), "counted")


@pytest.mark.parametrize(("family", "together"), [("report", 2), ("grid", 1)])
def test_verdicts_of_a_report_or_of_a_grid_are_judged_together(family, together) -> None:
    few = pairs().where(method="edges", criterion="repeatability")
    elsewhere = Pairs(few.frame.with_columns(data=pl.lit("elsewhere")))
    found = verdict_grids(
        joined(few, elsewhere),
        Scores.of_rows([]),
        known("reference"),
        {"counted": Counted()},
        {},
        NETWORKS,
        Intervals(family=family),
    )
    assert [grid.verdicts[0].threshold for grid in found] == [together] * 2


def test_without_scores_localization_is_not_tested() -> None:
    found = outcomes(Scores.of_rows([]))
    assert found["oracle"] == [Outcome.NOT_TESTED, *[Outcome.PASS] * 3]


def test_of_several_readers_the_reference_counts() -> None:
    other = with_columns(scores(), reader=pl.lit("reader A"), value=pl.lit(0.0))
    found = outcomes(joined(other, scores()), "reader A", "reference")
    assert found == outcomes(scores())


def test_supervised_references_are_no_rows_but_what_strong_is_measured_against() -> None:
    detector = with_columns(scores().where(method="oracle"), method=pl.lit("detection"))
    [grid] = grids(joined(scores(), detector))
    assert grid.controls == ("detection",)
    assert "detection" not in {cell.method for cell in grid.verdicts}
    strong = {
        cell.method: cell.strong for cell in grid.verdicts if cell.criterion == "localization"
    }
    assert strong["oracle"] is Outcome.PASS
    assert strong["edges"] is Outcome.NOT_TESTED


def test_any_localizer_that_is_registered_is_a_supervised_reference(monkeypatch) -> None:
    class Heatmapper:
        title, method = "A network of ours", "heatmapper"

    assert localizers.names()  # finds the others first
    monkeypatch.setitem(localizers._classes, "heatmapper", Heatmapper)
    reference = with_columns(scores().where(method="oracle"), method=pl.lit("heatmapper"))
    [grid] = grids(joined(scores(), reference))
    assert grid.controls == ("heatmapper",)
    words = [
        "Two readers",
        "Trained detectors",
        "A network of ours",
        "Trained segmentation networks",
    ]
    assert sorted(high_controls().values()) == sorted(words)


def test_readers_are_what_repeatable_maps_are_measured_against() -> None:
    """Strong where the map is as alike as two readings are, and said beside the grid."""
    read = pairs().where(method="edges", criterion="repeatability")
    read = Pairs(read.frame.with_columns(method=pl.lit("readers")))
    alone = with_columns(scores().of_controls(), method=pl.lit("readers"))
    [grid] = grids(joined(scores(), alone), joined(pairs(), read))
    assert grid.controls == ("readers",)
    strong = {(cell.method, cell.criterion): cell.strong for cell in grid.verdicts}
    assert strong["oracle", "repeatability"] is Outcome.PASS
    assert strong["oracle", "reproducibility"] is Outcome.NOT_TESTED
    reached = {high.criterion: (high.measure, high.value) for high in grid.high}
    assert set(reached) == {"localization", "repeatability"}
    assert reached["repeatability"] == ("pearson", 1.0)
    assert reached["localization"] == ("auprc", alone.frame["value"].mean())


def test_every_data_set_finding_and_rule_has_a_grid() -> None:
    few = pairs().where(method="edges", criterion="repeatability")
    elsewhere = Pairs(few.frame.with_columns(data=pl.lit("elsewhere")))
    found = list(
        verdict_grids(
            joined(few, elsewhere),
            scores(),
            known("reference"),
            PARTS,
            {"ssim": "SSIM"},
            NETWORKS,
            INTERVALS,
        )
    )
    assert [(grid.dataset, grid.rule) for grid in found] == [
        (data, rule) for data in ("films", "elsewhere") for rule in PARTS
    ]
    assert {grid.finding for grid in found} == {"Lung Opacity"}
    assert {tuple(grid.measures.items()) for grid in found} == {(("ssim", "SSIM"),)}
    of_films = {cell.method for cell in found[0].verdicts}
    assert of_films == set(METHODS)  # scored, if not compared
    assert {cell.method for cell in found[2].verdicts} == {"edges"}


def test_without_pairs_there_is_no_grid() -> None:
    assert grids(scores(), Pairs.of_rows([])) == []


ASKED = Asked(("randomization", "flip"), {"films": ("cam", "edges"), "others": ("cam",)})
TOO_RARE = [Rare("films", "Edema", what, 3, 10) for what in ("maps", "classifier")]


def untested(asked: Asked = ASKED, compared=(), few=(), finding: str = "Edema"):
    return list(untested_grids(asked, [("films", finding)], compared, few, ["a", "b"]))


def test_a_finding_without_a_grid_has_one_that_says_why() -> None:
    first, second = untested(few=TOO_RARE, compared=[("films", "Edema")])
    assert (first.rule, second.rule) == ("a", "b")
    assert first.untested == (
        "3 films labelled with it and 3 films marked: with fewer than 10 of both nothing is"
        " concluded ([statistics] min_positives)."
    )
    assert [(cell.criterion, cell.method) for cell in first.verdicts] == [
        *(("localization", "cam"), ("localization", "edges")),
        *(("randomization", "cam"), ("randomization", "edges")),
        *(("flip", "cam"), ("flip", "edges")),
    ]
    assert {cell.passed for cell in first.verdicts} == {Outcome.NOT_TESTED}
    assert {cell.notes for cell in first.verdicts} == {(first.untested,)}


def test_enough_films_of_either_kind_are_judged_and_have_no_such_grid() -> None:
    for few in ([], TOO_RARE[:1], TOO_RARE[1:]):
        assert untested(few=few, compared=[("films", "Edema")]) == []


def test_without_maps_to_compare_the_reason_is_that_of_the_models_or_of_the_films() -> None:
    why = ("Not asked of a: it is an ensemble.", "Not asked of b: its maps were imported.")
    [of_models, _] = untested(replace(ASKED, left_out={"films": why}), few=TOO_RARE)
    assert of_models.untested == " ".join(why)
    [of_films, _] = untested()
    assert (
        of_films.untested == "No film that is labelled with it could be compared ([trust] films)."
    )
    [every_film, _] = untested(replace(ASKED, present=False))
    assert every_film.untested == "There were no two maps to compare."


def test_where_nothing_is_asked_or_nothing_explains_there_is_no_grid() -> None:
    assert untested(replace(ASKED, criteria=())) == []
    assert untested(replace(ASKED, methods={})) == []
