"""The gallery of a report: films with their maps, and why each film was chosen.

Undefined is ``nan``, unknown is ``None``; the names that join these records to others are those of
``content``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from heatproof.types import Label, Validity


@dataclass(frozen=True)
class Picture:
    """An encoded image; ``mime`` is its type, such as ``"image/webp"``, its size is in pixels."""

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
    # Without an operating point, films are neither positive nor negative.
    RANDOM = "Drawn at random"


@dataclass(frozen=True)
class CaseMap:
    """One map of one case.

    Attributes:
        layer: The map alone, as colour and opacity, to be laid over the film, whose shape it has;
            None where there is no map.
        native: Height and width of the map before it was enlarged.
        scores: Metric spec to value; nan where undefined.
        signed: Whether the map has evidence against the finding, too, which the layer shows in
            blue.
    """

    method: str
    layer: Picture | None
    native: tuple[int, int]
    validity: Validity = Validity.OK
    scores: Mapping[str, float] = field(default_factory=dict)
    signed: bool = False


@dataclass(frozen=True)
class GalleryCase:
    """One film and one finding in the gallery.

    Attributes:
        group: The heading that the case stands under.
        why: Why this film, such as ``"drawn with seed 0 from 12"`` or ``"highest AUPRC of 50"``.
        finding: The finding that the maps explain.
        label: True, False, or None for uncertain or unknown.
        probability: The probability that the model gives the finding; None where unknown.
        threshold: The probability from which on the film is called positive; None without one.
        annotations: How many instances the reader marked who counts on this film.
        outlines: The edges of what each reader marked, as SVG paths in pixels of ``film``.
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
    outlines: tuple[str, ...] = ()

    @property
    def called(self) -> bool | None:
        """Whether the model calls the finding present; None without a probability or threshold."""
        known = self.probability is not None and not math.isnan(self.probability)
        if not known or self.threshold is None or self.probability is None:
            return None
        return self.probability >= self.threshold


@dataclass(frozen=True)
class Gallery:
    """All cases of the gallery, and how to read them.

    Attributes:
        cases: In any order; the page groups them.
        how_chosen: How the cases were chosen, in a sentence, with the seed.
        legend: What the colours mean, in a sentence.
        scale: The colour scale, from low to high.
        signed_scale: The colour scale of maps with negative values, from evidence against the
            finding to evidence for it.
    """

    cases: tuple[GalleryCase, ...] = ()
    how_chosen: str = ""
    legend: str = ""
    scale: Picture | None = None
    signed_scale: Picture | None = None
