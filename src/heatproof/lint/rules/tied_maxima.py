"""Ties at the maximum: the peak of a coarse map is a plateau.

The first of its pixels in reading order lies at its upper left.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from heatproof.lint.described import Described
from heatproof.lint.rules import rules


@rules.register("tied_maxima")
@dataclass(frozen=True)
class TiedMaxima:
    """The first of thousands of tied maxima is pulled to the upper left edge of the film."""

    source: ClassVar[str] = (
        "measured on the published maps of CheXlocalize: 4 of 20 have ties, of up to 9,604 pixels"
    )

    def __call__(self, subject: Described) -> Iterator[str]:
        """What was found."""
        if subject.ties == "first":
            grid = f" of {subject.grid} x {subject.grid} cells" if subject.grid else ""
            yield f"the first of tied maxima is the peak of maps{grid}"
