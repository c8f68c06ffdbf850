"""Repeatability: does a map survive training the same network again?

Arun et al., Radiology: AI 2021, https://doi.org/10.1148/ryai.2021200267.  All pairs of replicates
are compared; of two localizers (the supervised references) likewise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from heatproof.trust.criteria import criteria
from heatproof.trust.pairs import Origin, differing


@criteria.register("repeatability")
@dataclass(frozen=True)
class Repeatability:
    """Models that differ in the seed of their training alone."""

    title: ClassVar[str] = "Repeatability"
    question: ClassVar[str] = "Does it survive retraining?"
    explains: ClassVar[str] = (
        "The same network, trained again from another seed, gives a map of the same film that "
        "is far more alike than maps of different films are."
    )
    in_python: ClassVar[str] = "a list of replicates: [one, other]"
    needs: ClassVar[str] = (
        "two models that differ in nothing but the seed of their training, such as seeds = [0, 1]"
    )

    def pairs(self, models: Sequence[Origin]) -> list[tuple[Origin, Origin, str]]:
        """All pairs of replicates."""
        return [(first, second, "") for first, second in differing(models, "seed")]
