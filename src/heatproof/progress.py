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

    def tell(self, note: str, share: float | None = None) -> None:
        """How far the current unit is; replaces what was told before.

        Args:
            note: In words, such as the epoch of a training.
            share: What is done of the unit, in [0, 1], where that is known.
        """

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

    def tell(self, note: str, share: float | None = None) -> None:
        """Says nothing."""

    def warn(self, text: str) -> None:
        """Says nothing."""

    def finish(self) -> None:
        """Says nothing."""


class Heard:
    """A ``Progress`` that passes everything on to another, and keeps the warnings.

    Attributes:
        warnings: The warnings so far, in order.
    """

    def __init__(self, to: Progress) -> None:
        self.warnings: list[str] = []
        self._to = to

    def start(self, stage: str, units: int) -> None:
        """Passes it on."""
        self._to.start(stage, units)

    def advance(self, *, skipped: bool = False, note: str = "") -> None:
        """Passes it on."""
        self._to.advance(skipped=skipped, note=note)

    def tell(self, note: str, share: float | None = None) -> None:
        """Passes it on."""
        self._to.tell(note, share)

    def warn(self, text: str) -> None:
        """Keeps the warning, and passes it on."""
        self.warnings.append(text)
        self._to.warn(text)

    def finish(self) -> None:
        """Passes it on."""
        self._to.finish()
