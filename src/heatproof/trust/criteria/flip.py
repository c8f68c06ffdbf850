"""Flip equivariance: is the map of a mirrored film the mirrored map?

For a network that knows left from right (by the heart's side) it need not be; then the criterion
shows how much of the map depends on that.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from heatproof.trust.criteria import Aligned, MapStack, criteria


@criteria.register("flip")
@dataclass(frozen=True)
class FlipCriterion:
    """The film as it is, and mirrored left to right; its map is mirrored back."""

    title: ClassVar[str] = "Flip equivariance"
    question: ClassVar[str] = "Does it follow a mirrored film?"
    explains: ClassVar[str] = (
        "The map of the mirrored film, mirrored back, is far more like the map of the film "
        "than maps of different films are."
    )
    levels: ClassVar[tuple[str, ...]] = ("horizontal",)

    def changed(
        self,
        film: Float[np.ndarray, "h w"],
        level: str,  # noqa: ARG002
    ) -> Float[np.ndarray, "h w"]:
        """The film, mirrored left to right."""
        return np.ascontiguousarray(film[:, ::-1])

    def aligned(self, before: MapStack, after: MapStack, level: str) -> Aligned:  # noqa: ARG002
        """The maps, the second mirrored back."""
        return before, np.ascontiguousarray(after[:, :, ::-1])
