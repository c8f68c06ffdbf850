"""Films that stay in memory once they are decoded, for work that reads them many times over."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from heatproof.types import Pixels, Sample


@dataclass(frozen=True)
class Decoded:
    """Pixels that are decoded when first read, and headers that are read when first asked for.

    Attributes:
        source: Where they come from.
    """

    source: Pixels

    def size(self) -> tuple[int, int]:
        """Height and width, from the header."""
        return self._size

    def read(self) -> Float[np.ndarray, "h w"]:
        """The radiograph, the same array each time."""
        return self._pixels

    def version(self) -> str:
        """A string that changes when the stored image does."""
        return self.source.version()

    def spacing(self) -> tuple[float, float] | None:
        """Millimetres from pixel to pixel, as the source knows them."""
        return self._spacing

    def digest(self) -> str:
        """A digest of what is stored."""
        return self.source.digest()

    @cached_property
    def _size(self) -> tuple[int, int]:
        return self.source.size()

    @cached_property
    def _spacing(self) -> tuple[float, float] | None:
        return self.source.spacing()

    @cached_property
    def _pixels(self) -> Float[np.ndarray, "h w"]:
        return self.source.read()


@dataclass(frozen=True)
class InMemory:
    """A data set of these samples, in this order."""

    findings: tuple[str, ...]
    samples: tuple[Sample, ...]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]


@dataclass(frozen=True)
class Changed:
    """Pixels that are changed each time they are read.

    Attributes:
        source: Where they come from.
        change: What is done to the film in [0, 1].
    """

    source: Pixels
    change: Callable[[Float[np.ndarray, "h w"]], Float[np.ndarray, "h w"]]

    def size(self) -> tuple[int, int]:
        """Height and width of the source: a change leaves them as they are."""
        return self.source.size()

    def read(self) -> Float[np.ndarray, "h w"]:
        """The film in [0, 1] after the change."""
        return self.change(self.source.read())

    def version(self) -> str:
        """The version of the source."""
        return self.source.version()

    def spacing(self) -> tuple[float, float] | None:
        """The spacing of the source."""
        return self.source.spacing()

    def digest(self) -> str:
        """The digest of the source."""
        return self.source.digest()
