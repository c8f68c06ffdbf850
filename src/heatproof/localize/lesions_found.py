"""The share of lesions found, where a metric tells of each film how many there are and are found.

Lesions count one by one, so films with many count more.
"""

import numpy as np
from jaxtyping import Float

from heatproof.localize import Detections


class LesionsFound:
    """What metrics of lesions share; ``of_map`` gives the number of lesions, and of those found."""

    def alone(self, seen: Float[np.ndarray, " c"]) -> float:
        """Share found on one film; ``nan`` where none counts."""
        return float(seen[1] / seen[0]) if seen[0] > 0 else float("nan")

    def of_dataset(
        self, detections: Detections, weights: Float[np.ndarray, "b n"]
    ) -> Float[np.ndarray, " b"]:
        """Share found, between 0 and 1; ``nan`` where none counts."""
        seen = detections.columns(2)
        counted = np.isfinite(seen[:, 0])
        lesions, found = (weights[:, counted] @ seen[counted]).T
        share: np.ndarray = np.full(lesions.shape, np.nan)
        np.divide(found, lesions, out=share, where=lesions > 0)
        return share
