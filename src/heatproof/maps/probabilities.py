"""Probabilities beside imported maps: a table with a row per film and a column of each finding."""

import math
from collections.abc import Mapping
from pathlib import Path

from heatproof.data.tabular import TableRow, read_rows
from heatproof.errors import DataError
from heatproof.maps.naming import KnownFilms

FILM = "image_id"


def read_probabilities(path: Path, known: KnownFilms) -> Mapping[tuple[str, str], float]:
    """The probability of each film and finding; empty cells are left out.

    Args:
        path: CSV or Parquet with ``image_id`` and a column of each finding; other columns, and
            films that the data do not have, are passed over.
        known: The films and findings of the data.

    Raises:
        DataError: The table is missing or malformed, lacks the column of films, has no column of a
            finding, tells a film twice, or holds a cell that is no number in [0, 1].
    """
    probabilities: dict[tuple[str, str], float] = {}
    rows = read_rows(path)
    findings = [finding for finding in known.findings if finding in rows[0].values]
    if not findings:
        raise DataError(f"{path} has no column of a finding; {known.described()}")
    seen: set[str] = set()
    for row in rows:
        film = known.film(row[FILM])
        if film is None:
            continue
        if film in seen:
            raise row.wrong(FILM, "each film once")
        seen.add(film)
        for finding in findings:
            if row[finding]:
                probabilities[film, finding] = _probability(row, finding)
    if not probabilities:
        raise DataError(f"{path} has no film of {known.data!r}; {known.described()}")
    return probabilities


def _probability(row: TableRow, finding: str) -> float:
    try:
        value = float(row[finding])
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise row.wrong(finding, "a probability in [0, 1], or nothing")
    return value
