"""What one reader marked on one film, as a mask."""

from collections.abc import Iterable, Sequence
from functools import reduce

import numpy as np
from jaxtyping import Bool

from heatproof.types import Annotation, Sample


def reference_mask(sample: Sample, finding: str, source: str) -> Bool[np.ndarray, "h w"]:
    """Every pixel that one reader marked for one finding, at the size of the film."""
    drawn = [a for a in sample.annotations if (a.finding, a.source) == (finding, source)]
    return union(drawn, sample.pixels.size())


def union(drawn: Iterable[Annotation], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Every pixel inside any of the shapes; not to be written on."""
    masks = (one.mask(*size) for one in drawn)  # one at a time: there may be many
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
