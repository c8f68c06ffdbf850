"""Chance by lesion size: large lesions are hit by chance.

Scores of findings of different sizes are not comparable without it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from heatproof.lint.described import Described
from heatproof.lint.rules import rules


@rules.register("chance_by_size")
@dataclass(frozen=True)
class ChanceBySize:
    """AUPRC, IoU and hits by chance grow with the lesion, so they alone rank no findings."""

    source: ClassVar[str] = (
        "AUPRC of a constant map is the share of the film that is marked; Saporta et al. 2022: the"
        " slope of IoU on area is .566"
    )

    def __call__(self, subject: Described) -> Iterator[str]:
        """What was found."""
        if subject.size_matters and subject.by_size is False:
            yield "scores grow with the size of the lesion, and no chance of that size is told"
