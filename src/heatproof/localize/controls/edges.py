"""Edges of the film: Sobel's filter at 256 x 256 pixels, which sees the film and no model.

The method ``edges`` (``heatproof.saliency.methods.edges``) does the same to what a network sees.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float32

from heatproof.localize.controls import FRAME, Context, as_map, controls, film_alone
from heatproof.maps.store import StoredMap
from heatproof.saliency.methods.edges import magnitude
from heatproof.types import Sample


@controls.register("edges")
@dataclass(frozen=True)
class EdgesControl:
    """The magnitude of the film's slope, in the common frame."""

    title: ClassVar[str] = "edges of the film"
    knows: ClassVar[str] = "never sees the model"
    asks_finding: ClassVar[bool] = False

    def __call__(self, film: Sample, finding: str, reader: str) -> StoredMap:  # noqa: ARG002
        """The edges; raises PixelError."""
        return as_map(edges(FRAME.image(film.pixels.read())))

    def inputs(self, context: Context) -> tuple[Any, ...]:
        """Nothing else."""
        return film_alone("edges", context)


def edges(film: Float[np.ndarray, "y x"]) -> Float32[np.ndarray, "y x"]:
    """Where the film changes, from 0."""
    image = torch.from_numpy(np.ascontiguousarray(film, np.float32))
    return magnitude(image[None, None])[0, 0].numpy()
