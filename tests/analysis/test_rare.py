"""Findings with too few positives: which those are, and which rows are left out for it."""

from dataclasses import replace

from heatproof.analysis.classification import Calls, classification
from heatproof.analysis.rare import Rare, frequent, rare, trustworthy
from tests.analysis.made_up import (
    QUICK,
    Called,
    Films,
    Scores,
    control,
    predictions,
    scores,
)  # fmt: skip

FIVE = {f"f{index}": 0.5 for index in range(5)}
SIX = {f"f{index}": (index < 6, 0.5) for index in range(9)}


def classified(*rows, judged=(("films", "net"),)):
    called = Called.of_rows(row | {"threshold": None} for row in rows)
    return tuple(classification(called, Films.of_rows([]), judged, Calls(), QUICK))


def test_a_finding_needs_marked_films_and_labelled_ones():
    maps = Scores.of_rows(
        [*scores(FIVE), *scores(FIVE, method="other"), *scores({"g": 0.0}, regions=0)]
    )
    records = classified(*predictions(SIX))
    assert rare(maps, records, replace(QUICK, min_positives=5)) == ()
    few = rare(maps, records, replace(QUICK, min_positives=6))
    assert few == (Rare("films", "Edema", "maps", 5, 6),)
    fewer = rare(maps, records, replace(QUICK, min_positives=7))
    assert {(row.what, row.positives) for row in fewer} == {("maps", 5), ("classifier", 6)}


def test_what_no_map_explains_is_marked_on_no_film():
    [row] = rare(Scores.of_rows(control("centre", FIVE)), classified(*predictions(SIX)), QUICK)
    assert (row.what, row.positives) == ("maps", 0)


def test_of_several_models_the_fewest_positives_count():
    """As where one model judges fewer films."""
    rows = [*predictions(SIX), *predictions(dict(list(SIX.items())[4:]), model="other")]
    records = classified(*rows, judged=[("films", "net"), ("films", "other")])
    few = rare(Scores.of_rows(scores(FIVE)), records, replace(QUICK, min_positives=3))
    assert few == (Rare("films", "Edema", "classifier", 2, 3),)


def test_trust_needs_enough_films_of_either_kind():
    few = [
        Rare("a", "both", "maps", 1, 10),
        Rare("a", "both", "classifier", 2, 10),
        Rare("a", "unmarked", "maps", 0, 10),
        Rare("b", "unlabelled", "classifier", 0, 10),
    ]
    places = [("a", "both"), ("a", "unmarked"), ("b", "unlabelled"), ("b", "both")]
    table = Scores.of_rows({"data": data, "finding": finding} for data, finding in places)

    def kept(table):
        return table.frame.select("data", "finding").rows()

    assert kept(trustworthy(table, few)) == places[1:]
    assert kept(frequent(table, few)) == places[2:]
    assert kept(frequent(table, [])) == places
