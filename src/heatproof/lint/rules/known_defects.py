"""Registered defects: what was read in published code and texts.

A number that repeats one depends on it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from heatproof.lint.defects import DEFECTS
from heatproof.lint.described import Described
from heatproof.lint.rules import rules


@rules.register("known_defects")
@dataclass(frozen=True)
class KnownDefects:
    """Numbers depend on a defect of published code or text that is registered."""

    source: ClassVar[str] = "the register of heatproof.lint.defects, each with its place"

    def __call__(self, subject: Described) -> Iterator[str]:
        """What was found."""
        for name in subject.defects:
            defect = DEFECTS.get(name)
            if defect is None:
                yield f"{name}: not in the register; there are D01 to D{len(DEFECTS):02}"
            else:
                yield f"{name}, {defect.where}: {defect.what}; instead: {defect.cure}"
