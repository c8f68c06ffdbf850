"""Answers follow from events: the last word counts, time is that on screen, undo is exact."""

import math

import numpy as np
import pytest

from heatproof.errors import DataError
from heatproof.reading.answers import Mark, answer, checked, lacking
from heatproof.reading.ledger import Event
from heatproof.reading.study import Task

SQUARE = [[1, 1], [9, 1], [9, 9], [1, 9]]


def events(*parts: tuple[float, str, dict]) -> list[Event]:
    return [
        Event(str(i), "r", "d", i + 1, kind, content, float(at))
        for i, (at, kind, content) in enumerate(parts)
    ]


def task(kind: str, **more) -> Task:
    shows = ["m"] if kind in ("map_rating", "failures") else ["none"]
    run = {"run": "x"} if kind == "failures" else {}
    return Task(name="T", kind=kind, finding="Nodule", shows=shows, **run, **more)


def mark(name: str, points=SQUARE, shape="contour") -> dict:
    return {"mark": name, "shape": shape, "points": points}


def test_time_is_that_on_screen():
    said = answer(
        events(
            (10, "open", {"version": "1"}),
            (13, "choose", {"yes": True}),
            (14, "away", {}),
            (100, "back", {}),
            (102, "choose", {"yes": False}),
            # The laptop is closed, and the page opened again a day later.
            (90_000, "open", {"version": "2"}),
            (90_001, "rate", {"value": 2}),
            (90_003, "done", {"timed_out": False}),
            (90_009, "rate", {"value": 0}),
        )
    )
    assert said.seconds == pytest.approx(4 + 2 + 3)
    assert said.interruptions == 2
    assert said.changes == 1
    assert (said.yes, said.value, said.rating, said.version) == (False, 2, -3.0, "1")


def test_ratings_are_ordered_from_sure_that_not_to_sure():
    ratings = [
        answer(events((0, "choose", {"yes": yes}), (1, "rate", {"value": value}))).rating
        for yes, values in ((False, (3, 2, 1, 0)), (True, (0, 1, 2, 3)))
        for value in values
    ]
    assert ratings == sorted(ratings)
    assert len(set(ratings)) == 8
    assert math.isnan(answer([]).rating)


def test_marks_are_those_that_were_not_erased_in_their_order():
    moved = [[2, 2], [8, 2], [8, 8]]
    said = answer(
        events(
            (0, "mark", mark("a")),
            (1, "mark", mark("b")),
            (2, "erase", {"mark": "a"}),
            (3, "mark", mark("c")),
            (4, "mark", mark("b", moved)),
            (5, "erase", {"mark": "unknown"}),
        )
    )
    assert [each.id for each in said.marks] == ["b", "c"]
    assert said.marks[0].points == ((2.0, 2.0), (8.0, 2.0), (8.0, 8.0))


def test_shapes_hold_the_pixels_that_were_drawn():
    inside = np.zeros((12, 12), bool)
    inside[1:9, 1:9] = True
    contour = Mark("a", "contour", tuple((float(x), float(y)) for x, y in SQUARE))
    assert (contour.drawn((12, 12)).mask(12, 12) == inside).all()
    # Corners in any order.
    box = Mark("a", "box", ((9.0, 1.0), (1.0, 9.0)))
    assert (box.drawn((12, 12)).mask(12, 12) == inside).all()
    point = Mark("a", "point", ((3.5, 7.5),))
    assert np.argwhere(point.drawn((12, 12)).mask(12, 12)).tolist() == [[7, 3]]


@pytest.mark.parametrize(
    ("kind", "event", "content"),
    [
        ("contour", "unknown", {}),
        ("contour", "mark", mark("a", shape="box")),
        ("contour", "mark", mark("a", [[1, 1], [2, 2]])),
        ("contour", "mark", mark("a", [[1, 1], [2, 2], [3, 99]])),
        ("contour", "mark", mark("a", [[1, 1], [2, 2], [3, float("nan")]])),
        ("contour", "mark", mark("a", [[1, 1], [2, 2], [3, True]])),
        ("contour", "mark", mark("a", SQUARE * 2000)),
        ("contour", "mark", mark("", SQUARE)),
        ("contour", "mark", {"mark": "a"}),
        ("contour", "mark", mark("a") | {"more": 1}),
        ("contour", "choose", {"yes": True}),
        ("decision", "choose", {"yes": 1}),
        ("decision", "rate", {"value": 4}),
        ("decision", "rate", {"value": True}),
        ("decision", "mark", mark("a")),
        ("failures", "place", {"place": "the moon", "on": True}),
        ("failures", "write", {"text": "x" * 4001}),
        ("point", "mark", mark("a", [[1, 1], [2, 2]], "point")),
    ],
)
def test_events_of_another_task_or_film_are_refused(kind, event, content):
    [sent] = events((0, event, content))
    with pytest.raises(DataError):
        checked(sent, task(kind), (12, 12))


def test_what_fits_is_taken():
    for kind, event, content in [
        ("contour", "mark", mark("a")),
        ("boxes", "mark", mark("a", [[0, 0], [12, 12]], "box")),
        ("point", "mark", mark("a", [[1.25, 3]], "point")),
        ("decision", "rate", {"value": 3}),
        ("failures", "place", {"place": "hilum", "on": True}),
        ("map_rating", "rate", {"value": 4}),
        ("contour", "done", {"timed_out": False}),
    ]:
        [sent] = events((0, event, content))
        assert checked(sent, task(kind), (12, 12)) is sent


def test_a_film_is_finished_when_all_is_said():
    assert lacking(answer([]), task("contour")) == ""
    assert lacking(answer([]), task("decision")) == "Say yes or no."
    yes = answer(events((0, "choose", {"yes": True})))
    assert "scale" in lacking(yes, task("decision"))
    assert lacking(answer([]), task("map_rating"))
    assert lacking(answer(events((0, "write", {"text": " "}))), task("failures"))
    assert not lacking(answer(events((0, "write", {"text": "a rib"}))), task("failures"))
