"""Films as a model wants them, read ahead of it."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch

from heatproof.errors import PixelError
from heatproof.preparation.opening import AnyModel
from heatproof.types import Sample

# Films as the model wants them, and those that cannot be read, with the reason.
ReadFilms = tuple[list[Sample], torch.Tensor, list[tuple[Sample, str]]]


def read_films(model: AnyModel, samples: Sequence[Sample]) -> ReadFilms:
    """Films, one after the other."""
    return _together(samples, (_read(model, sample) for sample in samples))


def read_ahead(
    pool: ThreadPoolExecutor, model: AnyModel, blocks: Sequence[Sequence[Sample]]
) -> Iterator[ReadFilms]:
    """Block by block; those of the next are read while the model, on a GPU, is at work on one."""
    before = None
    for samples in blocks:
        here = samples, pool.map(partial(_read, model), samples)
        if before is not None:
            yield _together(*before)
        before = here
    if before is not None:
        yield _together(*before)


def _read(model: AnyModel, sample: Sample) -> torch.Tensor | PixelError:
    try:
        return model.preprocessing.tensor(sample.pixels.read())
    except PixelError as error:
        return error


def _together(samples: Sequence[Sample], found: Iterable[torch.Tensor | PixelError]) -> ReadFilms:
    readable, images, aside = [], [], []
    for sample, one in zip(samples, found, strict=True):
        if isinstance(one, PixelError):
            aside.append((sample, str(one)))
        else:
            readable.append(sample)
            images.append(one)
    return readable, torch.stack(images) if images else torch.empty(0), aside
