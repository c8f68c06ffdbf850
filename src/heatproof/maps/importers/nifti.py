"""NIfTI: one picture per file, ``.nii`` or ``.nii.gz``.

https://nifti.nimh.nih.gov/nifti-1/.  A file stores columns before rows and says by an affine where
its axes point in the patient.  A radiograph is seen with the patient's left on the right of the
picture, so in a picture written by ITK the first axis runs to the left of the patient and the
second to the back or to the feet.  A NumPy array given to nibabel as it is, with an affine of ones,
claims something else, and nothing in the file tells which was meant; so such a file needs ``axes``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import nibabel
import numpy as np
from nibabel.orientations import aff2axcodes

from heatproof.errors import MapError, read_by_a_library
from heatproof.maps.arrays import NamedArrays, StoredArray, arrays_in_files
from heatproof.maps.importers import importers

_PICTURES = (("L", "P"), ("L", "I"))  # where columns and rows run: left, and back or feet


@importers.register("nifti")
@dataclass(frozen=True)
class Nifti(NamedArrays):
    """Arrays with columns before rows, or as ``axes`` says.

    Attributes:
        pattern: How the files are named, from any folder on.
        axes: ``header`` turns an array until its columns run to the left of the patient and its
            rows to the back or the feet; ``xy`` takes columns before rows, and ``yx`` rows before
            columns, whatever the header says.  Without it, a header of any other direction is an
            error.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".nii", ".nii.gz")
    pattern: str = "{image_id}_{finding}.*"
    axes: Literal["header", "xy", "yx"] | None = None

    def _arrays(self, folder: Path) -> Iterator[StoredArray]:
        return arrays_in_files(folder, self.suffixes, self._array)

    def _array(self, file: Path) -> np.ndarray:
        with read_by_a_library(MapError, f"{file} is no NIfTI, or cut short"):
            image: Any = nibabel.load(file)
            values, affine = np.asarray(image.dataobj), image.affine
        if self.axes == "yx":
            return values
        if self.axes == "xy":
            return values.swapaxes(0, 1) if values.ndim > 1 else values
        return self._turned(values, affine, file)

    def _turned(self, values: np.ndarray, affine: np.ndarray | None, file: Path) -> np.ndarray:
        """Rows before columns, by what the header says of the axes."""
        if affine is None or values.ndim < 2:  # noqa: PLR2004 - columns and rows
            raise MapError(f"{file} has shape {values.shape} and no directions; expected a picture")
        codes = aff2axcodes(affine)  # type: ignore[no-untyped-call]
        directions = tuple(map(str, codes[:2]))
        runs = f"{file}: its axes run to {' and '.join(directions)}"
        if self.axes is None and directions not in _PICTURES:
            raise MapError(
                f"{runs}, which no picture's do (expected L, the left of the patient, and P or I)."
                " Was an array given to nibabel as it is? Then say axes='yx' for rows before"
                " columns, axes='xy' for columns before rows; axes='header' believes the header"
            )
        across = [axis for axis, code in enumerate(directions) if code in "LR"]
        if len(across) != 1:
            raise MapError(f"{runs}, of which one must run across; say axes='yx' or axes='xy'")
        backwards = [axis for axis, code in enumerate(directions) if code in "RAS"]
        flipped: np.ndarray = np.flip(values, tuple(backwards))
        return flipped.swapaxes(0, 1) if across == [0] else flipped
