"""What a report shows: films under their maps, and how they were chosen.

Undefined is ``nan``, unknown is ``None``; names join the records as ``content`` tells.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from heatproof.types import Label, Validity


@dataclass(frozen=True)
class Picture:
    """An encoded image, such as ``image/webp``, with its size in pixels."""

    data: bytes
    mime: str
    width: int
    height: int


class Group(StrEnum):
    """Why a case is in the gallery, in the order of the gallery."""

    TRUE_POSITIVE = "True positives"
    FALSE_POSITIVE = "False positives"
    TRUE_NEGATIVE = "True negatives"
    FALSE_NEGATIVE = "False negatives"
    MISSED = "True positives of which a map misses every region"
    BEST = "Best localized"
    WORST = "Worst localized"
    RANDOM = "Drawn at random"  # where there is no operating point to sort them by


@dataclass(frozen=True)
class CaseMap:
    """One map of one case.

    Attributes:
        overlay: Over the radiograph, with the reference outlines; None when there is no map.
        native: Height and width of the map before it was enlarged.
        validity: Whether it may be read as a map.
        scores: Metric spec to value; nan where undefined.
    """

    method: str
    overlay: Picture | None
    native: tuple[int, int]
    validity: Validity = Validity.OK
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One radiograph and one finding in the gallery.

    Attributes:
        group: The heading it stands under.
        why: Why this one, such as ``"drawn with seed 0 from 12"`` or ``"highest AUPRC of 50"``.
        finding: What the maps explain.
        label: True, False, or None for uncertain or unknown.
        probability: That the model gives; None where unknown.
        threshold: That this image is called at, None where there is none.
        annotations: How many instances the reference standard marks.
    """

    group: Group
    why: str
    dataset: str
    image_id: str
    finding: str
    model: str
    film: Picture
    maps: tuple[CaseMap, ...]
    label: Label = None
    probability: float | None = None
    threshold: float | None = None
    annotations: int = 0


@dataclass(frozen=True)
class Gallery:
    """Cases to look at.

    Attributes:
        cases: In any order; the page groups them.
        drawn: How they were chosen, in a sentence, with the seed.
        legend: What the colours mean, in a sentence.
        scale: The colour scale, low to high.
        signed_scale: That of maps with negative values, against to for.
    """

    cases: tuple[Case, ...] = ()
    drawn: str = ""
    legend: str = ""
    scale: Picture | None = None
    signed_scale: Picture | None = None
