"""Threats to a conclusion, one file each."""

from collections.abc import Iterator
from typing import ClassVar, Protocol, runtime_checkable

from heatproof.lint.described import Described
from heatproof.registry import Registry


@runtime_checkable
class LintRule(Protocol):
    """Looks for one threat.  The first paragraph of its docstring says what is threatened, and why.

    Attributes:
        source: Where it is shown that this matters.
    """

    source: ClassVar[str]

    def __call__(self, subject: Described) -> Iterator[str]:
        """What was found, each in a sentence; nothing where there is no threat, or no evidence."""
        ...


rules: Registry[LintRule] = Registry("lint rule", __name__, "heatproof.lint_rules")
