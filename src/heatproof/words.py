"""Numbers, counts and lists as text for people.

A number has two decimals, because intervals from tens or hundreds of patients carry no more; it has
a third where two would say 0.00 or 1.00 of something that is neither.  Intervals stand in brackets
and differences carry their sign.  ``nan`` is never printed: the text says that the value is not
defined.
"""

import math
from collections.abc import Iterable

from heatproof.types import Estimate

MINUS = "\N{MINUS SIGN}"
NOT_DEFINED = "not defined"


def number(value: float) -> str:
    """A proportion, an area or another score, such as ``"0.31"``."""
    if math.isnan(value):
        return NOT_DEFINED
    if -0.0005 < value < 0:  # noqa: PLR2004  two decimals would say zero
        return f">{MINUS}0.001"
    if value < 0:
        return MINUS + number(-value)
    if 0 < value < 0.005:  # noqa: PLR2004  two decimals would say zero
        return f"{value:.3f}" if value >= 0.0005 else "<0.001"  # noqa: PLR2004
    if 0.995 <= value < 1:  # noqa: PLR2004  two decimals would say one
        return f"{value:.3f}" if value < 0.9995 else ">0.999"  # noqa: PLR2004
    return f"{value:.2f}"


def signed(value: float) -> str:
    """A difference, such as ``"−0.15"``; a small one keeps the digits that show its sign."""
    if math.isnan(value):
        return NOT_DEFINED
    # The first number of digits counts at which rounding leaves more than 0.
    digits = next((d for d in (2, 3, 4) if abs(value) * 10**d >= 0.5), 2)  # noqa: PLR2004
    sign = "+" if value > 0 else MINUS if value < 0 else ""
    return f"{sign}{abs(value):.{digits}f}"


def bracketed(estimate: Estimate, *, difference: bool = False) -> str:
    """The interval of an estimate, such as ``"[0.26, 0.36]"``; empty where it has none."""
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return ""
    text = signed if difference else number
    return f"[{text(estimate.low)}, {text(estimate.high)}]"


def estimate(estimate: Estimate, *, difference: bool = False) -> str:
    """Value and interval, such as ``"0.31 [0.26, 0.36]"``."""
    if math.isnan(estimate.value):
        return NOT_DEFINED
    value = signed(estimate.value) if difference else number(estimate.value)
    interval = bracketed(estimate, difference=difference)
    return f"{value} {interval}" if interval else f"{value}, no interval"


def count(number: int, noun: str, plural: str = "") -> str:
    """A number of things, such as ``"1 film"``, ``"1,200 films"`` or ``"no films"``."""
    nouns = plural or f"{noun}s"
    return f"1 {noun}" if number == 1 else f"{number:,} {nouns}" if number else f"no {nouns}"


def duration(seconds: float) -> str:
    """A rough time, such as ``"40 seconds"``, ``"3 minutes"`` or ``"2 hours"``."""
    if seconds < 1:
        return "a second"
    # Below two of a unit the smaller one says it better.
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length:
            return count(round(seconds / length), unit)
    return count(round(seconds), "second")


def size(bytes_: int) -> str:
    """A rough amount of storage, such as ``"40 MB"`` or ``"1.2 GB"``; 1 MB is a million bytes."""
    for unit, large in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if bytes_ >= large:
            value = bytes_ / large
            return f"{value:.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"  # noqa: PLR2004
    return f"{max(1, round(bytes_ / 1000))} kB"


def patients_and_films(patients: int, lone: int) -> str:
    """What intervals rest on: known patients, and films of unknown ones, which count as one each.

    Such as ``"12 patients"``, ``"3 films of unknown patients"``, or both joined by "and".
    """
    films = f"{count(lone, 'film')} of {'an unknown patient' if lone == 1 else 'unknown patients'}"
    if patients and lone:
        return f"{count(patients, 'patient')} and {films}"
    return films if lone else count(patients, "patient")


def listed(items: Iterable[str], most: int = 1000) -> str:
    """At least one item, such as ``"a, b and c"``; past ``most`` items, the number of the rest."""
    names = list(items)
    if len(names) > most + 1:  # never "and 1 more"
        names = [*names[:most], f"{len(names) - most} more"]
    return names[0] if len(names) == 1 else " and ".join([", ".join(names[:-1]), names[-1]])


def spelled(value: str | float | None) -> str:
    """A value of metadata as people write it: a column of numbers holds ``"1"``, not ``"1.0"``.

    A number keeps all its digits, so that no two numbers are spelled alike.
    """
    if not isinstance(value, float):
        return str(value)
    return str(int(value)) if value.is_integer() else repr(value)


def sentence(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]
