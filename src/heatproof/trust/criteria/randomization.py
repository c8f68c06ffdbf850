"""Randomization: does a map change when the weights of the model are drawn anew?

Adebayo et al., NeurIPS 2018, https://arxiv.org/abs/1810.03292 (MPRT); see ``trust.randomize``.  A
map has degraded when it is less like the trained model's than the maps of random pairs of films
are like each other (Arun et al. 2021).  The trained model itself is no step.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from heatproof.errors import SpecError
from heatproof.saliency import Method
from heatproof.trust.criteria import criteria
from heatproof.trust.randomize import BlockOrder, Drawing
from heatproof.trust.similarity import Similarity


@criteria.register("randomization")
@dataclass(frozen=True)
class Randomization:
    """A trained model and copies of it, block by block.

    Attributes:
        order: Order of the blocks: ``cascading``, ``bottom_up``, ``independent`` or ``whole``.
        draws: Number of draws of the weights.
        affine: Scale and shift of norms are ``reset`` or ``kept``.
        statistics: Those of batch norm are ``kept``, ``reset`` or ``estimated``.
        target: The finding is ``fixed``, or the target ``follows`` what the copy predicts.
        random_pairs: Pairs of films whose similarity is what counts as degraded.
        seed: Seed of the weights.
    """

    order: BlockOrder = "cascading"
    draws: int = 3
    affine: Literal["reset", "kept"] = "reset"
    statistics: Literal["kept", "reset", "estimated"] = "kept"
    # A target that follows compares maps for and against the finding where a copy changes its mind.
    target: Literal["fixed", "follows"] = "fixed"
    # The published studies report 50 pairs.
    random_pairs: int = 50
    seed: int = 0
    # The published code draws each model once, resets batch norm and explains what a copy predicts.
    presets: ClassVar[Mapping[str, str]] = {
        "venkatesh": "draws=1, statistics='reset', target='follows'"
    }
    title: ClassVar[str] = "Randomization of weights"
    question: ClassVar[str] = "Does it depend on what was learned?"
    explains: ClassVar[str] = (
        "When the trained weights are replaced by random ones, the map becomes as unlike its "
        "former self as maps of other films are. A map that stays shows the film, not what "
        "the model learned."
    )

    def __post_init__(self) -> None:
        if self.draws < 1 or self.random_pairs < 0:
            raise SpecError(
                f"draws={self.draws}, random_pairs={self.random_pairs}; expected at least 1 draw,"
                " and 0 pairs or more"
            )

    @property
    def drawing(self) -> Drawing:
        """What is drawn anew."""
        return Drawing(self.affine, self.statistics, self.target, self.seed)

    def explained_by(self, methods: Mapping[str, Method]) -> Mapping[str, Method]:
        """The methods themselves."""
        return methods

    def measured_by(self, similarities: Mapping[str, Similarity]) -> Mapping[str, Similarity]:
        """The similarities of the experiment."""
        return similarities
