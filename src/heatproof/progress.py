"""How a run tells what it is doing, without knowing who listens."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Hears of every stage and every unit of work."""

    def start(self, stage: str, units: int) -> None:
        """A stage begins."""

    def advance(self, *, skipped: bool = False, note: str = "") -> None:
        """A unit is done, or was done before."""

    def tell(self, note: str) -> None:
        """What the unit at hand is at."""

    def warn(self, text: str) -> None:
        """What somebody who waits for the end should know."""

    def finish(self) -> None:
        """The stage is over."""


class Silent:
    """Hears and says nothing."""

    def start(self, stage: str, units: int) -> None:
        """Nothing."""

    def advance(self, *, skipped: bool = False, note: str = "") -> None:
        """Nothing."""

    def tell(self, note: str) -> None:
        """Nothing."""

    def warn(self, text: str) -> None:
        """Nothing."""

    def finish(self) -> None:
        """Nothing."""
