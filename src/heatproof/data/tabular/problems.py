"""Problems of the tables of a data set, told in one message, since they are mended together."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heatproof.errors import DataError

SHOWN = 20  # problems in one message; more are counted


class Problems:
    """Collects what is wrong, to say it together."""

    def __init__(self) -> None:
        self._found: dict[str, None] = {}  # in order, each message once

    @contextmanager
    def noted(self) -> Iterator[None]:
        """What is wrong in the block ends the block, and is kept."""
        try:
            yield
        except DataError as error:
            self.note(error)

    def note(self, problem: DataError | str) -> None:
        """Keep a problem; one that every row has, such as an absent column, is one problem."""
        self._found[str(problem)] = None

    def refuse(self, root: Path | str, cure: str = "") -> None:
        """Raise what was found, if anything.

        Args:
            root: The data set that has the problems.
            cure: A sentence that says what mends them, such as an option.

        Raises:
            DataError: There are problems; the first of them are listed, and all are counted.
        """
        if not self._found:
            return
        lines = "".join(f"\n  {problem}" for problem in [*self._found][:SHOWN])
        left = len(self._found) - SHOWN
        more = f"\n  ... and {left} more" if left > 0 else ""
        problems = "a problem" if len(self._found) == 1 else f"{len(self._found)} problems"
        raise DataError(
            f"{root}: {problems} in its tables:{lines}{more}{cure and f'{chr(10)}{cure}'}"
        )
