"""Efficient MPRT: how much more complex a map becomes when all weights are drawn anew.

Hedstrom et al. 2024, "Sanity checks revisited", https://arxiv.org/abs/2401.06465: the relative rise
(H(random) - H(trained)) / H(trained) of the entropy of a map's values, over a histogram of 100 bins
from the least to the greatest.  It looks at each map alone, so neither layers nor a similarity need
be chosen; above 0 the model mattered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float

from heatproof.errors import SpecError
from heatproof.saliency import Method
from heatproof.trust.criteria import criteria
from heatproof.trust.evidence import RISE
from heatproof.trust.randomize import BlockOrder, Drawing
from heatproof.trust.similarity import Similarity


@dataclass(frozen=True)
class EntropyRise:
    """The rise of entropy from the first map to the second: 0 of a map and itself, not symmetric.

    Attributes:
        bins: Number of bins of the histogram.
    """

    bins: int = 100
    title: ClassVar[str] = "Rise of entropy"
    undefined: ClassVar[str] = "a map is constant"
    span: ClassVar[tuple[float, float]] = (-1.0, float("inf"))
    itself: ClassVar[float] = 0.0

    def __call__(
        self, one: Float[np.ndarray, "n y x"], other: Float[np.ndarray, "n y x"]
    ) -> Float[np.ndarray, " n"]:
        """The relative rise."""
        pairs = zip(one, other, strict=True)
        rises = [self._entropy(y) / self._entropy(x) - 1 for x, y in pairs]
        return np.array(rises, float)

    def _entropy(self, values: Float[np.ndarray, "y x"]) -> float:
        # The entropy of a constant map is 0, by which a rise cannot be divided.
        if np.ptp(values) == 0:
            return float("nan")
        counts = np.histogram(values, self.bins)[0]
        # Empty bins add nothing to an entropy, but their logarithm is not finite.
        shares = counts[counts > 0] / values.size
        # Any base of the logarithm will do, since it cancels in the relative rise.
        return float(-(shares * np.log(shares)).sum())


@criteria.register("efficient_mprt")
@dataclass(frozen=True)
class EfficientMPRT:
    """A trained model and copies with all weights drawn anew.

    Attributes:
        bins: Number of bins of the histogram of a map's values.
        draws: Number of draws of the weights.
        statistics: Those of batch norm are ``kept``, ``reset`` or ``estimated``.
        seed: Seed of the weights.
    """

    bins: int = 100
    draws: int = 3
    statistics: Literal["kept", "reset", "estimated"] = "kept"
    seed: int = 0
    title: ClassVar[str] = "Efficient MPRT"
    question: ClassVar[str] = "Does it grow more complex without what was learned?"
    explains: ClassVar[str] = (
        "When all weights are replaced by random ones, the entropy of the map rises."
    )
    order: ClassVar[BlockOrder] = "whole"
    # A rise is compared with 0, so no pairs of films are needed.
    random_pairs: ClassVar[int] = 0

    def __post_init__(self) -> None:
        if self.draws < 1 or self.bins < 2:  # noqa: PLR2004
            raise SpecError(
                f"draws={self.draws}, bins={self.bins}; expected at least 1 draw and 2 bins"
            )

    @property
    def drawing(self) -> Drawing:
        """What is drawn anew."""
        return Drawing(statistics=self.statistics, seed=self.seed)

    def explained_by(self, methods: Mapping[str, Method]) -> Mapping[str, Method]:
        """The methods themselves."""
        return methods

    def measured_by(self, similarities: Mapping[str, Similarity]) -> Mapping[str, Similarity]:
        """The rise of entropy, whatever else is measured."""
        del similarities
        return {f"{RISE}(bins={self.bins})": EntropyRise(self.bins)}
