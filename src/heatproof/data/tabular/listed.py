"""A data set whose films are listed by its tables: they are read on construction, pixels later."""

from abc import ABC, abstractmethod
from functools import cached_property

from heatproof.types import Sample


class Listed(ABC):
    """Films in the order of its tables; a data set derives from it and makes ``_samples``."""

    def __post_init__(self) -> None:
        """Read the tables now, so that their errors come first."""
        _ = self._samples

    @cached_property
    @abstractmethod
    def _samples(self) -> tuple[Sample, ...]:
        """Every film, with its pixels unread; raises DataError."""

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        return self._samples[index]
