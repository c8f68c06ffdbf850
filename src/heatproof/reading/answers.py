"""What a reader said of a film: what follows from the events of one reading, in their order.

=========  ===============================  ====================================================
event      content                          what it does
=========  ===============================  ====================================================
``open``   ``version``                      the film is on screen; of these instructions
``mark``   ``mark``, ``shape``, ``points``  a mark is drawn, or drawn otherwise
``erase``  ``mark``                         a mark is taken away
``choose`` ``yes``                          the finding is there, or not
``rate``   ``value``                        a word of the scale, by its place
``place``  ``place``, ``on``                what a map points at, chosen or not
``write``  ``text``                         free text
``away``   –                                the window is hidden
``back``   –                                the window is shown
``done``   ``timed_out``                    the reading ends; nothing comes after
=========  ===============================  ====================================================

Undo is an event, too: of a mark drawn, an ``erase``.  Points are pixels of the film, ``(x, y)``
from its top left corner.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heatproof.data.annotations.shapes import Boxes, Outline, Points
from heatproof.errors import DataError
from heatproof.reading.ledger import Event
from heatproof.reading.study import Task
from heatproof.types import Shape

SHAPES = {"contour": "contour", "point": "point", "boxes": "box"}
"""The shape that each kind of task marks."""
MOST_MARKS, MOST_POINTS, MOST_TEXT = 200, 5000, 4000
_NAME = 64  # letters of the id of a mark
_FEWEST = {"contour": (3, MOST_POINTS), "box": (2, 2), "point": (1, 1)}


@dataclass(frozen=True)
class Mark:
    """What was drawn.

    Attributes:
        id: Made by the browser.
        shape: ``"contour"``, ``"box"`` (two corners) or ``"point"``.
        points: ``(x, y)`` in pixels of the film.
    """

    id: str
    shape: str
    points: tuple[tuple[float, float], ...]

    def drawn(self, size: tuple[int, int]) -> Shape:
        """The shape, on a film of that height and width."""
        if self.shape == "contour":
            return Outline((self.points,), size)
        if self.shape == "point":
            return Points(self.points)
        (x0, y0), (x1, y1) = self.points
        return Boxes(((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)),))


@dataclass(frozen=True)
class Answer:
    """The state of one reading.

    Attributes:
        opened: Whether the film was shown.
        done: Whether it is finished.
        version: Of the instructions that were shown first.
        marks: In the order in which they were first drawn.
        yes: Whether the finding is there; None before a choice.
        value: Place in the scale, from 0; None before a choice.
        places: What a map points at.
        text: Free text.
        seconds: On screen, without the time in which the window was hidden or closed.
        interruptions: How often it was.
        changes: How often another answer took the place of one.
        timed_out: Whether the limit ended it.
    """

    opened: bool = False
    done: bool = False
    version: str = ""
    marks: tuple[Mark, ...] = ()
    yes: bool | None = None
    value: int | None = None
    places: tuple[str, ...] = ()
    text: str = ""
    seconds: float = 0.0
    interruptions: int = 0
    changes: int = 0
    timed_out: bool = False

    @property
    def rating(self) -> float:
        """Suspicion, for ROC curves: from -scale (sure that not) to +scale (sure); nan without.

        Of a map rating, the place in the scale from 1.
        """
        if self.value is None:
            return math.nan
        return float(self.value + 1) * (-1 if self.yes is False else 1)


def answer(events: Sequence[Event]) -> Answer:
    """What follows from the events of one reading."""
    state: dict[str, Any] = {"places": {}, "marks": {}}
    before, present = 0.0, False
    seconds, interruptions, changes = 0.0, 0, 0
    for event in events:
        if present and event.kind != "open":
            seconds += max(0.0, event.at - before)
        if event.kind == "away" or (event.kind == "open" and state.get("opened") and present):
            interruptions += 1
        present = event.kind != "away" and (present or event.kind in ("open", "back"))
        before = event.at
        changes += _changes(state, event)
        _take(state, event)
        if event.kind == "done":
            break
    marks, places = state.pop("marks"), state.pop("places")
    state |= {"seconds": seconds, "interruptions": interruptions, "changes": changes}
    return Answer(**state, marks=tuple(marks.values()), places=tuple(places))


def _changes(state: Mapping[str, Any], event: Event) -> bool:
    key = {"choose": "yes", "rate": "value"}.get(event.kind)
    return key is not None and state.get(key, event.content[key]) != event.content[key]


def _take(state: dict[str, Any], event: Event) -> None:
    content = event.content
    match event.kind:
        case "open":
            state["opened"] = True
            state.setdefault("version", content["version"])
        case "mark":
            points = tuple((float(x), float(y)) for x, y in content["points"])
            state["marks"][content["mark"]] = Mark(content["mark"], content["shape"], points)
        case "erase":
            state["marks"].pop(content["mark"], None)
        case "choose":
            state["yes"] = content["yes"]
        case "rate":
            state["value"] = content["value"]
        case "place":
            if content["on"]:
                state["places"][content["place"]] = True
            else:
                state["places"].pop(content["place"], None)
        case "write":
            state["text"] = content["text"]
        case "done":
            state["done"], state["timed_out"] = True, content["timed_out"]


def checked(event: Event, task: Task, size: tuple[int, int]) -> Event:
    """The event, if it may stand in the ledger.

    Args:
        event: As a browser sent it.
        task: What is asked.
        size: Height and width of the film.

    Raises:
        DataError: It is not what its kind holds, or not of this task or film.
    """
    wanted = _CONTENT.get(event.kind)
    if wanted is None:
        raise DataError(f"event {event.kind!r}: no such kind")
    if event.content.keys() != wanted.keys() or not all(
        type(event.content[key]) is kind for key, kind in wanted.items()
    ):
        raise DataError(f"event {event.kind!r}: expected {', '.join(wanted) or 'nothing'}")
    if not _is_allowed(event.kind, event.content, task, size):
        raise DataError(f"event {event.kind!r}: not for this task or film")
    return event


def _is_allowed(  # noqa: PLR0911  # one for each kind
    kind: str, content: Mapping[str, Any], task: Task, size: tuple[int, int]
) -> bool:
    """Whether a task takes it: an answer of another task would be counted as one of this."""
    match kind:
        case "mark":
            return _is_mark(content, task, size)
        case "erase":
            return 0 < len(content["mark"]) <= _NAME
        case "choose":
            return task.kind == "decision"
        case "rate":
            rated = task.kind in ("decision", "map_rating")
            return rated and 0 <= content["value"] < len(task.scale)
        case "place":
            return task.kind == "failures" and content["place"] in task.places
        case "write":
            return len(content["text"]) <= MOST_TEXT
        case "open":
            return len(content["version"]) <= MOST_TEXT
    return True


_CONTENT: Mapping[str, Mapping[str, type]] = {
    "open": {"version": str},
    "mark": {"mark": str, "shape": str, "points": list},
    "erase": {"mark": str},
    "choose": {"yes": bool},
    "rate": {"value": int},
    "place": {"place": str, "on": bool},
    "write": {"text": str},
    "away": {},
    "back": {},
    "done": {"timed_out": bool},
}


def _is_mark(content: Mapping[str, Any], task: Task, size: tuple[int, int]) -> bool:
    shape, points = content["shape"], content["points"]
    if SHAPES.get(task.kind) != shape or not 0 < len(content["mark"]) <= _NAME:
        return False
    low, high = _FEWEST[shape]
    return low <= len(points) <= high and all(_is_point(point, size) for point in points)


def _is_point(point: Any, size: tuple[int, int]) -> bool:
    """Whether it is a point of the film; a pixel further is rounding."""
    if not isinstance(point, list) or len(point) != 2:  # noqa: PLR2004
        return False
    x, y = point
    numbers = all(type(v) in (int, float) and math.isfinite(v) for v in point)
    return numbers and -1 <= x <= size[1] + 1 and -1 <= y <= size[0] + 1


def lacking(answer: Answer, task: Task) -> str:
    """What a reader still has to say before a reading can be done, in words; empty if nothing."""
    match task.kind:
        case "decision" if answer.yes is None:
            return "Say yes or no."
        case "decision" | "map_rating" if answer.value is None:
            return "Choose a word of the scale."
        case "failures" if not answer.places and not answer.text.strip():
            return "Choose what the map points at, or write it."
    return ""
