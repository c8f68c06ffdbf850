"""The films whose maps are compared, and measured by asking the model again: a sample by a seed."""

import zlib

import numpy as np

from heatproof.experiment.file import Experiment
from heatproof.experiment.films import OpenedData
from heatproof.experiment.settings import FidelitySettings, TrustSettings
from heatproof.types import Sample


def sampled_films(
    films: OpenedData, finding: str, options: TrustSettings | FidelitySettings
) -> list[Sample]:
    """The films on which maps of a finding are compared, in the order of the data set.

    They are drawn from the whole data set and not from the films that a model judges, so that all
    models are compared on the same films.
    """
    every = [
        sample
        for sample in films.samples
        if options.films == "all" or sample.labels.get(finding) is True
    ]
    if options.images is None or len(every) <= options.images:
        return every
    # CRC-32 and not ``hash``, which differs from process to process.
    entropy = (options.seed, zlib.crc32(f"{films.name}\n{finding}".encode()))
    order = np.random.default_rng(entropy).permutation(len(every))
    return [every[index] for index in sorted(order[: options.images])]


def asked_later(experiment: Experiment, films: OpenedData) -> frozenset[str]:
    """``image_id`` of every film whose maps trust or fidelity ask for after they were scored."""
    asked = [table for table in (experiment.trust, experiment.fidelity) if table is not None]
    return frozenset(
        sample.image_id
        for options in asked
        for finding in films.findings
        for sample in sampled_films(films, finding, options)
    )
