"""Phrases of a report, with the regions that they speak of: what is asked for in phrase grounding.

A *phrase* is a sentence about one film.  It has no region, one or several: a finding that is absent
has none, and one that is present may have none either, where it cannot be shown on the film, such
as "signs of COPD".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from heatproof.data.annotations.shapes import Boxes


@dataclass(frozen=True)
class Phrase:
    """A sentence of a report, and where it points.

    Attributes:
        image_id: The film.
        text: The sentence.
        findings: What it names, as the data set spells it.
        present: Whether it says that they are there.
        regions: The boxes of each reader who could show it.
    """

    image_id: str
    text: str
    findings: tuple[str, ...]
    present: bool = True
    regions: Mapping[str, Boxes] = field(default_factory=dict)

    @property
    def grounded(self) -> bool:
        """Whether any reader could show it on the film."""
        return bool(self.regions)
