"""How the figures of readers and modalities vary together, since they judge the same cases.

===============  =================================================================================
``jackknife``    from the figures without each case in turn; any figure
``bootstrap``    from cases drawn with replacement, positive and negative ones apart; any figure
``delong``       from the influence of each case: for the AUC, the structural components of DeLong
                 et al. (Biometrics 1988, doi:10.2307/2531595); the fastest
===============  =================================================================================

Each returns the covariance matrix of all figures, modality by modality: figure ``(m, r)`` stands at
``m * readers + r``.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from heatproof.stats.mrmc.pairs import Pairs

RESAMPLES = 2000


def jackknife(pairs: Pairs) -> Float[np.ndarray, "f f"]:
    """(n - 1) / n times the sum of products about the mean of the figures without each case."""
    without = pairs.without_each().reshape(-1, pairs.cases)
    centred = without - without.mean(1, keepdims=True)
    return np.asarray((pairs.cases - 1) / pairs.cases * centred @ centred.T)


def bootstrap(pairs: Pairs, resamples: int = RESAMPLES, seed: int = 0) -> Float[np.ndarray, "f f"]:
    """Covariance over samples of cases, drawn anew from positive and from negative cases.

    Args:
        pairs: The figure.
        resamples: How many samples.
        seed: Of the generator.
    """
    generator = np.random.default_rng(seed)
    weights = np.zeros((resamples, pairs.cases))
    for stratum in np.unique(pairs.strata):
        members = np.flatnonzero(pairs.strata == stratum)
        share = np.full(len(members), 1 / len(members))
        weights[:, members] = generator.multinomial(len(members), share, resamples)
    figures = pairs.weighted(weights).reshape(resamples, -1)
    return np.atleast_2d(np.cov(figures, rowvar=False))


def delong(pairs: Pairs) -> Float[np.ndarray, "f f"]:
    """Products of the influence of each case, about the mean of its class."""
    influence = pairs.influence().reshape(-1, pairs.cases)
    covariance = np.zeros((len(influence), len(influence)))
    for stratum in np.unique(pairs.strata):
        of_class = influence[:, pairs.strata == stratum]
        count = of_class.shape[1]
        centred = of_class - of_class.mean(1, keepdims=True)
        covariance += count / (count - 1) * centred @ centred.T
    return covariance


COVARIANCES: dict[str, Callable[[Pairs], np.ndarray]] = {
    each.__name__: each for each in (jackknife, bootstrap, delong)
}
