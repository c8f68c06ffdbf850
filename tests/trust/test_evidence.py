"""What a cell rests on."""

import math

import polars as pl

from heatproof.trust.evidence import CRITERIA, Asks, cells
from tests.trust.planted import table


def row(**changes: object) -> dict[str, object]:
    usual: dict[str, object] = {
        "criterion": "randomization", "method": "m", "similarity": "ssim",
        "image_id": "a", "image_id_b": "a", "cluster": "p", "cluster_b": "p",
        "model_a": "net", "model_b": "copy", "step": "fc", "draw": 0, "population": "same film",
        "value": 0.5, "validity_a": "ok", "validity_b": "ok",
    }  # fmt: skip
    return usual | changes


def test_every_criterion_and_method_has_a_cell_the_four_first() -> None:
    found = list(cells(table("ssim"), ["oracle", "nothing"], ("auprc", "ssim")))
    assert [one.criterion for one in found[::2]] == list(CRITERIA)
    oracle = {one.criterion: one.asks for one in found if one.method == "oracle"}
    assert list(oracle.values()) == [Asks.FINDS, Asks.IS_LOST, Asks.IS_KEPT, Asks.IS_KEPT]
    assert {one.asks for one in found if one.method == "nothing"} == {None}
    more = pl.DataFrame([row(criterion="compression"), row(criterion="localization")])
    assert list(dict.fromkeys(one.criterion for one in cells(more, ["m"], ("ssim",)))) == [
        *CRITERIA,
        "compression",
    ]


def test_a_criterion_with_options_takes_the_place_of_its_name() -> None:
    frame = pl.DataFrame([row(criterion="compression"), row(criterion="randomization(draws=5)")])
    found = [one.criterion for one in cells(frame, ["m"], ("ssim",))]
    assert found == [
        "localization",
        "randomization(draws=5)",
        "repeatability",
        "reproducibility",
        "compression",
    ]


def test_levels_are_compared_with_pairs_of_the_same_level() -> None:
    rows = [
        row(criterion="label_efficiency", step=step, population=population, value=value)
        for step, population, value in (
            ("0.5", "same film", 0.8),
            ("0.5", "different films", 0.2),
            ("0.1", "same film", 0.6),
            ("0.1", "different films", 0.1),
        )
    ]
    [cell] = [one for one in cells(pl.DataFrame(rows), ["m"], ("ssim",)) if one.asks]
    assert (list(cell.rows["value"]), list(cell.compared["value"])) == ([0.6], [0.1])


def test_of_a_cascade_the_last_step_counts() -> None:
    rows = [row(step=step, value=value) for step, value in (("fc", 0.9), ("b", 0.5), ("a", 0.1))]
    pairs = row(population="random pairs", image_id_b="b", step="", value=0.3)
    [cell, *_] = [one for one in cells(pl.DataFrame([*rows, pairs]), ["m"], ("ssim",)) if one.asks]
    assert list(cell.rows["value"]) == [0.1]
    assert list(cell.compared["value"]) == [0.3]


def test_of_two_networks_the_last_step_of_each_counts() -> None:
    """An EfficientNet ends with its stem and has a stage 1; a VGG ends with its stage 1."""
    rows = [
        row(model_a=model, step=step, value=value)
        for model, step, value in (
            ("efficientnet", "stage1", 0.8),
            ("efficientnet", "stem", 0.2),
            ("vgg", "stage2", 0.7),
            ("vgg", "stage1", 0.1),
        )
    ]
    pairs = row(population="random pairs", image_id_b="b", step="", draw=-1, value=0.3)
    for order in (rows, rows[2:] + rows[:2]):
        frame = pl.DataFrame([*order, pairs])
        [cell] = [one for one in cells(frame, ["m"], ("ssim",)) if one.asks]
        assert sorted(cell.rows["value"]) == [0.1, 0.2]
        assert list(cell.compared["value"]) == [0.3]


def test_only_rules_with_bars_of_their_own_ask_where_nothing_is_compared() -> None:
    alone = pl.DataFrame(
        [
            row(criterion="repeatability", step="", draw=-1),
            row(criterion="localization", population="map", step="", draw=-1),
            row(criterion="data_randomization", step="", draw=-1),
            row(),
        ]
    )
    bare = {"repeatability": Asks.IS_KEPT, "localization": Asks.FINDS}
    for own_bars in (False, True):
        found = cells(alone, ["m"], ("ssim",), own_bars=own_bars)
        asks = {one.criterion: one.asks for one in found if one.asks}
        assert asks == (bare if own_bars else {})


def test_the_first_measure_that_there_is_counts() -> None:
    rows = [row(similarity="iou"), row(similarity="iou", population="random pairs")]
    for measures, chosen in ((("ssim", "iou"), "iou"), (("iou", "ssim"), "iou"), (("ssim",), "")):
        [cell] = [
            one
            for one in cells(pl.DataFrame(rows), ["m"], measures)
            if one.criterion == "randomization"
        ]
        assert cell.measure == chosen
        assert (cell.asks is None) == (chosen == "")


def test_values_of_maps_that_cannot_be_read_are_undefined() -> None:
    kinds = ("ok", "tied", "incomplete", "zero", "constant", "not finite")
    rows = [row(validity_b=kind) for kind in kinds]
    frame = pl.DataFrame([*rows, row(population="random pairs")])
    [cell] = [one for one in cells(frame, ["m"], ("ssim",)) if one.asks]
    assert [math.isnan(value) for value in cell.rows["value"]] == [False] * 3 + [True] * 3


def test_of_localization_an_empty_map_was_scored_and_counts() -> None:
    rows = [
        row(criterion="localization", population=which, validity_a="zero", validity_b="zero")
        for which in ("map", "prior")
    ]
    [cell, *_] = cells(pl.DataFrame(rows), ["m"], ("ssim",))
    assert list(cell.rows["value"]) == list(cell.compared["value"]) == [0.5]


def test_a_model_that_had_nothing_to_learn_should_make_other_maps() -> None:
    rows = [
        row(criterion="data_randomization", step="", draw=-1, population=population, value=value)
        for population, value in (("same film", 0.3), ("different films", 0.2))
    ]
    [cell] = [one for one in cells(pl.DataFrame(rows), ["m"], ("ssim",)) if one.asks]
    assert cell.asks is Asks.IS_LOST
    assert list(cell.compared["value"]) == [0.2]
