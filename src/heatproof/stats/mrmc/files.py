"""Reader studies as files: a CSV, and the formats of iMRMC and OR-DBM MRMC.

=============  ===================================================================================
``.csv``       columns ``reader``, ``case``, ``modality``, ``truth``, ``rating``; a row for each
               reading.  With a column ``lesion`` it is a study of marks (``Marks.of_columns``)
``.imrmc``     any lines, ``BEGIN DATA:``, then lines of reader, case, modality, rating; the reader
               ``truth`` (or ``-1``) tells 0 or 1 for each case
``.lrc``       a title, the first reader, quoted names of the modalities, and for each ``L`` or
               ``S``: whether large or small ratings are suspicious; then normal cases (one a line,
               a rating for each modality), ``*``, abnormal ones, ``*``; then the next reader and
               its cases; ``#`` ends
=============  ===================================================================================

OR-DBM does not name cases: they are numbered, and the same in every reader's list.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from heatproof.data.tabular import read_lines, read_rows
from heatproof.errors import DataError
from heatproof.stats.mrmc.ratings import Marks, Ratings

_TRUTH = ("truth", "-1")
_COLUMNS = ("reader", "case", "modality", "truth", "rating")


def read(path: Path) -> Ratings | Marks:
    """The reader study of a file, whose ending tells the format.

    Raises:
        DataError: The file is missing, malformed, or contradicts itself.
    """
    suffix = path.suffix.lower()
    if suffix == ".imrmc":
        return _imrmc(path)
    if suffix == ".lrc":
        return _lrc(path)
    rows = read_rows(path)
    wanted = _COLUMNS + (("lesion",) if rows and "lesion" in rows[0].values else ())
    columns = {name: [row[name] for row in rows] for name in wanted}
    return (Marks if "lesion" in columns else Ratings).of_columns(**columns)


def write_imrmc(path: Path, ratings: Ratings) -> None:
    """Write ratings as iMRMC reads them; numbers are kept to the last bit.

    Raises:
        DataError: A name has a comma, which the format cannot hold.
    """
    named = (*ratings.readers, *ratings.cases, *ratings.modalities)
    if commas := [name for name in named if "," in name or "\n" in name]:
        raise DataError(f"{commas[0]!r} has a comma; names in iMRMC's files cannot have one")
    read_by = ratings.read.any(axis=(0, 2)).sum()
    lines = [
        "Reader study",
        f"N0:{int((~ratings.truth).sum())}",
        f"N1:{int(ratings.truth.sum())}",
        f"NR:{int(read_by)}",
        f"NM:{len(ratings.modalities)}",
        "BEGIN DATA:",
    ]
    lines += [f"-1,{c},truth,{int(t)}" for c, t in zip(ratings.cases, ratings.truth, strict=True)]
    for m, r, n in np.argwhere(ratings.read):
        value = float(ratings.values[m, r, n])
        lines.append(f"{ratings.readers[r]},{ratings.cases[n]},{ratings.modalities[m]},{value!r}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _imrmc(path: Path) -> Ratings:
    lines = read_lines(path)
    starts = [at for at, (_, text) in enumerate(lines) if text.upper().startswith("BEGIN DATA")]
    if not starts:
        raise DataError(f"{path}: no line says BEGIN DATA:; is it an input file of iMRMC?")
    body = lines[starts[0] + 1 :]
    rows = [(line, [cell.strip() for cell in text.split(",")]) for line, text in body]
    for line, cells in rows:
        if len(cells) != 4:  # noqa: PLR2004
            raise DataError(
                f"{path}, line {line}: found {','.join(cells)!r}; expected reader, case, modality,"
                " rating"
            )
    truths = {cells[1]: cells[3] for _, cells in rows if cells[0] in _TRUTH}
    read = [(line, cells) for line, cells in rows if cells[0] not in _TRUTH]
    for line, cells in read:
        if cells[1] not in truths:
            raise DataError(
                f"{path}, line {line}: case {cells[1]!r} has no truth; expected a line"
                f" truth,{cells[1]},truth,0 (or 1)"
            )
    reader, case, modality, rating = ([cells[column] for _, cells in read] for column in range(4))
    return Ratings.of_columns(reader, case, modality, [truths[name] for name in case], rating)


def _lrc(path: Path) -> Ratings:
    """A title, the first reader, names of modalities, directions; then cases, reader by reader."""
    lines = [text for _, text in read_lines(path)]
    if len(lines) < 5 or '"' not in lines[2] or set(lines[3].upper()) - set("LS \t"):  # noqa: PLR2004
        raise DataError(
            f"{path}: expected a title, a reader, quoted names of modalities, and a line of L or S"
            " for each; is it a file of OR-DBM MRMC?"
        )
    names = re.findall(r'"([^"]*)"', lines[2])
    signs = [1 if each.upper().startswith("L") else -1 for each in lines[3].split()]
    readings = list(_readings(path, [lines[1], *lines[4:]], dict(zip(names, signs, strict=True))))
    reader, case, modality, truth, rating = (list(each) for each in zip(*readings, strict=True))
    return Ratings.of_columns(reader, case, modality, truth, rating)


def _readings(
    path: Path, lines: list[str], signs: dict[str, int]
) -> Iterator[tuple[str, str, str, int, float]]:
    """Reader, case, modality, truth and rating, from the first reader's name on."""
    while lines and not lines[0].startswith("#"):
        reader, lines, case = lines[0].strip('"'), lines[1:], 0
        for truth, kind in enumerate(("normal", "abnormal")):
            if "*" not in (marks := [text[:1] for text in lines]):
                raise DataError(f"{path}: no line * ends the {kind} cases of reader {reader}")
            end = marks.index("*")
            for text in lines[:end]:
                case += 1
                for name, cell in zip(signs, text.split(), strict=False):
                    try:
                        yield reader, str(case), name, truth, signs[name] * float(cell)
                    except ValueError:
                        raise DataError(
                            f"{path}, reader {reader}, {kind} case {case}: found {cell!r}; expected"
                            f" {len(signs)} ratings, and a name behind them"
                        ) from None
            lines = lines[end + 1 :]
