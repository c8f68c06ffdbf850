"""Obuchowski and Rockette's analysis of variance, with Hillis' degrees of freedom.

    figure(m, r) = mean + modality + reader + modality x reader + error,

where errors of one study vary together, since they come of the same cases: ``cov1`` between two
modalities of one reader, ``cov2`` between two readers of one modality, ``cov3`` between two readers
of two modalities.  Every reader must have read every case in every modality.

Obuchowski & Rockette, Commun Stat Simul Comput 1995, doi:10.1080/03610919508813243; degrees of
freedom: Hillis, Stat Med 2007, doi:10.1002/sim.2532.  The numbers equal those of OR-DBM MRMC 2.51.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
from jaxtyping import Float

from heatproof.errors import DataError
from heatproof.stats.mrmc.analysis import Analysis, Difference, Random, differences, satterthwaite
from heatproof.stats.mrmc.inference import Inference, Omnibus, standard_error


@dataclass(frozen=True)
class Components:
    """Mean squares of the figures, and covariances of their errors.

    Attributes:
        modalities: How many there are.
        readers: How many there are.
        ms_m: Mean square of modalities; nan of one modality.
        ms_r: Mean square of readers; nan of one reader.
        ms_mr: Mean square of modality by reader; nan of one modality or reader.
        variance: Of one figure, over cases.
        cov1: One reader, two modalities; nan of one modality.
        cov2: Two readers, one modality; nan of one reader.
        cov3: Two readers, two modalities; nan of one modality or reader.
    """

    modalities: int
    readers: int
    ms_m: float
    ms_r: float
    ms_mr: float
    variance: float
    cov1: float
    cov2: float
    cov3: float

    @classmethod
    def of(
        cls, figures: Float[np.ndarray, "m r"], covariance: Float[np.ndarray, "f f"]
    ) -> "Components":
        """Estimate them.

        Args:
            figures: Of each reader in each modality.
            covariance: Of all figures, as from ``covariances``.
        """
        m, r = figures.shape
        of_modality, of_reader = figures.mean(1), figures.mean(0)
        left = figures - of_modality[:, None] - of_reader + figures.mean()
        blocks = covariance.reshape(m, r, m, r)
        same_m, same_r = np.eye(m, dtype=bool), np.eye(r, dtype=bool)

        def mean(modality: np.ndarray, reader: np.ndarray) -> float:
            chosen = blocks[modality[:, None, :, None] & reader[None, :, None, :]]
            return float(chosen.mean()) if chosen.size else float("nan")

        return cls(
            m,
            r,
            ms_m=_ratio(r * float(np.square(of_modality - figures.mean()).sum()), m - 1),
            ms_r=_ratio(m * float(np.square(of_reader - figures.mean()).sum()), r - 1),
            ms_mr=_ratio(float(np.square(left).sum()), (m - 1) * (r - 1)),
            variance=mean(same_m, same_r),
            cov1=mean(~same_m, same_r),
            cov2=mean(same_m, ~same_r),
            cov3=mean(~same_m, ~same_r),
        )

    @property
    def shared(self) -> float:
        """How much more readers of one modality vary together than those of two; never below 0."""
        return max(self.cov2 - self.cov3, 0.0) if self.readers > 1 else 0.0

    @property
    def var_r(self) -> float:
        """Variance between readers; may be below 0."""
        return (self.ms_r - self.ms_mr) / self.modalities - self.cov1 + self.cov3

    @property
    def var_mr(self) -> float:
        """Variance of modality by reader; may be below 0."""
        return self.ms_mr - self.variance + self.cov1 + self.cov2 - self.cov3


def obuchowski_rockette(
    figures: Float[np.ndarray, "m r"],
    covariance: Float[np.ndarray, "f f"],
    names: tuple[tuple[str, ...], tuple[str, ...]],
    random: Random = Random.READERS_AND_CASES,
    level: float = 0.95,
) -> Analysis:
    """Test and compare the modalities of a study in which all readers read all cases.

    Args:
        figures: Of each reader in each modality.
        covariance: Of all figures, as from ``covariances``.
        names: Of the modalities, and of the readers.
        random: What was sampled.
        level: Coverage of the intervals.

    Raises:
        DataError: Not everybody read everything, or there is one reader and readers are random.
    """
    modalities, readers = names
    if np.isfinite(figures).all() and not np.isfinite(covariance).all():
        raise DataError(
            "a figure is undefined once one of the cases is left out; expected at least two"
            " positive and two negative cases"
        )
    if not np.isfinite(figures).all():
        raise DataError(
            "a reader has no figure in a modality; expected a study in which every reader reads"
            " every case in every modality. The one-shot analysis takes others"
        )
    if len(readers) == 1 and random != Random.CASES:
        raise DataError("one reader says nothing of other readers; expected two, or random='cases'")
    parts = Components.of(figures, covariance)
    error, df = _error_term(parts, random)
    blocks = covariance.reshape(*figures.shape, *figures.shape)
    of_difference = standard_error(2 * error / parts.readers)
    return Analysis(
        random,
        Omnibus(_ratio(parts.ms_m, error), parts.modalities - 1, df)
        if parts.modalities > 1
        else None,
        {
            name: single(figures[m], blocks[m, :, m], random, level)
            for m, name in enumerate(modalities)
        },
        differences(figures.mean(axis=1), of_difference, df, modalities, level),
    )


def reader_differences(
    figures: Float[np.ndarray, "m r"],
    covariance: Float[np.ndarray, "f f"],
    names: tuple[tuple[str, ...], tuple[str, ...]],
    level: float = 0.95,
) -> dict[str, tuple[Difference, ...]]:
    """Differences of modalities reader by reader, which generalize to cases alone.

    Args:
        figures: Of each reader in each modality.
        covariance: Of all figures; each reader's own variances and ``cov1`` are meaned.
        names: Of the modalities, and of the readers.
        level: Coverage of the intervals.
    """
    modalities, readers = names
    blocks = covariance.reshape(*figures.shape, *figures.shape)
    found = {}
    for r, name in enumerate(readers):
        parts = Components.of(figures[:, r, None], blocks[:, r, :, r])
        error = standard_error(2 * (parts.variance - parts.cov1))
        found[name] = differences(figures[:, r], error, inf, modalities, level)
    return found


def single(
    figures: Float[np.ndarray, " r"],
    covariance: Float[np.ndarray, "r r"],
    random: Random = Random.READERS_AND_CASES,
    level: float = 0.95,
    null: float = 0.0,
) -> Inference:
    """The mean of several readers' figures in one modality, from that modality alone.

    Args:
        figures: Of each reader.
        covariance: Between them.
        random: What was sampled.
        level: Coverage of the interval.
        null: What is tested.
    """
    r = len(figures)
    parts = Components.of(figures[None], covariance)
    cov2 = max(parts.cov2, 0.0) if r > 1 else 0.0
    mean = float(figures.mean())
    if random == Random.CASES:
        error = standard_error((parts.variance + (r - 1) * cov2) / r)
        return Inference(mean, error, inf, level, null)
    shared = r * cov2 if random == Random.READERS_AND_CASES else 0.0
    total = parts.ms_r + shared
    return Inference(
        mean, standard_error(total / r), satterthwaite(total, parts.ms_r, r - 1), level, null
    )


def _error_term(parts: Components, random: Random) -> tuple[float, float]:
    """The mean square by which that of modalities is judged, and its degrees of freedom."""
    if random == Random.CASES:
        return parts.variance - parts.cov1 + (parts.readers - 1) * parts.shared, inf
    shared = parts.readers * parts.shared if random == Random.READERS_AND_CASES else 0.0
    total = parts.ms_mr + shared
    df = (parts.modalities - 1) * (parts.readers - 1)
    return total, satterthwaite(total, parts.ms_mr, df)


def _ratio(value: float, by: float | int) -> float:
    return value / by if by > 0 else float("nan")
