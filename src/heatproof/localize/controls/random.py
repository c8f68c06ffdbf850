"""Random map: uniform noise at 256 x 256 pixels, which shows what a metric gives for nothing."""

import zlib
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32

from heatproof.localize.controls import SIZE, Context, Making, as_map, controls, film_alone
from heatproof.maps.store import StoredMap
from heatproof.types import Sample


@controls.register("random")
@dataclass(frozen=True)
class Random:
    """Noise that follows from the film, the finding and the seed of the experiment."""

    title: ClassVar[str] = "random map"
    knows: ClassVar[str] = "sees nothing"

    def __call__(self, film: Sample, finding: str, reader: str, seed: int = 0) -> StoredMap:  # noqa: ARG002
        """The noise."""
        return as_map(noise(SIZE, film.image_id, finding, seed=seed))

    def prepared(self, context: Context) -> Making:
        """The control with the seed of the experiment."""
        return partial(self, seed=context.seed)

    def inputs(self, context: Context) -> tuple[Any, ...]:
        """The seed."""
        return film_alone("random", context, context.seed)


def noise(size: tuple[int, int], *names: str, seed: int = 0) -> Float32[np.ndarray, "y x"]:
    """Uniform in [0, 1), pixel by pixel; the same for the same names and seed."""
    # The names seed the noise, so it depends neither on the order of films nor on the block;
    # CRC-32 stands for them, since Python's hash of a text differs from process to process.
    generator = np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])
    return generator.random(size, np.float32)
