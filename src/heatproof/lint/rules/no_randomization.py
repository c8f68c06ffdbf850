"""No randomization: it was not asked whether a map depends on what was learned.

A map may show the film alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from heatproof.lint.described import Described
from heatproof.lint.rules import rules


@rules.register("no_randomization")
@dataclass(frozen=True)
class NoRandomization:
    """A map that stays when weights are drawn anew shows the film, whatever it localizes."""

    source: ClassVar[str] = "Adebayo et al., NeurIPS 2018, arXiv 1810.03292"

    def __call__(self, subject: Described) -> Iterator[str]:
        """What was found."""
        if subject.randomization is False:
            yield "no map was compared with one of random weights"
