"""``Rescaled``: a mark that was drawn on another resolution of the film, brought to its size.

A pixel of the film is inside where the pixel of the frame that holds its centre is: so the mask of
a box becomes that of the scaled box.  A mark whose own size is that of the film is taken as it is,
since some masks of a data set may have been resized with their films.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from heatproof.data.annotations import mask_files
from heatproof.data.annotations.fitting import same_way_up
from heatproof.data.annotations.lesions import lesions_of
from heatproof.data.annotations.shapes import RLE, Mask, MaskFile, Outline, Polygons, fit
from heatproof.errors import AnnotationError
from heatproof.types import Shape


@dataclass(frozen=True)
class Rescaled:
    """A shape that was drawn on another resolution of the film.

    Attributes:
        shape: What was drawn.
        frame: Height and width of the image that it was drawn on.
    """

    shape: Shape
    frame: tuple[int, int]

    @property
    def instances(self) -> int:
        """As many as the shape has."""
        return self.shape.instances

    def fit(self, height: int, width: int) -> None:
        """Raises AnnotationError when the shape is of the size of neither frame nor film."""
        self._drawn_at(height, width)

    def mask(self, height: int, width: int) -> Mask:
        """The pixels inside, at the size of the film."""
        return _resampled(self.shape.mask(*self._drawn_at(height, width)), height, width)

    def lesions(self, height: int, width: int) -> Iterator[Mask]:
        """The mask of each thing that was drawn, at the size of the film."""
        for lesion in lesions_of(self.shape, *self._drawn_at(height, width)):
            yield _resampled(lesion, height, width)

    def _drawn_at(self, height: int, width: int) -> tuple[int, int]:
        """Height and width at which the shape was drawn; raises AnnotationError."""
        own = _own_size(self.shape)
        if own == (height, width):
            fit(self.shape, height, width)
            return height, width
        same_way_up("marks were drawn on", self.frame, (height, width))
        if own not in (None, self.frame):
            raise AnnotationError(
                f"{own[0]} x {own[1]} (height x width), expected the size of the image,"
                f" {height} x {width}, or the frame that the data set names, {self.frame[0]} x"
                f" {self.frame[1]}"
            )
        fit(self.shape, *self.frame)
        return self.frame


def _own_size(shape: Shape) -> tuple[int, int] | None:
    """Height and width that a shape itself tells."""
    match shape:
        case RLE() | Outline() | Polygons():
            return shape.size
        case MaskFile(path):
            return mask_files.size_of(path)
    return None


def _resampled(mask: Bool[np.ndarray, "y x"], height: int, width: int) -> Mask:
    if mask.shape == (height, width):
        return mask
    rows, columns = (
        ((np.arange(length) + 0.5) * (drawn / length)).astype(int)
        for length, drawn in zip((height, width), mask.shape, strict=True)
    )
    return mask[np.ix_(rows, columns)]
