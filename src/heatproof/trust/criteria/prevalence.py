"""Prevalence: does a map survive another share of positives in the training data?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from heatproof.trust.criteria import criteria
from heatproof.trust.pairs import Origin, differing


@criteria.register("prevalence")
@dataclass(frozen=True)
class Prevalence:
    """Models that differ in the prevalence of what they saw; their seeds are free."""

    title: ClassVar[str] = "Prevalence in the training data"
    question: ClassVar[str] = "Does it survive another prevalence?"
    explains: ClassVar[str] = (
        "A network that learned from another share of positive films gives a map of the same "
        "film that is far more alike than maps of different films are."
    )
    in_python: ClassVar[str] = "models by the prevalence of what they saw: {0.5: half, 0.1: tenth}"
    needs: ClassVar[str] = "two models whose sampling has different prevalences"

    def pairs(self, models: Sequence[Origin]) -> list[tuple[Origin, Origin, str]]:
        """All pairs; the level names both, ``as found`` where nothing was thinned."""
        # False sorts before True, so the prevalence as found stands first in its pairs.
        ordered = sorted(models, key=lambda model: model.prevalence is not None)
        pairs = differing(ordered, "prevalence", free=("seed",))
        return [(first, second, f"{_named(first)} / {_named(second)}") for first, second in pairs]


def _named(model: Origin) -> str:
    return "as found" if model.prevalence is None else f"{model.prevalence:g}"
