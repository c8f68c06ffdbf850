"""Splits as studies published them: a rule of scikit-learn that gives the same films, or a list.

Several studies drew films by ``train_test_split`` with a seed, from a table in its own order: first
the test films, then, of those that remain, the validation films.  Whoever has the table has the
split, to the film.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from heatproof.data.tabular import read_lines, read_rows
from heatproof.data.tabular.problems import Problems
from heatproof.errors import DataError

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_SPELLED = {"val": VALIDATION, "valid": VALIDATION}


def drawn(
    names: Sequence[str], share: float, seed: int, labels: Mapping[str, bool] | None = None
) -> dict[str, str]:
    """The part of each film: train, validation or test.

    Args:
        names: Films in the order of the published table, each once.
        share: Share of the test films, and of the validation films among the others.  The numbers
            of films are rounded where films are stratified, and otherwise rounded up.
        seed: The seed of both draws.
        labels: By which films are stratified; None for films drawn from all alike.
    """
    from sklearn.model_selection import train_test_split  # takes long to import

    parts: dict[str, str] = {}
    left = list(names)
    for part in (TEST, VALIDATION):
        size = share if labels is None else round(share * len(left))
        by = None if labels is None else [labels[name] for name in left]
        left, taken = train_test_split(left, test_size=size, random_state=seed, stratify=by)
        parts |= dict.fromkeys(taken, part)
    return parts | dict.fromkeys(left, TRAIN)


def listed(path: Path) -> dict[str, str]:
    """The part of each film in a table with the columns ``Image_ID`` and ``Split``.

    Image_ID may end in the suffix of a PNG; Split is train, val (or validation) or test.

    Raises:
        DataError: The table is not such a table.
    """
    parts: dict[str, str] = {}
    problems = Problems()
    for row in read_rows(path):
        with problems.noted():
            part = _SPELLED.get(row["Split"], row["Split"])
            if part not in (TRAIN, VALIDATION, TEST):
                raise row.wrong("Split", "train, val or test")
            name = row["Image_ID"].removesuffix(".png")
            if parts.setdefault(name, part) != part:
                raise row.wrong("Split", f"{parts[name]!r}, as {name!r} has further up")
    problems.refuse(path)
    return parts


def names_in(path: Path) -> tuple[str, ...]:
    """The films that a list keeps, one a line; what follows a comma is not read.

    Raises:
        DataError: There is no such list, or it names a film twice.
    """
    seen: dict[str, int] = {}
    problems = Problems()
    for number, line in read_lines(path):
        name = line.partition(",")[0].strip()
        if name in seen:
            problems.note(f"{path}, line {number}: {name!r} is in line {seen[name]} already")
        seen[name] = number
    problems.refuse(path, "A list names each film once.")
    if not seen:
        raise DataError(f"{path} names no film")
    return tuple(seen)
