"""What one reader marked on one film, as a mask."""

from collections.abc import Iterable, Sequence
from functools import reduce

import numpy as np
from jaxtyping import Bool

from heatproof.types import Annotation, Sample


def reference_mask(sample: Sample, finding: str, reader: str) -> Bool[np.ndarray, "h w"]:
    """Every pixel that one reader marked for one finding, at the size of the film.

    Raises:
        AnnotationError: An annotation cannot be read, or does not fit the film.
        PixelError: The film cannot be read.
    """
    return union(marks_of(sample, finding, reader), sample.pixels.size())


def marks_of(sample: Sample, finding: str, reader: str) -> tuple[Annotation, ...]:
    """What one reader marked for one finding, in the order of the data set."""
    return tuple(a for a in sample.annotations if (a.finding, a.source) == (finding, reader))


def union(marks: Iterable[Annotation], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Every pixel inside any of the shapes; the mask may be shared, so do not write on it.

    Args:
        marks: Annotations of one film.
        size: Height and width of the film.
    """
    masks = (mark.mask(*size) for mark in marks)  # made one at a time: there may be many
    first = next(masks, None)
    return np.zeros(size, bool) if first is None else reduce(np.logical_or, masks, first)


def references_of(sample: Sample, findings: Sequence[str] | None = None) -> list[tuple[str, str]]:
    """Finding and reader of every annotation, each once, in order."""
    pairs = (
        (a.finding, a.source)
        for a in sample.annotations
        if findings is None or a.finding in findings
    )
    return list(dict.fromkeys(pairs))
