"""Failures listed film by film, by hand."""

from heatproof.analysis.failures import FALSE_POSITIVE, MISSED, failures, missed
from tests.analysis.made_up import NAN, Called, Scores, control, measures, predictions, scores

FILMS = {  # label, probability, and IoU by two readers; called from 0.5 on
    "right": (True, 0.9, (0.2, 0.0)),
    "missed": (True, 0.5, (0.0, 0.0)),
    "missed but not called": (True, 0.4, (0.0, 0.0)),
    "without a region that can be compared": (True, 0.9, (NAN, NAN)),
    "called without reason": (False, 0.6, ()),
    "rightly not called": (False, 0.1, ()),
    "unknown": (None, 0.9, ()),
    "without a probability": (False, NAN, ()),
}
CALLED = Called.of_rows(
    row | {"threshold": 0.5}
    for row in predictions({name: (label, p) for name, (label, p, _) in FILMS.items()})
)
MAPS = [
    row
    for place, reader in enumerate("ab")
    for row in scores(
        {name: ious[place] for name, (*_, ious) in FILMS.items() if ious}, reader=reader
    )
]
HITS = [row | {"metric": "hit_rate", "value": 0.0} for row in MAPS]
PARTS = measures("hit_rate", "iou").parts


def test_lists_are_those_of_the_operating_point():
    rows = failures(PARTS, CALLED, Scores.of_rows([*HITS, *MAPS]))
    assert [(row.kind, row.image_id, row.method, row.probability) for row in rows] == [
        (FALSE_POSITIVE, "called without reason", "", 0.6),
        (MISSED, "missed", "cam", 0.5),
    ]


def test_controls_and_films_without_a_mark_are_no_failures_of_a_map():
    nothing = {"right": 0.0, "missed": 0.0}
    table = Scores.of_rows([*control("centre", nothing), *scores(nothing, regions=0)])
    assert len(missed(PARTS, CALLED, table)) == 0


def test_every_method_has_a_list_of_its_own():
    other = [row | {"method": "other", "value": row["value"] * 0} for row in MAPS]
    table = missed(PARTS, CALLED, Scores.of_rows([*MAPS, *other]))
    assert table.select("image_id", "method").rows() == [
        ("right", "other"),
        ("missed", "cam"),
        ("missed", "other"),
    ]


def test_without_a_metric_of_regions_nothing_is_known_to_be_missed():
    parts = measures("hit_rate").parts
    assert [row.kind for row in failures(parts, CALLED, Scores.of_rows(HITS))] == [FALSE_POSITIVE]
