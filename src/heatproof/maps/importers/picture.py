"""Pictures in grey: PNG and TIFF, of 8 or 16 bits or of floats, whose numbers are the map.

A picture in colours is refused: a colour map has no inverse that could be known.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np

from heatproof.errors import MapError, read_by_a_library
from heatproof.maps.arrays import NamedArrays, StoredArray, arrays_in_files
from heatproof.maps.importers import importers

_CHANNELS = 3  # axes of a picture with colours


@importers.register("picture")
@dataclass(frozen=True)
class Picture(NamedArrays):
    """Grey values as stored.

    Attributes:
        pattern: How the files are named, from any folder on.
        zero: The grey value that means no relevance, such as 128 where darker is against the
            finding.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".png", ".tif", ".tiff")
    pattern: str = "{image_id}_{finding}.*"
    zero: float = 0.0

    def _arrays(self, folder: Path) -> Iterator[StoredArray]:
        return arrays_in_files(folder, self.suffixes, self._array)

    def _array(self, file: Path) -> np.ndarray:
        grey = _grey(file)
        return grey.astype(np.float64) - self.zero if self.zero else grey


def _grey(file: Path) -> np.ndarray:
    with read_by_a_library(MapError, f"cannot read the map {file}"):
        data = np.fromfile(file, np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if picture is None:
        raise MapError(f"{file} is no picture that can be decoded; expected PNG or TIFF in grey")
    if picture.ndim < _CHANNELS:
        return np.asarray(picture)
    colours, alpha = picture[..., :3], picture[..., 3:]
    if (colours != colours[..., :1]).any():
        raise MapError(
            f"{file} is in colours, which are no numbers: a rendering of a map? Save its values in"
            " grey, or as an array"
        )
    if alpha.size and (alpha != alpha.flat[0]).any():
        raise MapError(f"{file} is transparent in places; expected grey values alone")
    return np.asarray(colours[..., 0])
