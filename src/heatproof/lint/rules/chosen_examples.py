"""Cherry-picked examples: films were chosen to be shown.

What they show was known before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from heatproof.lint.described import Described
from heatproof.lint.rules import rules


@rules.register("chosen_examples")
@dataclass(frozen=True)
class ChosenExamples:
    """Chosen examples show what their chooser wanted to see."""

    source: ClassVar[str] = "Adebayo et al., NeurIPS 2018, arXiv 1810.03292, on visual appeal"

    def __call__(self, subject: Described) -> Iterator[str]:
        """What was found."""
        if subject.examples == "chosen":
            yield "the films that are shown were chosen, by no rule that is told"
