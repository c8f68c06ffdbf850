"""What an analysis of readers and cases says, whichever made it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from math import inf

import numpy as np
from jaxtyping import Float

from heatproof.stats.mrmc.inference import Inference, Omnibus


class Random(StrEnum):
    """What was sampled, and so to what a result generalizes."""

    READERS_AND_CASES = "readers and cases"
    CASES = "cases"
    READERS = "readers"


@dataclass(frozen=True)
class Difference:
    """Of the means of two modalities: ``first`` less ``second``."""

    first: str
    second: str
    inference: Inference


@dataclass(frozen=True)
class Analysis:
    """The modalities of one study, tested and compared.

    Attributes:
        random: To what it generalizes.
        test: That all modalities are equal; None where the analysis compares pairs alone, or there
            is one modality.
        means: The mean of each modality, by its name, from that modality alone.
        differences: Of every two modalities.
    """

    random: Random
    test: Omnibus | None
    means: Mapping[str, Inference]
    differences: tuple[Difference, ...]


def differences(
    means: Float[np.ndarray, " m"],
    error: float,
    df: float,
    names: tuple[str, ...],
    level: float,
) -> tuple[Difference, ...]:
    """Every two means compared by one standard error, as an analysis of variance does.

    Args:
        means: Of the modalities.
        error: Standard error of each difference.
        df: Degrees of freedom of the error.
        names: Of the modalities.
        level: Coverage of the intervals.
    """
    return tuple(
        Difference(names[a], names[b], Inference(float(means[a] - means[b]), error, df, level))
        for a, b in combinations(range(len(names)), 2)
    )


def satterthwaite(total: float, mean_square: float, df: int) -> float:
    """Degrees of freedom of a mean square and what is added to it (``ddf_H`` of Hillis 2007)."""
    return df * (total / mean_square) ** 2 if mean_square > 0 else inf
