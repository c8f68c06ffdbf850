"""Stage: how every film of a data set is stored, from the headers of their files.

Of films in memory the size alone is known, and films that cannot be read are set aside elsewhere.
The name of a unit follows from the versions of its films, so that another report does not open the
files again.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from heatproof.data.pixels import ImageFile
from heatproof.errors import PixelError
from heatproof.experiment.films import OpenedData
from heatproof.stages.blocks import blocks
from heatproof.stages.loop import Unit, make
from heatproof.tables.headers import MEMORY, Headers
from heatproof.tables.units import Units, digest
from heatproof.types import Pixels, Sample

_FILMS = 512  # films in a unit


def headers(table: Units[Headers], data: Mapping[str, OpenedData]) -> Headers:
    """How the films of every data set are stored; headers that the table lacks are read."""
    units = [
        Unit(
            digest("headers", name, [(s.image_id, films.version(s)) for s in block]),
            partial(_rows, name, films, block),
        )
        for name, films in data.items()
        for block in blocks(films.samples, _FILMS)
    ]
    return table.read(make(units, table))


def _rows(data: str, films: OpenedData, samples: Sequence[Sample]) -> Iterator[dict[str, Any]]:
    for sample in samples:
        with suppress(PixelError):
            header = _header(sample.pixels)
            yield {"data": data, "image_id": sample.image_id} | header
        films.check_unchanged(sample)


def _header(pixels: Pixels) -> dict[str, Any]:
    if isinstance(pixels, ImageFile):
        return asdict(pixels.header())
    height, width = pixels.size()
    return {"format": MEMORY, "height": height, "width": width}
