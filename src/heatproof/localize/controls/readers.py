"""The other readers: the share of those who marked a pixel, which is what radiologists reach.

There is none of a film that one reader marked alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float32

from heatproof.data.annotations.references import reference_mask, references_of
from heatproof.data.geometry import FILM, Geometry
from heatproof.localize.controls import READERS, Context, as_map, controls, film_alone
from heatproof.maps.store import StoredMap
from heatproof.types import Sample


@controls.register(READERS)
@dataclass(frozen=True)
class Readers:
    """At the size of the film; the reader whom it is measured against is left out."""

    title: ClassVar[str] = "the other readers"
    knows: ClassVar[str] = "where another marked it too"
    geometry: ClassVar[Geometry] = FILM

    def __call__(self, film: Sample, finding: str, reader: str) -> StoredMap | None:
        """The share; None without another reader.  Raises AnnotationError, PixelError."""
        others = [other for _, other in references_of(film, (finding,)) if other != reader]
        marked = share([reference_mask(film, finding, other) for other in others])
        return None if marked is None else as_map(marked)

    def inputs(self, context: Context) -> tuple[Any, ...]:
        """Nothing else."""
        return film_alone(READERS, context)


def share(masks: Sequence[Bool[np.ndarray, "h w"]]) -> Float32[np.ndarray, "h w"] | None:
    """The share of the masks that cover each pixel; None without a mask."""
    if not masks:
        return None
    mean: np.ndarray = np.stack(masks).mean(axis=0, dtype=np.float32)
    return mean
