"""FROC: how many lesions are found for how many false marks?

Free-response operating characteristic (Chakraborty, Medical Physics 1989,
https://doi.org/10.1118/1.596358).  The marks of a map (``marks.py``) are ranked over all films by
probability times strength.  A mark whose peak lies inside a lesion finds it; further marks in a
lesion that was found count neither way, and a mark in no lesion is a false positive, on films with
the finding and without.  From high to low, each threshold has a sensitivity (share of all lesions
found) and a number of false positives per film.  The metric is the mean sensitivity at 1/8, 1/4,
1/2, 1, 2, 4 and 8 false positives per film (LUNA16: Setio et al., Medical Image Analysis 2017,
https://arxiv.org/abs/1612.08012): the highest of the thresholds with at most so many, without
interpolation; 0 where there is none.

Marks of equal rank are counted together.  Undefined without a lesion.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from heatproof.data.geometry import Geometry
from heatproof.errors import SpecError
from heatproof.localize import Detections, Reference, metrics
from heatproof.localize.marks import Marks, marks
from heatproof.maps.binarize import Binarizer, Otsu, binarizers


@metrics.register("froc")
@dataclass(frozen=True)
class FROC:
    """Share of lesions found where the marks of all maps are read until a given number of them per
    film are false: the mean over several such numbers.

    A mark is a connected part of the binarized map, and finds the lesion that its peak lies in.

    Attributes:
        binarize: How a map becomes marks.
        false_positives: Per film, at which the sensitivity is read.
    """

    title: ClassVar[str] = "FROC"
    per_map: ClassVar[str] = "share of a film's lesions found"
    undefined: ClassVar[str] = "the map is constant or not finite"
    chance: ClassVar[float | None] = None
    sees_negatives: ClassVar[bool] = True
    binarize: Binarizer = field(default=Otsu(), metadata={"registry": binarizers})
    false_positives: tuple[float, ...] = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)

    def __post_init__(self) -> None:
        if not self.false_positives or min(self.false_positives) < 0:
            raise SpecError(f"false_positives={self.false_positives}, expected numbers per film")

    def of_map(
        self, saliency: Float[np.ndarray, "y x"], geometry: Geometry, reference: Reference
    ) -> Float[np.ndarray, " c"]:
        """Lesions; then of each mark its strength, and how many it finds, -1 where it is false."""
        height, width = reference.mask.shape
        predicted = marks(geometry.back(saliency, (height, width)), self.binarize)
        if predicted is None:
            return np.array([np.nan])
        lesions, hits = found_by(predicted, reference)
        pairs = np.column_stack([predicted.strength, hits]).ravel()
        return np.concatenate([[float(lesions)], pairs])

    def alone(self, seen: Float[np.ndarray, " c"]) -> float:
        """Share of the lesions that any mark finds; ``nan`` without one."""
        return float(np.nansum(np.maximum(seen[2::2], 0)) / seen[0]) if seen[0] > 0 else np.nan

    def of_dataset(
        self, detections: Detections, weights: Float[np.ndarray, "b n"]
    ) -> Float[np.ndarray, " b"]:
        """Between 0 and 1; ``nan`` without a lesion."""
        lesions = detections.seen[:, 0]
        counted = np.isfinite(lesions)
        false_per_film, sensitivity = self.curve(detections, weights)
        best = [
            # 0 stands where every threshold has more false positives, or no map has a mark.
            np.where(false_per_film <= limit, sensitivity, 0).max(axis=1, initial=0)
            for limit in self.false_positives
        ]
        average = np.mean(best, axis=0)
        return np.where(weights[:, counted] @ lesions[counted] > 0, average, np.nan)

    def curve(
        self, detections: Detections, weights: Float[np.ndarray, "b n"]
    ) -> tuple[Float[np.ndarray, "b t"], Float[np.ndarray, "b t"]]:
        """False positives per film, and sensitivity, at every threshold from high to low."""
        seen, counted = detections.seen, np.isfinite(detections.seen[:, 0])
        strength, lesions_hit = seen[:, 1::2], seen[:, 2::2]
        films, places = np.nonzero(np.isfinite(strength) & counted[:, None])
        rank = detections.probabilities[films] * strength[films, places]
        order = np.argsort(-rank, kind="stable")
        films, lesions_hit, rank = films[order], lesions_hit[films, places][order], rank[order]
        last = np.append(rank[1:] != rank[:-1], True)[: len(rank)]
        false = np.cumsum(weights[:, films] * (lesions_hit < 0), axis=1)[:, last]
        hits = np.cumsum(weights[:, films] * np.maximum(lesions_hit, 0), axis=1)[:, last]
        lesions = weights[:, counted] @ seen[counted, 0]
        total = weights[:, counted].sum(axis=1)
        # Without some patients there may be no lesion; ``of_dataset`` makes its value nan.
        with np.errstate(invalid="ignore", divide="ignore"):
            return false / total[:, None], hits / lesions[:, None]


def found_by(predicted: Marks, reference: Reference) -> tuple[int, Int[np.ndarray, " m"]]:
    """Lesions, and how many each mark finds that no stronger one did; -1 where it is in none."""
    rows, columns = predicted.peaks.T
    inside = [mask[rows, columns] for mask in reference.lesions()]
    if not inside:
        return 0, np.full(len(rows), -1)
    hits = np.array(inside)  # lesions by marks, the strongest mark first
    first = hits & (np.cumsum(hits, axis=1) == 1)
    return len(hits), np.where(hits.any(axis=0), first.sum(axis=0), -1)
