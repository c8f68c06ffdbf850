"""Run lengths in a table, as Kaggle's challenges have them: a row per thing.

Columns are ``ImageId`` and ``EncodedPixels``, and in some challenges one that says what is marked
(``Class``, ``label``).  Runs go down the columns of the film.  *Absolute*: pairs of the place of
the first pixel, counted from 1, and a length.  *Relative* (SIIM-ACR): pairs of the gap to the end
of the run before and a length.  A film on which nothing is marked has one row, empty or ``-1``.

The size of films is not told, so reading needs the films (``--images``) or ``size``.  Absolute
and relative pairs cannot be told apart for sure, so the format is never guessed.

Source: https://www.kaggle.com/c/siim-acr-pneumothorax-segmentation/data;
https://www.kaggle.com/c/airbus-ship-detection/overview/evaluation.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.holding import Holds
from heatproof.data.annotations.marks import (
    Beside,
    Mark,
    MarkedFilm,
    Markings,
    Reading,
    Size,
)
from heatproof.data.annotations.run_lengths import lengths_of
from heatproof.data.annotations.shapes import RLE, encode
from heatproof.data.tabular import TableRow, read_rows
from heatproof.data.tabular.spellings import whole
from heatproof.errors import DataError

_RUNS = ("encodedpixels", "rle", "segmentation")
_FILM = ("imageid", "image_id", "id", "image", "filename")
_FINDING = ("class", "label", "finding", "classid", "class_id")
_NOTHING = ("", "-1", "nan")


@formats.register("kaggle_rle")
@dataclass(frozen=True)
class KaggleRle:
    """Kaggle's run lengths.

    Attributes:
        relative: Whether pairs begin with the gap to the run before, as of SIIM-ACR.
        size: Height and width of all films, where there are no files of them.
    """

    relative: bool = False
    size: tuple[int, int] | None = None
    holds: ClassVar[Holds] = Holds(frozenset({"masks"}))

    def recognizes(self, path: Path) -> bool:  # noqa: ARG002  absolute or relative: who can tell?
        """Never."""
        return False

    def read(self, path: Path, beside: Beside) -> Markings:
        """The run lengths of each film."""
        reading = Reading(path, beside)
        rows = read_rows(path)
        film, runs = (_column(rows[0], names) for names in (_FILM, _RUNS))
        said = _column(rows[0], _FINDING, needed=False)
        for row in rows:
            with reading.item(f"line {row.line}"):
                name = reading.film(row[film], self.size, beside.reader)
                if row[runs].casefold() in _NOTHING:
                    continue
                finding = reading.finding(row[said] if said else None)
                shape = self._shape(row, runs, reading.size(name))
                reading.add(name, Mark(finding, shape, beside.reader))
        other = "false" if self.relative else "true"
        return reading.markings(
            f"Are they of the other kind? Say kaggle_rle(relative={other.capitalize()})."
        )

    def _shape(self, row: TableRow, column: str, size: Size) -> RLE:
        runs = [whole(text) for text in row[column].split()]
        numbers = np.array(
            [run for run in runs if run is not None and abs(run) < 1 << 40], np.int64
        )
        if len(numbers) < len(runs) or len(runs) % 2:
            raise row.wrong(column, "pairs of whole numbers, or -1")
        before, lengths = numbers[::2], numbers[1::2]
        ends = np.cumsum(before + lengths) if self.relative else before - 1 + lengths
        starts = ends - lengths
        total = size[0] * size[1]
        if (lengths < 0).any() or (starts < np.concatenate([[0], ends[:-1]])).any():
            raise DataError(f"{row.path}, line {row.line}: runs that go back; are they in order?")
        if ends[-1] > total:
            raise DataError(
                f"{row.path}, line {row.line}: runs that end at {int(ends[-1])}, the film of"
                f" {size[0]} x {size[1]} has {total} pixels"
            )
        flat = np.zeros(total + 1, np.int8)
        np.add.at(flat, starts, 1)
        np.add.at(flat, ends, -1)
        mask = np.cumsum(flat[:-1]).astype(bool)
        return encode(mask.reshape(size[1], size[0]).T, 1)

    def write(self, films: Sequence[MarkedFilm], path: Path) -> None:
        """A row per mark, or one with -1, and a column for what is marked."""
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(("ImageId", "EncodedPixels", "Class"))
            for film in films:
                for mark in film.marks:
                    assert isinstance(mark.shape, RLE)
                    table.writerow((film.name, self._written(mark.shape), mark.finding))
                if not film.marks:
                    table.writerow((film.name, "-1", ""))

    def _written(self, shape: RLE) -> str:
        # COCO's lengths alternate, and begin with an unmarked run, as relative pairs do.
        lengths = lengths_of(shape.counts)
        lengths = lengths[: len(lengths) // 2 * 2]
        gaps, marked = lengths[::2], lengths[1::2]
        first = gaps if self.relative else np.cumsum(gaps + marked) - marked + 1
        return " ".join(map(str, np.stack([first, marked], 1).ravel().tolist()))


def _column(row: TableRow, names: Sequence[str], *, needed: bool = True) -> str:
    found = next((c for name in names for c in row.values if c.casefold() == name), None)
    if found is None and needed:
        raise DataError(
            f"{row.path} has none of the columns {', '.join(names)}; has: {', '.join(row.values)}"
        )
    return found or ""
