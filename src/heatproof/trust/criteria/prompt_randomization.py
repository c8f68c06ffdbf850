"""Prompt randomization: does the map of a text change when the text is replaced by nonsense?

For two-tower models, whose logits are similarities of an image and a text (``TextSimilarity``).  A
copy of the model has nonsense in the place of each prompt: as many words of random letters, as long
as those of the prompt; no weight is drawn anew.  The map has degraded when it is less like its
former self than the maps of random pairs of films are like each other, as in ``randomization``.  A
map that stays shows what the image tower looks at, whatever is asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from heatproof.errors import SpecError
from heatproof.saliency import Method
from heatproof.trust.criteria import criteria
from heatproof.trust.randomize import BlockOrder, Drawing
from heatproof.trust.similarity import Similarity


@criteria.register("prompt_randomization")
@dataclass(frozen=True)
class PromptRandomization:
    """A model of texts, and copies of it that are asked nonsense.

    Attributes:
        draws: Number of draws of nonsense.
        random_pairs: Pairs of films whose similarity is what counts as degraded.
        seed: Seed of the draws.
    """

    draws: int = 3
    random_pairs: int = 50
    seed: int = 0
    title: ClassVar[str] = "Randomization of prompts"
    question: ClassVar[str] = "Does it depend on what is asked?"
    explains: ClassVar[str] = (
        "When the text is replaced by nonsense, the map becomes as unlike its former self as maps "
        "of other films are. A map that stays does not answer the text."
    )
    order: ClassVar[BlockOrder] = "prompts"

    def __post_init__(self) -> None:
        if self.draws < 1 or self.random_pairs < 0:
            raise SpecError(
                f"draws={self.draws}, random_pairs={self.random_pairs}; expected at least 1 draw,"
                " and 0 pairs or more"
            )

    @property
    def drawing(self) -> Drawing:
        """Nonsense, by a seed."""
        return Drawing(seed=self.seed)

    def explained_by(self, methods: Mapping[str, Method]) -> Mapping[str, Method]:
        """The methods themselves."""
        return methods

    def measured_by(self, similarities: Mapping[str, Similarity]) -> Mapping[str, Similarity]:
        """The similarities of the experiment."""
        return similarities
