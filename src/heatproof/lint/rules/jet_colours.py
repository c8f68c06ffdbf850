"""JET colours: a scale that is not monotonic in brightness.

It draws edges where the map has none, and turns magnitudes around where it is measured.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from heatproof.lint.described import Described
from heatproof.lint.rules import rules


@rules.register("jet_colours")
@dataclass(frozen=True)
class JetColours:
    """A rainbow scale shows edges that the map does not have, and its grey is not monotonic."""

    source: ClassVar[str] = "Borland and Taylor, IEEE Comput Graph Appl 2007, 27:14"

    def __call__(self, subject: Described) -> Iterator[str]:
        """What was found."""
        if (subject.colours or "").casefold() in {"jet", "rainbow", "hsv"}:
            yield f"maps are shown or measured through the colour scale {subject.colours}"
