"""Pixels made of others: decoded once for work that reads them many times over, or changed."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from heatproof.types import Pixels, Sample


@dataclass(frozen=True)
class _Derived(ABC):
    """Pixels with the header of a source; the header is read when first asked for.

    Attributes:
        source: The pixels that these are made of.
    """

    source: Pixels

    @abstractmethod
    def read(self) -> Float[np.ndarray, "h w"]:
        """The film in [0, 1]."""

    def size(self) -> tuple[int, int]:
        """Height and width of the source."""
        return self._size

    def version(self) -> str:
        """The version of the source."""
        return self.source.version()

    def spacing(self) -> tuple[float, float] | None:
        """The spacing of the source."""
        return self._spacing

    def digest(self) -> str:
        """The digest of the source."""
        return self.source.digest()

    @cached_property
    def _size(self) -> tuple[int, int]:
        return self.source.size()

    @cached_property
    def _spacing(self) -> tuple[float, float] | None:
        return self.source.spacing()


@dataclass(frozen=True)
class Decoded(_Derived):
    """Pixels that are decoded when first read, and stay in memory."""

    def identity(self) -> str | None:
        """The identity of the source, where it has one."""
        identity: Callable[[], str | None] | None = getattr(self.source, "identity", None)
        return identity() if identity else None

    def read(self) -> Float[np.ndarray, "h w"]:
        """The film, the same array each time."""
        return self._pixels

    @cached_property
    def _pixels(self) -> Float[np.ndarray, "h w"]:
        return self.source.read()


@dataclass(frozen=True)
class Changed(_Derived):
    """Pixels that are changed each time they are read.

    Attributes:
        change: Changes a film in [0, 1], and leaves its size.
    """

    change: Callable[[Float[np.ndarray, "h w"]], Float[np.ndarray, "h w"]]

    def read(self) -> Float[np.ndarray, "h w"]:
        """The film after the change."""
        return self.change(self.source.read())


@dataclass(frozen=True)
class SamplesInMemory:
    """A data set of these samples, in this order."""

    findings: tuple[str, ...]
    samples: tuple[Sample, ...]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]
