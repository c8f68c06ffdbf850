"""Numbers as a reader sees them.

Two decimals, because intervals from tens or hundreds of patients carry no more; a third where two
would say 0.00 or 1.00 of something that is neither.  Intervals stand in brackets, differences carry
their sign, and ``nan`` is never printed: what is undefined is said in words, with the reason.
"""

import math
from collections.abc import Iterable

from heatproof.types import Estimate

MINUS = "\N{MINUS SIGN}"
UNDEFINED = "not defined"


def number(value: float) -> str:
    """A proportion, an area or another score, such as ``"0.31"``."""
    if math.isnan(value):
        return UNDEFINED
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
    """A difference, such as ``"−0.15"``; small ones keep the digits that show their sign."""
    if math.isnan(value):
        return UNDEFINED
    digits = next((d for d in (2, 3, 4) if abs(value) * 10**d >= 0.5), 2)  # noqa: PLR2004
    sign = "+" if value > 0 else MINUS if value < 0 else ""
    return f"{sign}{abs(value):.{digits}f}"


def interval(estimate: Estimate, *, difference: bool = False) -> str:
    """Such as ``"[0.26, 0.36]"``; empty where there is none."""
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return ""
    show = signed if difference else number
    return f"[{show(estimate.low)}, {show(estimate.high)}]"


def estimate(estimate: Estimate, *, difference: bool = False) -> str:
    """Value and interval, such as ``"0.31 [0.26, 0.36]"``."""
    if math.isnan(estimate.value):
        return UNDEFINED
    show = signed if difference else number
    bounds = interval(estimate, difference=difference)
    return f"{show(estimate.value)} {bounds}" if bounds else f"{show(estimate.value)}, no interval"


def count(number: int, noun: str, plural: str = "") -> str:
    """Such as ``"1 image"``, ``"1,200 images"``, ``"no images"``."""
    nouns = plural or f"{noun}s"
    return f"1 {noun}" if number == 1 else f"{number:,} {nouns}" if number else f"no {nouns}"


def listed(items: Iterable[str], most: int = 1000) -> str:
    """Such as ``"a, b and c"``; past ``most``, how many more there are."""
    names = list(items)
    if len(names) > most + 1:  # never "and 1 more"
        names = [*names[:most], f"{len(names) - most} more"]
    return names[0] if len(names) == 1 else " and ".join([", ".join(names[:-1]), names[-1]])


def sentence(text: str) -> str:
    """With a capital first letter."""
    return text[:1].upper() + text[1:]
