"""Image centre: a Gaussian in the middle of the film, its deviation a quarter of each side.

It ranks pixels as nearness to the middle does, so metrics of ranks alone (AUROC, hit rate) are the
same for both.  Nearness itself falls so slowly that most of its sum lies far from the middle: what
sums or binarizes a map would then judge the border.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32

from heatproof.localize.controls import SIZE, Context, as_map, controls, film_alone
from heatproof.maps.store import StoredMap
from heatproof.types import Sample

SPREAD = 0.25  # standard deviation, in sides of the film


@controls.register("centre")
@dataclass(frozen=True)
class Centre:
    """The same map for every film."""

    title: ClassVar[str] = "image centre"
    knows: ClassVar[str] = "never sees the film"
    asks_finding: ClassVar[bool] = False

    def __call__(self, film: Sample, finding: str, reader: str) -> StoredMap:  # noqa: ARG002
        """The Gaussian."""
        return _map()

    def inputs(self, context: Context) -> tuple[Any, ...]:
        """Nothing else."""
        return film_alone("centre", context)


def centre(size: tuple[int, int]) -> Float32[np.ndarray, "y x"]:
    """A Gaussian in the middle, in (0, 1]."""
    down, across = ((np.arange(side) + 0.5) / side - 0.5 for side in size)
    squares = down[:, None] ** 2 + across**2
    gaussian: np.ndarray = np.exp(-squares / (2 * SPREAD**2)).astype(np.float32)
    return gaussian


@cache
def _map() -> StoredMap:
    return as_map(centre(SIZE))
