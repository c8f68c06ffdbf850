"""mIoU of the films that a model calls: a map counts only where the probability reaches a cut-off.

Where the model's probability is below the cut-off the map marks nothing, whatever it shows (Saporta
et al. 2022, https://doi.org/10.1038/s42256-022-00536-x).  With P the binarized map, empty below the
cut-off, and R the reference, the mean of ``|P and R| / |P or R|`` is taken over

================== =============================================================================
``over``           films
================== =============================================================================
``full``           where P or R marks something: films without the finding count, with 0, where
                   the model calls them
``reference``      with the finding, 0 where it is not called
``true_positive``  where both mark something.  Otsu's mask is never empty: without a cut-off these
                   are all films with the finding, whatever the model says of them, and with one
                   those that the model calls as well
``every_reader``   of those, the ones on which every reader marked the finding, such as the
                   reference standard and a human benchmark: the same films for both
================== =============================================================================

Cut-offs are tuned on the full set.  The authors keep a map above the cut-off when they tune, and
from it on when they apply it, round the mean to three decimals before they compare, and do not let
Lung Lesion have none: ``tune="chexlocalize"``.

A map that is constant or not finite leaves its film out where the film is called, since nothing is
known of P there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import nextafter
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float

from heatproof.data.geometry import Geometry
from heatproof.errors import SpecError
from heatproof.localize import Detections, Reference, metrics
from heatproof.localize.overlap import Overlap, overlap_of_map, ratio
from heatproof.maps.binarize import Binarizer, Otsu, binarizers, tuned_rows
from heatproof.maps.tuning import Untuned, best

CUTOFFS = tuple(step / 10 for step in range(9))
"""The cut-offs that tuning chooses from (Saporta et al. 2022)."""
LOWEST = {"Lung Lesion": 0.1}
"""Findings whose cut-off the authors look for from here on."""


@metrics.register("miou")
@dataclass(frozen=True)
class MIoU:
    """IoU of map and reader where the model calls the film; elsewhere the map marks nothing.

    The mean over films, among them those without the finding that the model calls.

    Attributes:
        binarize: How the map becomes a mask.
        cutoff: Lowest probability of a film that is called.
        cutoffs: Table that has one for each finding instead: a CSV file with columns
            ``prob_threshold``, ``mIoU`` and ``task``, as CheXlocalize writes it; the first of the
            highest mIoU counts.
        tune: Whether tuning films choose the cut-off of each finding from 0, .1, ... .8 by the mIoU
            itself, the lowest of the best; ``"chexlocalize"`` does so as its authors do.
        over: Which films make the mean, see above.
    """

    title: ClassVar[str] = "mIoU"
    per_map: ClassVar[str] = "IoU without a cut-off"
    undefined: ClassVar[str] = "the map is constant or not finite"
    chance: ClassVar[float | None] = None
    sees_negatives: ClassVar[bool] = True
    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})
    cutoff: float = 0.0
    cutoffs: Path | None = None
    over: Literal["full", "reference", "true_positive", "every_reader"] = "full"
    tune: Literal["no", "yes", "chexlocalize"] = "no"

    def __post_init__(self) -> None:
        if self.tune != "no" and (self.cutoff or self.cutoffs):
            raise SpecError(f"tune={self.tune!r} and a cut-off; say one")
        if not 0 <= self.cutoff <= 1:
            raise SpecError(f"cutoff={self.cutoff}, expected a probability")
        if self.cutoff and self.cutoffs:
            raise SpecError(
                f"cutoff={self.cutoff} and a table of cut-offs, {self.cutoffs}; say one"
            )

    def at(self, finding: str) -> "MIoU":
        """The metric with the cut-off of one finding.

        Raises:
            DataError: The table cannot be read, or lacks the finding.
        """
        if self.cutoffs is None:
            return self
        rows = tuned_rows(self.cutoffs, ("prob_threshold", "mIoU"), finding)
        best = max(rows, key=lambda row: row["mIoU"])  # the first of the highest
        return replace(self, cutoff=best["prob_threshold"], cutoffs=None)

    @property
    def at_cutoff(self) -> "tuple[float, MIoU] | None":
        """The cut-off, and the metric without one; None where each finding has its own."""
        return None if self.cutoffs else (self.cutoff, replace(self, cutoff=0.0))

    def candidates(self) -> Mapping[float, "MIoU"]:
        """One for each cut-off; none where it is not to be tuned."""
        published = self.tune == "chexlocalize"
        # The authors tune with maps above the cut-off, which is ``>=`` the next number.
        at = {cutoff: nextafter(cutoff, 1) if published else cutoff for cutoff in CUTOFFS}
        return {
            # Cut-offs are tuned on the full set, whatever films the metric itself averages.
            cutoff: replace(self, cutoff=tried, tune="no", over="full")
            for cutoff, tried in at.items()
            if self.tune != "no"
        }

    def choose(self, means: Mapping[float, float], finding: str) -> float | None:
        """The lowest of the best."""
        if self.tune == "chexlocalize":
            lowest = LOWEST.get(finding, 0.0)
            means = {cut: round(mean, 3) for cut, mean in means.items() if cut >= lowest}
        return best(means)

    def chosen(self, value: float | None) -> "MIoU":
        """The cut-off."""
        if value is None:
            # Without a choice the metric is undefined; a default would be a cut-off nobody chose.
            return replace(self, tune="no", binarize=Untuned())
        return replace(self, tune="no", cutoff=value)

    def of_map(
        self, saliency: Float[np.ndarray, "y x"], geometry: Geometry, reference: Reference
    ) -> Float[np.ndarray, " c"]:
        """Pixels that both mark, that the map marks, and that the reader marks."""
        return self.of_counts(overlap_of_map(saliency, geometry, reference.mask, self.binarize))

    def of_counts(self, counts: Overlap | None) -> Float[np.ndarray, " c"]:
        """What ``of_map`` returns, of pixels that were counted already; nan where they are None."""
        if counts is None:
            return np.full(3, np.nan)
        return np.array([counts.shared, counts.predicted, counts.marked], float)

    def alone(self, seen: Float[np.ndarray, " c"]) -> float:
        """The IoU of one film that is called; ``nan`` where the map cannot be binarized."""
        shared, predicted, marked = (0 if np.isnan(count) else int(count) for count in seen[:3])
        return ratio(shared, predicted + marked - shared)

    def of_dataset(
        self, detections: Detections, weights: Float[np.ndarray, "b n"]
    ) -> Float[np.ndarray, " b"]:
        """Between 0 and 1; ``nan`` without a film that counts."""
        values = self.per_film(detections)
        counted = np.isfinite(values)
        total = weights[:, counted].sum(axis=1)
        mean: np.ndarray = np.full(total.shape, np.nan)
        np.divide(weights[:, counted] @ values[counted], total, out=mean, where=total > 0)
        return mean

    def per_film(self, detections: Detections) -> Float[np.ndarray, " n"]:
        """The values that are averaged; ``nan`` for a film that does not count."""
        shared, predicted, marked = detections.columns(3).T
        called, has = detections.probabilities >= self.cutoff, detections.regions > 0
        union = predicted + marked - shared
        values: np.ndarray = np.full(union.shape, np.nan)
        np.divide(shared, union, out=values, where=called & (union > 0))
        # A film that is not called has an empty P, so its map need not even be defined.
        values[has & ~called] = 0
        both = has & called & (predicted > 0)
        counts = {"full": True, "reference": has, "true_positive": both}
        counts["every_reader"] = both & detections.agreed
        return np.where(counts[self.over], values, np.nan)
