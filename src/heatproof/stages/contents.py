"""Stage: a digest of every film with its labels and annotations, and one of the whole data set.

Both are equal for equal contents, wherever files lie and whenever they were copied there.

Every file is read once.  The name of a unit follows from the versions of its films (size and time
of their files), so that another report of a large archive need not read it again; a file that the
file system calls changed is read again, whatever its size and time.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from heatproof.disk import is_file
from heatproof.errors import DataError
from heatproof.experiment.films import OpenedData, last_change
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

    Raises:
        DataError: A film was replaced by another with a file of the same size and time since the
            last report, so that its maps are of the one before.
    """
    units = [
        Unit(
            digest("contents", [(s.image_id, films.fingerprint(s)) for s in block]),
            partial(_rows, films, block),
        )
        for block in blocks(films.samples, _FILMS)
    ]
    known = {unit.name for unit in units if unit.name in table}
    names = make(units, table)
    for name, block in zip(names, blocks(films.samples, _FILMS), strict=True):
        if name in known:
            _read_again(table, name, block, films)
    return digest(table.read(names).frame.select("image_id", "digest").rows())


def _read_again(
    table: Units[Contents], name: str, samples: Sequence[Sample], films: OpenedData
) -> None:
    """Read again what may have changed since it was read; raises DataError where it has."""
    before = table.read([name]).frame
    if before["changed"].to_list() == [last_change(sample) for sample in samples]:
        return
    now = list(_rows(films, samples))
    for sample, was, found in zip(samples, before["digest"], now, strict=True):
        if found["digest"] != was:
            raise DataError(
                f"data {films.name!r}: {sample.image_id!r}, or what is marked on it, was replaced"
                " by a file of the same size and time, so that its maps and scores are those of the"
                " file before; touch the file, and give the same command again"
            )
    table.put(name, now)  # such as a copy, or other permissions


def _rows(films: OpenedData, samples: Sequence[Sample]) -> Iterator[dict[str, str | int | None]]:
    for sample in samples:
        yield {
            "image_id": sample.image_id,
            "digest": _digest(sample),
            "changed": last_change(sample),
        }
        films.check_marks_unchanged(sample)


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
        return hashlib.sha256(value.read_bytes()).hexdigest() if is_file(value) else "absent"
    if isinstance(value, Mapping):
        return {key: _placeless(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_placeless(inner) for inner in value]
    return value
