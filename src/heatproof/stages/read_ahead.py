"""Images of films, preprocessed for a model, at once or by threads that read ahead of it.

Units are named by the versions of their films.  So a film that is another after it was read, or is
gone, raises an error: nothing may be kept of it under that name, and it may be there again when the
run is.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from functools import partial

import torch

from heatproof.errors import PixelError
from heatproof.experiment.films import OpenedData
from heatproof.models.prepared import PreparedFilms
from heatproof.preparation.opening import AnyModel
from heatproof.types import Sample

ReadFilms = tuple[list[Sample], torch.Tensor, list[tuple[Sample, str]]]
"""Films that can be read, their images (``n c h w``), and the other films with the reason."""


def read_films(
    model: AnyModel, films: OpenedData, samples: Sequence[Sample], prepared: PreparedFilms
) -> ReadFilms:
    """Read films of a data set one after the other.

    Raises:
        DataError: A film was changed since the run began.
        PixelError: It is gone.
    """
    return _together(films, samples, (_read(model, prepared, sample) for sample in samples))


def begin_reading(
    pool: Executor,
    model: AnyModel,
    films: OpenedData,
    samples: Sequence[Sample],
    prepared: PreparedFilms,
) -> Callable[[], ReadFilms]:
    """As ``read_films``, in the threads of a pool; the call that is returned waits for them."""
    images = pool.map(partial(_read, model, prepared), samples)
    return lambda: _together(films, samples, images)


def _read(model: AnyModel, prepared: PreparedFilms, sample: Sample) -> torch.Tensor | PixelError:
    try:
        return prepared.tensor(model.preprocessing, sample.pixels)
    except PixelError as error:
        # A raised error would end ``pool.map`` for the other films of the block, too.
        return error


def _together(
    films: OpenedData, samples: Sequence[Sample], images: Iterable[torch.Tensor | PixelError]
) -> ReadFilms:
    """The films that can be read, and the others, in the order of the samples."""
    readable, tensors, aside = [], [], []
    for sample, image in zip(samples, images, strict=True):
        if isinstance(image, PixelError):
            aside.append((sample, str(image)))
        else:
            readable.append(sample)
            tensors.append(image)
        films.check_unchanged(sample)
    # ``stack`` refuses an empty list.
    return readable, torch.stack(tensors) if tensors else torch.empty(0), aside
