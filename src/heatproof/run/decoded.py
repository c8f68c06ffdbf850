"""Films that stay in memory once they are decoded, for work that reads them many times over."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from heatproof.run.films import Films
from heatproof.types import Pixels, Sample

_BYTES = 4  # of a pixel: float32


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


def decoded_once(films: Films, gigabytes: float) -> Films:
    """The same films, each decoded once, where they fit; else as they are."""
    dataset = films.dataset
    samples = [dataset[index] for index in range(len(dataset))]
    if _bytes(samples, set(films.missing)) > gigabytes * 1e9:
        return films
    kept = (dataclasses.replace(sample, pixels=Decoded(sample.pixels)) for sample in samples)
    return dataclasses.replace(films, dataset=InMemory(tuple(dataset.findings), tuple(kept)))


def _bytes(samples: Sequence[Sample], missing: set[str]) -> int:
    sizes = (sample.pixels.size() for sample in samples if sample.image_id not in missing)
    return sum(height * width * _BYTES for height, width in sizes)
