"""Readers against a model that reads the same cases alone.

The model is one fixed reader, and its figure errs as those of the readers do, over the same cases.
So each reader is compared with the model, and the mean of these differences is analysed as a single
modality is (Hillis, Stat Med 2007, doi:10.1002/sim.2532): random readers and cases take the
covariance of two readers' differences, in which the model's own error is shared by all.  Taking the
model's figure for a constant instead gives intervals that are far too short.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from heatproof.errors import DataError
from heatproof.stats.mrmc.analysis import Random
from heatproof.stats.mrmc.covariances import jackknife
from heatproof.stats.mrmc.figures import auc
from heatproof.stats.mrmc.inference import Inference
from heatproof.stats.mrmc.obuchowski_rockette import single
from heatproof.stats.mrmc.pairs import Pairs
from heatproof.stats.mrmc.ratings import Ratings


def against_stand_alone(
    readers: Ratings,
    model: Float[np.ndarray, " n"],
    figure: Callable[[Ratings], Pairs] = auc,
    covariance: Callable[[Pairs], np.ndarray] = jackknife,
    random: Random = Random.READERS_AND_CASES,
    level: float = 0.95,
) -> Inference:
    """The mean figure of the readers less that of the model.

    Args:
        readers: Ratings in one modality; every reader has read every case.
        model: Its rating of each case, in the order of ``readers.cases``; any scale for the AUC.
        figure: What is compared.
        covariance: Of figures, over cases.
        random: What was sampled.
        level: Coverage of the interval.

    Raises:
        DataError: There are several modalities, or a rating is missing.
    """
    if len(readers.modalities) > 1:
        raise DataError(
            f"readers read in {len(readers.modalities)} modalities; expected one, to be compared"
            " with the model"
        )
    if not readers.is_factorial or not np.isfinite(model).all():
        raise DataError("a rating is missing; expected one of every reader, and the model, a case")
    r = len(readers.readers)
    both = np.concatenate([readers.values[0], model[None]])[None]
    names = (*readers.readers, "the model")
    pairs = figure(Ratings(both, readers.truth, readers.modalities, names, readers.cases))
    contrast = np.concatenate([np.eye(r), -np.ones((r, 1))], axis=1)
    differences = contrast @ pairs.figures[0]
    return single(differences, contrast @ covariance(pairs) @ contrast.T, random, level)
