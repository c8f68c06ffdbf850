"""Simulated reader studies whose truth is known: the model of Roe and Metz.

    rating = mean + reader + case + modality x reader + modality x case + reader x case + error,

all normal and drawn anew for positive and for negative cases (Roe & Metz, Acad Radiol 1997,
doi:10.1016/S1076-6332(97)80032-3).  The variances of all but readers sum to 1.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

from heatproof.stats.mrmc.ratings import Ratings


@dataclass(frozen=True)
class RoeMetz:
    """Variances, the same for positive and negative cases; the defaults are structure HH.

    Attributes:
        reader: Of readers.
        case: Of cases.
        modality_reader: Of modality by reader.
        modality_case: Of modality by case.
        reader_case: Of reader by case.
        error: Of a single reading.
    """

    reader: float = 0.011
    case: float = 0.3
    modality_reader: float = 0.011
    modality_case: float = 0.3
    reader_case: float = 0.2
    error: float = 0.2

    @property
    def variance(self) -> float:
        """Of a rating, given the truth."""
        of_readers = self.reader + self.modality_reader
        return of_readers + self.case + self.modality_case + self.reader_case + self.error

    def mean_of(self, auc: float) -> float:
        """How far positive cases lie above negative ones for a mean AUC of all readers."""
        return float(ndtri(auc)) * sqrt(2 * self.variance)

    def auc_of(self, mean: float) -> float:
        """The mean AUC of all readers when positive cases lie so far above negative ones."""
        return float(ndtr(mean / sqrt(2 * self.variance)))

    def draw(
        self, aucs: tuple[float, ...], readers: int, positive: int, negative: int, seed: int
    ) -> Ratings:
        """One study.

        Args:
            aucs: The true mean AUC of each modality.
            readers: How many there are.
            positive: Cases with the finding.
            negative: Cases without.
            seed: Of the generator.
        """
        generator = np.random.default_rng(seed)
        means = [np.array([self.mean_of(auc) for auc in aucs]), np.zeros(len(aucs))]
        drawn = [
            self._draw(generator, mean, readers, cases)
            for mean, cases in zip(means, (positive, negative), strict=True)
        ]
        truth = np.arange(positive + negative) < positive
        names = (
            tuple(f"{kind}{i + 1}" for i in range(count))
            for kind, count in (("modality", len(aucs)), ("reader", readers), ("case", len(truth)))
        )
        return Ratings(np.concatenate(drawn, axis=2), truth, *names)

    def _draw(
        self, generator: np.random.Generator, mean: Float[np.ndarray, " m"], r: int, n: int
    ) -> Float[np.ndarray, "m r n"]:
        m = len(mean)
        parts = [
            ((1, r, 1), self.reader),
            ((1, 1, n), self.case),
            ((m, r, 1), self.modality_reader),
            ((m, 1, n), self.modality_case),
            ((1, r, n), self.reader_case),
            ((m, r, n), self.error),
        ]
        total = np.zeros((m, r, n)) + mean[:, None, None]
        for shape, variance in parts:
            total = total + sqrt(variance) * generator.standard_normal(shape)
        return np.asarray(total)
