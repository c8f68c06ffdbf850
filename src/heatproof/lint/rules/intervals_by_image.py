"""Intervals by image, or none: films of a patient are not independent.

Intervals that take them so are too narrow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from heatproof.lint.described import Described
from heatproof.lint.rules import rules


@rules.register("intervals_by_image")
@dataclass(frozen=True)
class IntervalsByImage:
    """Without intervals that count patients nobody knows which differences are noise."""

    source: ClassVar[str] = (
        "Cameron and Miller, J Hum Resour 2015, 50:317; docs/explanation/how-many-cases.md"
    )

    def __call__(self, subject: Described) -> Iterator[str]:
        """What was found."""
        if subject.intervals == "none":
            yield "no number on localization has an interval"
        elif subject.intervals == "image" and subject.patients_share_films is not False:
            yield "films were taken as independent, though patients may have several"
