"""How the films of a data set are stored and read: each way once, and films unlike the others."""

import statistics
from collections.abc import Collection, Iterator, Sequence, Sized
from typing import Any

from heatproof.report.content import StoredFilms
from heatproof.tables.headers import MEMORY, Headers
from heatproof.words import count, listed

_WAY = ("format", "bits", "photometric", "levels")
_NAMED = 3  # films that are called by their names
_SHARE, _PART = 0.05, 0.25  # of films that are unusual: of many, and of the few of a small set
_APART = 2.0  # as large, or as small, as this many times the median


def stored_films(
    headers: Headers, data: str, judged: Collection[tuple[str, str]]
) -> Iterator[StoredFilms]:
    """The judged films of one data set by the way in which they are stored, the usual way first.

    Args:
        headers: How films are stored.
        data: Name of the data set.
        judged: Data set and ``image_id`` of every film that was judged.
    """
    rows = [
        row
        for row in headers.where(data=data).frame.iter_rows(named=True)
        if (data, row["image_id"]) in judged and row["format"] != MEMORY
    ]
    ways: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        ways.setdefault(tuple(row[column] for column in _WAY), []).append(row)
    for films in sorted(ways.values(), key=len, reverse=True):
        few = len(ways) > 1 and _are_few(films, rows)
        yield StoredFilms(
            films=len(films),
            **{column: films[0][column] for column in _WAY},
            sizes=f"{_range(films, 'height')} × {_range(films, 'width')}",
            windows=_windows(films),
            names=tuple(film["image_id"] for film in films[:_NAMED]) if few else (),
            outliers=tuple(_outliers(films)),
        )


def _are_few(some: Sized, every: Sized) -> bool:
    """Whether some films are so few of all that they are unlike the others."""
    return len(some) <= max(_SHARE * len(every), min(_NAMED, _PART * len(every)))


def _windows(films: Sequence[dict[str, Any]]) -> str:
    if films[0]["window"] is None:
        return ""
    return f"centre {_range(films, 'centre')}, width {_range(films, 'window')}"


def _range(films: Sequence[dict[str, Any]], column: str) -> str:
    values = [film[column] for film in films]
    low, high = min(values), max(values)
    return f"{low:,g}" if low == high else f"{low:,g} to {high:,g}"


def _outliers(films: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Films whose height, width or window is far from the median, by what is unlike."""
    for column, are, what in (
        ("height", "which are", "high"),
        ("width", "which are", "wide"),
        ("window", "whose windows are", "wide"),
    ):
        values = {film["image_id"]: film[column] for film in films if film[column]}
        usual = statistics.median(values.values()) if values else 0.0
        far = {
            name: value
            for name, value in values.items()
            if not usual / _APART <= value <= usual * _APART
        }
        # Where many are far from the median, the ranges say it, and none of them is unusual.
        if far and _are_few(far, films):
            named = listed((f"{name} ({value:,g})" for name, value in far.items()), _NAMED)
            films_of = count(len(far), "film")
            yield f"{films_of} unlike the others, {are} about {usual:,g} {what}: {named}"
