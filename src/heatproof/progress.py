"""How a run reports its progress, without knowing who listens."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Hears of every stage and every unit of work.

    Between ``start`` and ``finish`` of a stage, ``advance`` is called once for each of its units.
    A run that fails does not call ``finish``.
    """

    def start(self, stage: str, units: int) -> None:
        """A stage of so many units begins."""

    def advance(self, *, skipped: bool = False, note: str = "") -> None:
        """One unit is done; ``skipped`` where it was done before and is left as it is."""

    def tell(self, note: str) -> None:
        """How far the current unit is, such as the epoch of a training; replaces the last note."""

    def warn(self, text: str) -> None:
        """A warning: it does not stop the run, and should be read before the run ends."""

    def finish(self) -> None:
        """All units of the stage are done."""


class Silent:
    """A ``Progress`` that says nothing."""

    def start(self, stage: str, units: int) -> None:
        """Says nothing."""

    def advance(self, *, skipped: bool = False, note: str = "") -> None:
        """Says nothing."""

    def tell(self, note: str) -> None:
        """Says nothing."""

    def warn(self, text: str) -> None:
        """Says nothing."""

    def finish(self) -> None:
        """Says nothing."""
