"""Input noise: does a map survive noise that no reader would see?"""

import zlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from heatproof.errors import SpecError
from heatproof.trust.criteria import Aligned, MapStack, criteria


@criteria.register("input_noise")
@dataclass(frozen=True)
class InputNoise:
    """The film as it is, and with normal noise on every pixel, cut to [0, 1].

    Attributes:
        std: Standard deviations, as shares of the range from black to white.
        seed: Seed of the noise, which follows from it and the film.
    """

    std: tuple[float, ...] = (0.01, 0.03)
    seed: int = 0
    title: ClassVar[str] = "Input noise"
    question: ClassVar[str] = "Does it survive noise?"
    explains: ClassVar[str] = (
        "The map of the film with a little noise is far more like the map of the film than "
        "maps of different films are."
    )

    def __post_init__(self) -> None:
        if not self.std or min(self.std) <= 0:
            raise SpecError(f"std={self.std}; expected standard deviations above 0, such as 0.01")

    @property
    def levels(self) -> tuple[str, ...]:
        """The standard deviations."""
        return tuple(f"{std:g}" for std in self.std)

    def changed(self, film: Float[np.ndarray, "h w"], level: str) -> Float[np.ndarray, "h w"]:
        """The film with noise."""
        # The seed holds the film and not the level, so that levels differ in the strength of the
        # noise alone.
        generator = np.random.default_rng([self.seed, zlib.crc32(film.tobytes())])
        noise = generator.standard_normal(film.shape, np.float32)
        noisy: np.ndarray = np.clip(film + np.float32(level) * noise, 0, 1)
        return noisy

    def aligned(self, before: MapStack, after: MapStack, level: str) -> Aligned:  # noqa: ARG002
        """The maps as they are: nothing has moved."""
        return before, after
