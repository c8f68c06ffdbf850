"""Top-k intersection: the share of the k highest pixels that two maps have in common.

Ghorbani, Abid & Zou, AAAI 2019, https://arxiv.org/abs/1710.10547 (k = 1,000 of 224 x 224, 2 %).

Where pixels tie at the k-th place, each of them belongs to the set by the same share, so that no
order of pixels decides: m(p) = 1 above, (k - pixels above) / ties at the k-th value, 0 below, and
the intersection is the sum of min(m_1, m_2) over k.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from heatproof.errors import SpecError
from heatproof.trust.similarity import similarities


@similarities.register("top_k")
@dataclass(frozen=True)
class TopK:
    """The share of the highest pixels that both maps have: between 0 and 1.

    Attributes:
        share: k, as a share of the pixels; at least one.
    """

    share: float = 0.02
    title: ClassVar[str] = "Top-k intersection"
    undefined: ClassVar[str] = "a map is constant"
    span: ClassVar[tuple[float, float]] = (0.0, 1.0)
    itself: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise SpecError(f"share={self.share}; expected between 0 and 1, such as 0.02")

    def __call__(
        self, one: Float[np.ndarray, "n y x"], other: Float[np.ndarray, "n y x"]
    ) -> Float[np.ndarray, " n"]:
        """The intersection."""
        pairs = zip(one, other, strict=True)
        return np.array([self._one(x.ravel(), y.ravel()) for x, y in pairs], float)

    def _one(self, one: Float[np.ndarray, " p"], other: Float[np.ndarray, " p"]) -> float:
        if np.ptp(one) == 0 or np.ptp(other) == 0:
            return float("nan")
        k = max(1, round(self.share * len(one)))
        return float(np.minimum(_members(one, k), _members(other, k)).sum() / k)


def _members(values: Float[np.ndarray, " p"], k: int) -> Float[np.ndarray, " p"]:
    """How far each pixel belongs to the k highest."""
    threshold = np.partition(values, -k)[-k]
    above, ties = values > threshold, values == threshold
    members: np.ndarray = above + ties * ((k - above.sum()) / ties.sum())
    return members
