"""Head: does a map survive another head on the same backbone, such as WILDCAT's?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from heatproof.trust.criteria import criteria
from heatproof.trust.pairs import Origin, differing


@criteria.register("head")
@dataclass(frozen=True)
class HeadCriterion:
    """Models that differ in their head alone; seeds and settings of the training are free."""

    title: ClassVar[str] = "Another head"
    question: ClassVar[str] = "Does it survive another head?"
    explains: ClassVar[str] = (
        "Another head on the same backbone gives a map of the same film that is far more "
        "alike than maps of different films are."
    )
    in_python: ClassVar[str] = 'models by head: {"linear": one, "wildcat": other}'
    needs: ClassVar[str] = "two models with different heads on the same architecture and data"

    def pairs(self, models: Sequence[Origin]) -> list[tuple[Origin, Origin, str]]:
        """All pairs; the level names both heads."""
        pairs = differing(models, "head", free=("seed", "settings"))
        return [(first, second, f"{first.head} / {second.head}") for first, second in pairs]
