"""A picture of a data set: a few films of each finding, with what is marked on them."""

from collections.abc import Sequence

import numpy as np

from heatproof.data.annotations.references import union
from heatproof.data.splits.sampling import some
from heatproof.errors import AnnotationError, DataError, PixelError
from heatproof.report.pictures.contact_sheet import Tile, contact_sheet
from heatproof.types import Dataset, Sample

MOST = 12
_SPARE = 2  # times as many are chosen, since some may not be there


def picture_of(dataset: Dataset) -> bytes:
    """The films as a PNG, those that are marked first, then those with and without each finding.

    Raises:
        DataError: None of the films can be read.
    """
    films = [dataset[index] for index in range(len(dataset))]
    queues: list[Sequence[Sample]] = [
        [film for film in films if any(mark.finding == finding for mark in film.annotations)]
        for finding in dataset.findings
    ]
    for label in (True, False):
        queues += [
            [film for film in films if film.labels.get(finding) is label]
            for finding in dataset.findings
        ]
    tiles: list[Tile] = []
    reasons: list[str] = []
    for film in some(films, queues, MOST * _SPARE):
        if len(tiles) == MOST:
            break
        try:
            tiles.append(_tile(film))
        except PixelError as error:
            reasons.append(str(error))
    if not tiles:
        why = reasons[0] if reasons else "there is none"
        raise DataError(f"no film can be read, so there is no picture: {why}")
    return contact_sheet(tiles)


def _tile(film: Sample) -> Tile:
    image = film.pixels.read()
    present = [f"{finding}?" * (label is None) or finding
               for finding, label in film.labels.items() if label is not False]  # fmt: skip
    labelled = ", ".join(present) or ("no finding" if film.labels else "no label")
    drawn = list(dict.fromkeys(mark.finding for mark in film.annotations))
    try:
        marked, said = union(film.annotations, image.shape), ", ".join(drawn) or "nothing"
    except AnnotationError:
        marked, said = np.zeros(image.shape, bool), "does not fit the film"
    return Tile(image, marked, (labelled, f"marked: {said}"))
