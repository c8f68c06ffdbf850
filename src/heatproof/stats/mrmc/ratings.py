"""What readers said about cases: ratings of whole cases, or marks with their places.

A case is positive when it has the finding.  Names of modalities, readers and cases are sorted as
people sort them (``reader2`` before ``reader10``), so that a difference is always "first less
second" of that order.
"""

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from heatproof.errors import DataError

UNMARKED = -np.inf
"""The rating of a lesion that no mark found, and of a case without a false mark."""


@dataclass(frozen=True)
class Ratings:
    """One number for each case that a reader read in a modality; higher means more suspicious.

    Attributes:
        values: Ratings; nan where the reader did not read the case in that modality.
        truth: Whether a case is positive.
        modalities: Names, in the order of the first axis.
        readers: Names, in the order of the second axis.
        cases: Names, in the order of the third axis.
    """

    values: Float[np.ndarray, "m r n"]
    truth: Bool[np.ndarray, " n"]
    modalities: tuple[str, ...]
    readers: tuple[str, ...]
    cases: tuple[str, ...]

    @classmethod
    def of_columns(
        cls,
        reader: Iterable[Any],
        case: Iterable[Any],
        modality: Iterable[Any],
        truth: Iterable[Any],
        rating: Iterable[Any],
    ) -> "Ratings":
        """Ratings from columns of a table, a row for each reading.

        Args:
            reader: Who read.
            case: What was read.
            modality: With what.
            truth: 1 or True where the case has the finding, 0 or False where not.
            rating: Any number; a row without one (None or nan) tells the truth alone.

        Raises:
            DataError: A case has two truths, or was rated twice by a reader in a modality.
        """
        rows = list(zip(reader, case, modality, truth, rating, strict=True))
        truths = one_truth((str(row[1]), is_positive(row[3], str(row[1]))) for row in rows)
        cases = Names(truths)
        rated = [(str(r), str(c), str(m), number(v)) for r, c, m, _, v in rows]
        rated = [row for row in rated if not np.isnan(row[3])]
        if not rated:
            raise DataError("no row has a rating; is the column of ratings empty?")
        readers, modalities = Names(row[0] for row in rated), Names(row[2] for row in rated)
        values = np.full((len(modalities), len(readers), len(cases)), np.nan)
        for r, c, m, value in rated:
            place = modalities[m], readers[r], cases[c]
            if not np.isnan(values[place]):
                raise DataError(
                    f"reader {r!r} rated case {c!r} twice in modality {m!r}; expected one rating."
                    " Repeated readings are a modality of their own, such as 'second reading'"
                )
            values[place] = value
        labels = np.array([truths[name] for name in cases.names])
        return cls(values, labels, modalities.names, readers.names, cases.names)

    @property
    def read(self) -> Bool[np.ndarray, "m r n"]:
        """Which cases were read."""
        return np.asarray(~np.isnan(self.values))

    @property
    def is_factorial(self) -> bool:
        """Whether every reader read every case in every modality."""
        return bool(self.read.all())


@dataclass(frozen=True)
class Marks:
    """Places that readers marked, each with a rating, on cases with any number of lesions.

    Attributes:
        lesions: The highest rating of a mark on each lesion, ``UNMARKED`` (-inf) where none found
            it; what stands where a case has fewer lesions is not looked at.
        false_marks: Ratings of marks beside every lesion, ``UNMARKED`` where there are fewer.
        weights: What finding each lesion is worth; sums to 1 over the lesions of a positive case,
            and is 0 where a case has fewer.
        read: Which cases were read, marked or not.
        modalities: Names, in the order of the first axis.
        readers: Names, in the order of the second axis.
        cases: Names, in the order of the third axis.
    """

    lesions: Float[np.ndarray, "m r n l"]
    false_marks: Float[np.ndarray, "m r n k"]
    weights: Float[np.ndarray, "n l"]
    read: Bool[np.ndarray, "m r n"]
    modalities: tuple[str, ...]
    readers: tuple[str, ...]
    cases: tuple[str, ...]

    @classmethod
    def of_columns(
        cls,
        reader: Iterable[Any],
        case: Iterable[Any],
        modality: Iterable[Any],
        truth: Iterable[Any],
        rating: Iterable[Any],
        lesion: Iterable[Any],
    ) -> "Marks":
        """Marks from columns of a table, a row for each mark; all lesions of a case weigh the same.

        Args:
            reader: Who marked.
            case: What was read.
            modality: With what.
            truth: How many lesions the case has.
            rating: Of the mark; None or nan on the single row of a case that was read and not
                marked.
            lesion: The name of the lesion that was hit; None, nan or empty for a false mark.

        Raises:
            DataError: A case has two truths, or more lesions were hit than it has.
        """
        rows = [
            (str(r), str(c), str(m), number(v), "" if missing(hit) else str(hit))
            for r, c, m, v, hit in zip(reader, case, modality, rating, lesion, strict=True)
        ]
        names = [row[1] for row in rows]
        counts = one_truth(zip(names, map(_count, truth, names), strict=True))
        cases, readers = Names(counts), Names(row[0] for row in rows)
        modalities = Names(row[2] for row in rows)
        hit = _lesions(rows, counts)
        shape = len(modalities), len(readers), len(cases)
        lesions = np.full((*shape, max(1, *counts.values())), UNMARKED)
        false: dict[tuple[int, ...], list[float]] = {}
        read = np.zeros(shape, dtype=bool)
        for r, c, m, value, lesion_hit in rows:
            place = modalities[m], readers[r], cases[c]
            read[place] = True
            if lesion_hit and not np.isnan(value):
                at = (*place, hit[c][lesion_hit])
                lesions[at] = max(lesions[at], value)  # a lesion may be marked twice
            elif not np.isnan(value):
                false.setdefault(place, []).append(value)
        false_marks = np.full((*shape, max(1, *map(len, false.values()), 1)), UNMARKED)
        for at_case, marks in false.items():
            false_marks[at_case][: len(marks)] = marks
        number_of = np.array([counts[name] for name in cases.names])
        there = np.arange(lesions.shape[-1]) < number_of[:, None]
        weights = there / np.maximum(number_of, 1)[:, None]
        named = modalities.names, readers.names, cases.names
        return cls(lesions, false_marks, weights, read, *named)

    @property
    def truth(self) -> Bool[np.ndarray, " n"]:
        """Whether a case has a lesion."""
        return np.asarray(self.weights.sum(axis=1) > 0)

    @property
    def highest_false(self) -> Float[np.ndarray, "m r n"]:
        """The highest rating of a false mark on each case."""
        return np.asarray(self.false_marks.max(axis=-1))


class Names:
    """Distinct names in the order of people, and the place of each."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(sorted(set(names), key=_natural))
        self._places = {name: place for place, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, name: str) -> int:
        return self._places[name]


def one_truth(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The truth of each case; raises DataError where rows of a case disagree."""
    truths: dict[str, Any] = {}
    for case, truth in pairs:
        if truths.setdefault(case, truth) != truth:
            raise DataError(
                f"case {case!r} is both {truths[case]} and {truth} in the column of the truth;"
                " expected one truth for each case, whoever reads it"
            )
    return truths


def number(value: Any) -> float:
    """A cell as a number; nan where it is empty."""
    if missing(value):
        return float("nan")
    try:
        return float(value)
    except ValueError:
        raise DataError(f"found the rating {value!r}; expected a number, or nothing") from None


def missing(value: Any) -> bool:
    """Whether a cell is empty: None, nan, or text without a letter."""
    return value is None or (isinstance(value, float) and np.isnan(value)) or not str(value).strip()


def is_positive(value: Any, case: str) -> bool:
    """A truth as it stands in tables: 1, True, "1.0", ... or 0, False, ...; DataError otherwise."""
    known = {"1": True, "true": True, "0": False, "false": False}
    text = str(value).strip().lower().removesuffix(".0")
    if text not in known:
        raise DataError(f"the truth of case {case!r} is {value!r}; expected 0 or 1")
    return known[text]


def _count(value: Any, case: str) -> int:
    text = str(value).strip().lower().removesuffix(".0")
    text = {"true": "1", "false": "0"}.get(text, text)
    if not text.isdigit():
        raise DataError(f"the truth of case {case!r} is {value!r}; expected its number of lesions")
    return int(text)


def _lesions(rows: Sequence[tuple[Any, ...]], counts: dict[str, int]) -> dict[str, dict[str, int]]:
    """The place of each lesion that was hit, among those of its case."""
    hit: dict[str, dict[str, int]] = {}
    for _, case, _, _, lesion in rows:
        if lesion:
            places = hit.setdefault(case, {})
            places.setdefault(lesion, len(places))
    for case, places in hit.items():
        if len(places) > counts[case]:
            raise DataError(
                f"{len(places)} lesions of case {case!r} were hit ({', '.join(places)}), and it has"
                f" {counts[case]} by the column of the truth; is that the number of lesions?"
            )
    return hit


def _natural(name: str) -> tuple[Hashable, ...]:
    """``case10`` behind ``case9``."""
    parts = re.split(r"(\d+)", name)
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)
