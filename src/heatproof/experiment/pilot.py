"""A pilot: a few films of each data set, drawn once, to see a whole report before its cost is paid.

Films with and without each finding are taken in turn, of those that models judge, after one film of
each kind that trained or tuned a model.  So prevalences are not those of the whole, and nothing of
a pilot is a result.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from heatproof.data.splits import Subset
from heatproof.data.splits.sampling import some
from heatproof.experiment.file import Experiment
from heatproof.experiment.films import OpenedData, matching
from heatproof.types import Sample

SEED = 0


def piloted(experiment: Experiment, data: Mapping[str, OpenedData]) -> dict[str, OpenedData]:
    """Every data set, with no more films than the pilot of an experiment has; all without one."""
    most = experiment.pilot
    if most is None:
        return dict(data)
    return {name: _few(experiment, films, most) for name, films in data.items()}


def _few(experiment: Experiment, films: OpenedData, most: int) -> OpenedData:
    usable = films.usable
    if len(usable) <= most:
        return films
    order = np.random.default_rng(SEED).permutation(len(usable))
    samples = [usable[int(index)] for index in order]
    chosen = {s.image_id for s in some(samples, [*_queues(experiment, films, samples)], most)}
    every = range(len(usable))
    kept = tuple(index for index in every if usable[index].image_id in chosen)
    marks = tuple(mark for mark in films.marks if mark[0] in chosen)
    return replace(films, dataset=Subset(usable, kept), missing={}, damaged={}, marks=marks)


def _queues(
    experiment: Experiment, films: OpenedData, samples: Sequence[Sample]
) -> Iterator[list[Sample]]:
    """Films of each kind without which a pilot would not run as the whole does."""
    models, keys = experiment.models, {key for sample in samples for key in sample.metadata}

    def with_values(values: Mapping[str, str | list[str]]) -> list[Sample]:
        if not {*values} <= keys:
            return []  # ``judges`` of another data set; a mistake is told where films are assigned
        ids = {sample.image_id for sample in matching(films, values, "models")}
        return [sample for sample in samples if sample.image_id in ids]

    for values in (values for model in models for values in (model.trained_on, model.tuned_on)):
        if values:
            yield with_values(values)[:1]
    for values in [model.judges for model in models] or [{}]:
        judged = with_values(values)
        for finding in films.findings:
            for label in (True, False):
                yield [sample for sample in judged if sample.labels.get(finding) is label]
        yield [sample for sample in judged if sample.annotations]
