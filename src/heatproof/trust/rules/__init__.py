"""When does a method pass a criterion?  Rules: our own, and those of published studies.

A rule judges a whole grid at once, since how sure a cell must be depends on how many there are.
The rules of studies are kept as they were published, with what is known to be wrong with them.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import polars as pl

from heatproof.registry import Registry
from heatproof.types import Verdict


class Grid(NamedTuple):
    """The evidence on one data set and finding.

    Attributes:
        table: See ``trust.evidence``.
        methods: Specs, in the order of the grid.
        controls: Readers and supervised references, which stand in the table as methods do.
    """

    table: pl.DataFrame
    methods: Sequence[str]
    controls: Sequence[str] = ()


@runtime_checkable
class Rule(Protocol):
    """The first paragraph of a rule's docstring is its definition, for people.

    A rule whose verdicts depend on how many there are also has ``family(grids)``, which returns the
    verdicts of each of several grids that are read together.
    """

    @property
    def title(self) -> str:
        """Its name, for people."""
        ...

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is known to be wrong with it, each a sentence."""
        ...

    def __call__(
        self, table: pl.DataFrame, methods: Sequence[str], controls: Sequence[str] = ()
    ) -> tuple[Verdict, ...]:
        """A verdict for every criterion of the table, and the four, by every method.

        Args:
            table: The evidence (see ``trust.evidence``) on one data set and finding.
            methods: Specs, in the order of the grid.
            controls: Readers and supervised references, which stand in the table as methods do.
        """
        ...


def judged(rule: Rule, grids: Sequence[Grid]) -> list[tuple[Verdict, ...]]:
    """The verdicts of each grid by a rule; grids of one family are corrected together."""
    family = getattr(rule, "family", None)
    if family is not None:
        together: list[tuple[Verdict, ...]] = family(grids)
        return together
    return [rule(*grid) for grid in grids]


rules: Registry[Rule] = Registry("rule", __name__, "heatproof.rules")
