"""No control: nothing says what a map reaches without the model.

A number of localization alone cannot be read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from heatproof.lint.described import Described
from heatproof.lint.rules import rules

_BLIND = {"mean_mask", "centre", "random", "edges"}


@rules.register("no_control")
@dataclass(frozen=True)
class NoControl:
    """A number of localization means nothing without one of a map that saw no film or no model."""

    source: ClassVar[str] = (
        "Arun et al. 2021, doi:10.1148/ryai.2021200267: an average mask scores as methods do"
    )

    def __call__(self, subject: Described) -> Iterator[str]:
        """What was found."""
        if subject.controls == []:
            yield "no control stands beside the methods"
        elif subject.controls is not None and not _BLIND & set(subject.controls):
            yield f"its controls are {', '.join(subject.controls)}, and none is blind to the film"
