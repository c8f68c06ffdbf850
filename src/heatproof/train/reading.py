"""Films are read once before a training begins, so that a damaged one ends no training.

Those that cannot be read are set aside, for training and for validation alike, before labels are
counted: whatever is drawn, balanced and judged afterwards is about films that can be read.  Images
that fit into memory are kept from this reading.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.data.splits import Subset
from heatproof.data.threads import side_by_side
from heatproof.errors import DamagedFile, DataError, PixelError
from heatproof.models.own_transform import AnyPreprocessing
from heatproof.models.prepared import NOTHING_KEPT, PreparedFilms
from heatproof.types import Dataset

FLOAT_BYTES = 4
_SHOWN = 3  # films in a warning


@dataclass(frozen=True)
class Readable:
    """The films of a data set that can be read.

    Attributes:
        dataset: These films.
        images: As the network sees them, in their order; None where they do not fit into memory.
        aside: The reason why a film cannot be read, by its identifier.
    """

    dataset: Dataset
    images: Float[Tensor, "n c h w"] | None = None
    aside: Mapping[str, str] = field(default_factory=dict)


def read(
    dataset: Dataset,
    preprocessing: AnyPreprocessing,
    cache_gb: float,
    mask_bytes: int = 0,
    prepared: PreparedFilms = NOTHING_KEPT,
) -> Readable:
    """Read every film, and keep the images where they fit.

    Args:
        dataset: The films.
        preprocessing: Preprocessing of the network.
        cache_gb: Images of no more than this are kept.
        mask_bytes: Bytes per pixel of the masks that are kept beside images.
        prepared: Inputs of films that were read before; those that are read now are added.

    Raises:
        DataError: There is no film, or none can be read.
    """
    count = len(dataset)
    if not count:
        raise DataError("there is no image to train or validate on")
    shape = (preprocessing.channels, *preprocessing.size)
    of_film = (shape[0] * FLOAT_BYTES + mask_bytes) * shape[1] * shape[2]
    kept = torch.empty((count, *shape)) if count * of_film <= cache_gb * 1e9 else None
    with side_by_side() as pool:
        one = partial(_read, dataset, preprocessing, kept, prepared)
        reasons = list(pool.map(one, range(count)))
    aside = {dataset[i].image_id: reason for i, reason in enumerate(reasons) if reason}
    if not aside:
        return Readable(dataset, kept)
    if len(aside) == count:
        raise DataError(
            f"none of the {count} films can be read, such as {next(iter(aside.values()))}"
        )
    _tell(aside, count)
    left = [index for index, reason in enumerate(reasons) if not reason]
    return Readable(Subset(dataset, tuple(left)), None if kept is None else kept[left], aside)


def _read(
    dataset: Dataset,
    preprocessing: AnyPreprocessing,
    kept: Tensor | None,
    prepared: PreparedFilms,
    index: int,
) -> str:
    """Why a film cannot be read; empty where it can."""
    try:
        image = prepared.tensor(preprocessing, dataset[index].pixels)
    except PixelError as error:
        return str(error)
    if kept is not None:
        kept[index] = image
    return ""


def _tell(aside: Mapping[str, str], count: int) -> None:
    shown = "; ".join(list(aside.values())[:_SHOWN])
    more = f"; and {len(aside) - _SHOWN} more" if len(aside) > _SHOWN else ""
    warnings.warn(
        f"{len(aside)} of {count} films cannot be read and are left out of the training, as its"
        f" card says: {shown}{more}",
        DamagedFile,
        stacklevel=2,
    )
