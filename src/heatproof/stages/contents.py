"""Stage: a digest of every film with its labels and annotations, and one of the whole data set.

Both are equal for equal contents, wherever files lie and whenever they were copied there.

Every file is read once.  The name of a unit follows from the versions of its films (size and time
of their files), so that another report of a large archive need not read it again.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from heatproof.experiment.films import OpenedData, fingerprint
from heatproof.stages.blocks import blocks
from heatproof.stages.loop import Unit, make
from heatproof.tables.contents import Contents
from heatproof.tables.units import Units, digest
from heatproof.types import Sample

_FILMS = 512  # films in a unit


def contents(table: Units[Contents], films: OpenedData) -> str:
    """The digest of one data set: of every film whose file is there, in order.

    Args:
        table: The digests of films; those that it lacks are added.
        films: The data set.
    """
    units = [
        Unit(
            digest("contents", [(s.image_id, fingerprint(s)) for s in block]), partial(_rows, block)
        )
        for block in blocks(films.samples, _FILMS)
    ]
    return digest(table.read(make(units, table)).frame.rows())


def _rows(samples: Sequence[Sample]) -> Iterator[dict[str, str]]:
    for sample in samples:
        yield {"image_id": sample.image_id, "digest": _digest(sample)}


def _digest(sample: Sample) -> str:
    """A digest of one film, its labels and its annotations."""
    return digest(
        sample.pixels.digest(),
        sample.cluster,
        sorted((finding, str(label)) for finding, label in sample.labels.items()),
        # Annotations stay in the order of the data set, so another order of readers has another
        # digest: rows of tables are in that order, and a digest in the report of an earlier version
        # must still be that of its data.
        [type(annotation.shape).__name__ for annotation in sample.annotations],
        [_placeless(dataclasses.asdict(annotation)) for annotation in sample.annotations],
    )


def _placeless(value: Any) -> Any:
    """Plain values with every path, however deep, replaced by what its file holds."""
    if isinstance(value, Path):
        # A mask that is not there may have been set aside.
        return hashlib.sha256(value.read_bytes()).hexdigest() if value.is_file() else "absent"
    if isinstance(value, Mapping):
        return {key: _placeless(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_placeless(inner) for inner in value]
    return value
