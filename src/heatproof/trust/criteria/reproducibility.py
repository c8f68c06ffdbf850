"""Reproducibility: does a map survive a change of architecture?

Arun et al., Radiology: AI 2021, https://doi.org/10.1148/ryai.2021200267.  Seeds and settings of the
training are free: those of two architectures have nothing in common but their names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from heatproof.trust.criteria import criteria
from heatproof.trust.pairs import Origin, differing


@criteria.register("reproducibility")
@dataclass(frozen=True)
class Reproducibility:
    """Models that differ in their architecture alone; all pairs of replicates."""

    title: ClassVar[str] = "Reproducibility"
    question: ClassVar[str] = "Does it survive another architecture?"
    explains: ClassVar[str] = (
        "A network of another architecture gives a map of the same film that is far more "
        "alike than maps of different films are."
    )
    in_python: ClassVar[str] = 'models by architecture: {"densenet121": one, "resnet50": other}'
    needs: ClassVar[str] = (
        "two models of different architectures with the same head and data, such as architectures ="
        ' ["densenet121", "resnet50"]'
    )

    def pairs(self, models: Sequence[Origin]) -> list[tuple[Origin, Origin, str]]:
        """All pairs."""
        pairs = differing(models, "architecture", free=("seed", "settings"))
        return [(first, second, "") for first, second in pairs]
