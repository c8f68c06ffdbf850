"""Numbers and names as other programs spell them: 48, 48.0, "48" and " 48 " are one.

Spreadsheets and data frames write whole numbers as decimals once a cell of their column is empty,
and web services write numbers as text.  Leading zeros are kept: "007" is a name and no number.
"""

import re
from collections.abc import Sequence
from math import isfinite

from heatproof.words import spelled

_DECIMAL = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")


def plain(text: str) -> str:
    """The text without spaces around it and, where it is a whole number, without decimals."""
    stripped = text.strip()
    decimal = _DECIMAL.fullmatch(stripped)
    return decimal[1] if decimal else stripped


def whole(value: object) -> int | None:
    """The whole number that a value of JSON spells; None where it spells none."""
    if isinstance(value, float) and isfinite(value) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        number = plain(value)
        # Python itself refuses to make numbers of thousands of digits.
        return int(number) if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", number) else None
    # ``True`` is an integer of Python, and no number of JSON.
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def name(value: object) -> str | None:
    """The identifier that a value of JSON spells, as text; None where it is none."""
    number = whole(value)
    if number is not None:
        return str(number)
    return value.strip() if isinstance(value, str) else None


def numbers(texts: Sequence[str]) -> list[float] | None:
    """The numbers of a column of a table; None where its cells are names that look like numbers.

    They are numbers where each cell can be written back from its number: ``61`` or ``61.5`` as
    people write them, or ``61.0`` throughout as data frames do.  So no two names become one
    number: a column with ``007``, ``1e3``, ``nan`` or both ``1`` and ``1.0`` stays text, and so
    does one with more digits than a number holds.
    """
    try:
        values = [float(text) for text in texts]
    except ValueError:
        return None
    pairs = list(zip(values, texts, strict=True))
    if not all(isfinite(value) for value in values):
        return None
    as_people = all(spelled(value) == text for value, text in pairs)
    as_frames = all(repr(value) == text for value, text in pairs)
    return values if as_people or as_frames else None
