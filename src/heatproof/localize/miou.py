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

A map that is constant or not finite leaves its film out where the film is called, since nothing is
known of P there.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float

from heatproof.data.geometry import Geometry
from heatproof.errors import SpecError
from heatproof.localize import Detections, Reference, metrics
from heatproof.localize.overlap import Overlap, overlap, ratio
from heatproof.maps.binarize import Binarizer, Otsu, binarizers, tuned_rows


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

    def __post_init__(self) -> None:
        if not 0 <= self.cutoff <= 1:
            raise SpecError(f"cutoff={self.cutoff}, expected a probability")
        if self.cutoff and self.cutoffs:
            raise SpecError(
                f"cutoff={self.cutoff} and a table of cut-offs, {self.cutoffs}; say one"
            )

    def at(self, finding: str) -> "MIoU":
        """With the cut-off of one finding.

        Raises:
            DataError: The table cannot be read, or lacks the finding.
        """
        if self.cutoffs is None:
            return self
        rows = tuned_rows(self.cutoffs, ("prob_threshold", "mIoU"), finding)
        best = max(rows, key=lambda row: row["mIoU"])  # the first of the highest
        return replace(self, cutoff=best["prob_threshold"], cutoffs=None)

    def of_map(
        self, saliency: Float[np.ndarray, "y x"], geometry: Geometry, reference: Reference
    ) -> Float[np.ndarray, " c"]:
        """Pixels that both mark, that the map marks, and that the reader marks."""
        height, width = reference.mask.shape
        full = geometry.back(saliency, (height, width))
        return self.of_counts(overlap(full, reference.mask, self.binarize))

    def of_counts(self, counts: Overlap | None) -> Float[np.ndarray, " c"]:
        """The same, of pixels that were counted."""
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
        values[has & ~called] = 0
        both = has & called & (predicted > 0)
        counts = {"full": True, "reference": has, "true_positive": both}
        counts["every_reader"] = both & detections.agreed
        return np.where(counts[self.over], values, np.nan)
