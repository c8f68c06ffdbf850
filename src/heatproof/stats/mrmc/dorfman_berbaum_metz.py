"""Dorfman, Berbaum and Metz' analysis: a three-way analysis of variance of what each case adds.

The pseudovalue of a case is n times the figure less n - 1 times the figure without the case
(Dorfman et al., Invest Radiol 1992, doi:10.1097/00004424-199209000-00015).  With Hillis' error term
and degrees of freedom (Acad Radiol 2008, doi:10.1016/j.acra.2007.12.015) the result for random
readers equals that of Obuchowski and Rockette with jackknife covariances.

The same analysis takes any number that is known of every reading, such as the logarithm of its
seconds, in place of pseudovalues.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from heatproof.errors import DataError
from heatproof.stats.mrmc.analysis import Analysis, Random, differences, satterthwaite
from heatproof.stats.mrmc.inference import Inference, Omnibus, standard_error
from heatproof.stats.mrmc.pairs import Pairs


@dataclass(frozen=True)
class MeanSquares:
    """Mean squares of outcomes by modality, reader and case; nan where a factor has one level.

    Attributes:
        shape: How many modalities, readers and cases there are.
        m: Modalities; r and c are readers and cases, and mr, mc, rc and mrc interactions.
    """

    shape: tuple[int, int, int]
    m: float
    r: float
    c: float
    mr: float
    mc: float
    rc: float
    mrc: float

    @classmethod
    def of(cls, outcomes: Float[np.ndarray, "m r n"]) -> "MeanSquares":
        """Of one number for each reading."""
        factors = {"m": (0,), "r": (1,), "c": (2,), "mr": (0, 1), "mc": (0, 2), "rc": (1, 2)}
        left, found = outcomes - outcomes.mean(), {}
        # In a full design effects are orthogonal, so that each may be taken off in turn.
        for name, kept in factors.items():
            others = tuple(axis for axis in range(3) if axis not in kept)
            effect = left.mean(axis=others, keepdims=True)
            left = left - effect
            found[name] = _mean_square(np.broadcast_to(effect, outcomes.shape), kept)
        return cls(outcomes.shape, **found, mrc=_mean_square(left, (0, 1, 2)))

    @property
    def variances(self) -> dict[str, float]:
        """Components of variance of the random factors; may be below 0."""
        m, r, c = self.shape
        return {
            "reader": (self.r - self.mr - self.rc + self.mrc) / (m * c),
            "case": (self.c - self.mc - self.rc + self.mrc) / (m * r),
            "modality x reader": (self.mr - self.mrc) / c,
            "modality x case": (self.mc - self.mrc) / r,
            "reader x case": (self.rc - self.mrc) / m,
            "error": self.mrc,
        }


def pseudovalues(pairs: Pairs) -> Float[np.ndarray, "m r n"]:
    """The n-fold figure, less the (n - 1)-fold figure without the case."""
    return np.asarray(
        pairs.cases * pairs.figures[..., None] - (pairs.cases - 1) * pairs.without_each()
    )


def dorfman_berbaum_metz(
    outcomes: Float[np.ndarray, "m r n"],
    modalities: tuple[str, ...],
    random: Random = Random.READERS_AND_CASES,
    level: float = 0.95,
) -> Analysis:
    """Test and compare the modalities of a study in which all readers read all cases.

    Args:
        outcomes: Pseudovalues, or one number for each reading.
        modalities: Their names.
        random: What was sampled.
        level: Coverage of the intervals.

    Raises:
        DataError: A reading is missing.
    """
    if not np.isfinite(outcomes).all():
        raise DataError(
            f"{int((~np.isfinite(outcomes)).sum())} of {outcomes.size} readings are missing;"
            " expected that every reader reads every case in every modality."
            " The one-shot analysis takes other designs"
        )
    squares = MeanSquares.of(outcomes)
    m, r, n = outcomes.shape
    error, df = _error_term(squares, random)
    return Analysis(
        random,
        Omnibus(squares.m / error if error > 0 else float("nan"), m - 1, df) if m > 1 else None,
        {name: _mean(outcomes[i], random, level) for i, name in enumerate(modalities)},
        differences(
            outcomes.mean((1, 2)), standard_error(2 * error / (r * n)), df, modalities, level
        ),
    )


def _error_term(squares: MeanSquares, random: Random) -> tuple[float, float]:
    m, r, n = squares.shape
    if random == Random.CASES:
        return squares.mc, (m - 1) * (n - 1)
    shared = max(squares.mc - squares.mrc, 0.0) if random == Random.READERS_AND_CASES else 0.0
    total = squares.mr + shared
    return total, satterthwaite(total, squares.mr, (m - 1) * (r - 1))


def _mean(outcomes: Float[np.ndarray, "r n"], random: Random, level: float) -> Inference:
    """The mean of one modality, from that modality alone."""
    squares = MeanSquares.of(outcomes[None])
    _, r, n = squares.shape
    total, df = squares.c, float(n - 1)
    if random != Random.CASES:
        shared = max(squares.c - squares.rc, 0.0) if random == Random.READERS_AND_CASES else 0.0
        total = squares.r + shared
        df = satterthwaite(total, squares.r, r - 1)
    return Inference(float(outcomes.mean()), standard_error(total / (r * n)), df, level)


def _mean_square(effect: np.ndarray, axes: tuple[int, ...]) -> float:
    df = float(np.prod([effect.shape[axis] - 1 for axis in axes]))
    return float(np.square(effect).sum()) / df if df else float("nan")
