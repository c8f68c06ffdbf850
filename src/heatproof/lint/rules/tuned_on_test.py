"""Tuned on test: something was chosen on the films that are judged.

Thresholds, checkpoints or settings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from heatproof.lint.described import Described
from heatproof.lint.rules import rules


@rules.register("tuned_on_test")
@dataclass(frozen=True)
class TunedOnTest:
    """What is chosen on the judged films is better on them than on others."""

    source: ClassVar[str] = "Cawley and Talbot, JMLR 2010, 11:2079"

    def __call__(self, subject: Described) -> Iterator[str]:
        """What was found."""
        if subject.tuned_on == "test":
            yield "thresholds, models or settings were chosen on the films that are judged"
