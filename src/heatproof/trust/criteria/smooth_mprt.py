"""Smooth MPRT: the randomization test of maps that were averaged over noisy copies of the film.

Hedstrom et al. 2024, "Sanity checks revisited", https://arxiv.org/abs/2401.06465: noise in the maps
looks like a reaction to randomization; averaged out, less of it is left.  50 copies with noise of
standard deviation 0.1 of the range of the image, blocks from the first convolution up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from heatproof.errors import SpecError
from heatproof.saliency import Method
from heatproof.saliency.methods.smooth_grad import SmoothGrad
from heatproof.trust.criteria import Criterion, OfCopies, criteria
from heatproof.trust.criteria.randomization import Randomization
from heatproof.trust.randomize import BlockOrder, Drawing
from heatproof.trust.similarity import Similarity


@criteria.register("smooth_mprt")
@dataclass(frozen=True)
class SmoothMPRT:
    """Randomization, with every method averaged over noise.

    Attributes:
        base: The randomization.
        samples: Noisy copies of each film.
        noise: Standard deviation, as a share of the range of the image.
    """

    base: Criterion = field(
        default=Randomization(order="bottom_up"), metadata={"registry": criteria}
    )
    samples: int = 50
    noise: float = 0.1
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"samples": (1, 1e9), "noise": (0, 1e9)}
    title: ClassVar[str] = "Smooth MPRT"
    question: ClassVar[str] = "Does it depend on what was learned, averaged over noise?"
    explains: ClassVar[str] = (
        "Randomization of weights, with maps that were averaged over noisy copies of the "
        "film, so that noise in a map does not pass for a change."
    )

    def __post_init__(self) -> None:
        if not isinstance(self.base, OfCopies):
            raise SpecError(f"smooth_mprt(base={self.base!r}): expected base=randomization(...)")

    @property
    def _copies(self) -> OfCopies:
        # `__post_init__` refuses anything else, which the type checker cannot know.
        assert isinstance(self.base, OfCopies)
        return self.base

    @property
    def order(self) -> BlockOrder:
        """The order in which blocks are randomized."""
        return self._copies.order

    @property
    def draws(self) -> int:
        """The number of draws of the weights."""
        return self._copies.draws

    @property
    def drawing(self) -> Drawing:
        """What is drawn anew."""
        return self._copies.drawing

    @property
    def random_pairs(self) -> int:
        """Pairs of films whose similarity is what counts as degraded."""
        return self._copies.random_pairs

    def explained_by(self, methods: Mapping[str, Method]) -> Mapping[str, Method]:
        """Each method, averaged."""
        return {
            spec: SmoothGrad(base=method, samples=self.samples, noise=self.noise)
            for spec, method in methods.items()
        }

    def measured_by(self, similarities: Mapping[str, Similarity]) -> Mapping[str, Similarity]:
        """The similarities of the experiment."""
        return similarities
