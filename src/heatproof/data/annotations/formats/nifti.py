"""NIfTI, as of ITK-SNAP and 3D Slicer: a file per film and finding, ``.nii`` or ``.nii.gz``.

Files are named as those of ``masks`` are.  A file stores columns before rows, and has one slice.
One value above 0 is inside; a label map of several needs ``labels``, the names of 1, 2, and so on.
Arrays whose axes run elsewhere than a picture's do need ``axes``.  Source:
https://nifti.nimh.nih.gov/nifti-1/.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import aff2axcodes
from nibabel.spatialimages import HeaderDataError

from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.formats.masks import LEVELS, named, written
from heatproof.data.annotations.holding import Holds
from heatproof.data.annotations.marks import Beside, Mark, MarkedFilm, Markings, Reading
from heatproof.data.annotations.shapes import encode
from heatproof.errors import DataError

_SUFFIXES = (".nii", ".nii.gz")
_FAULTS = (
    ImageFileError,
    HeaderDataError,
    OSError,
    ValueError,
    EOFError,
    TypeError,
    OverflowError,
    zlib.error,
)
_LARGEST = 1 << 28  # pixels
_PICTURES = (("L", "P"), ("L", "I"))  # where columns and rows run: left, and back or feet


@formats.register("nifti")
@dataclass(frozen=True)
class Nifti:
    """NIfTI masks, all of a folder.

    Attributes:
        axes: ``xy`` for columns before rows, as programs for pictures store them, ``yx`` for rows
            before columns, as a NumPy array that was saved as it is; without it, a header is an
            error whose axes do not run as those of a picture.
        labels: What the values 1, 2, and so on of a label map mean.
    """

    axes: Literal["xy", "yx"] | None = None
    labels: tuple[str, ...] = ()
    holds: ClassVar[Holds] = Holds(
        frozenset({"masks"}), things=False, readers=True, lookers=True, sizes=True, needs_size=True
    )

    def recognizes(self, path: Path) -> bool:
        """By the names of files."""
        return any(_files(path))

    def read(self, path: Path, beside: Beside) -> Markings:
        """The masks of each film."""
        reading = Reading(path, beside)
        for file in _files(path):
            with reading.item(file.name):
                values = self._values(file)
                if self.labels:
                    self._label_map(file, values, path, reading)
                    continue
                film, finding, reader = named(file, path, reading)
                name = reading.film(film, (values.shape[0], values.shape[1]), reader)
                if len(np.unique(values)) > 2:  # noqa: PLR2004 - inside and outside
                    raise DataError(
                        f"{file} has several labels; name them, nifti(labels=('...', '...'))"
                    )
                if values.any():
                    reading.add(name, Mark(finding, encode(values != 0, 1), reader))
        if not any(_files(path)):
            raise DataError(f"{path} has no NIfTI; expected {' or '.join(LEVELS)}.nii.gz")
        return reading.markings()

    def _label_map(self, file: Path, values: np.ndarray, folder: Path, reading: Reading) -> None:
        *levels, _ = file.relative_to(folder).parts if file != folder else (file.name,)
        reader = levels[0] if levels else reading.beside.reader
        name = reading.film(_stem(file), (values.shape[0], values.shape[1]), reader)
        for value in np.unique(values[values != 0]):
            if not (float(value).is_integer() and 0 < value <= len(self.labels)):
                raise DataError(
                    f"{file} has the value {value:g}, and there are {len(self.labels)} labels"
                )
            mask = encode(values == value, 1)
            reading.add(name, Mark(self.labels[int(value) - 1], mask, reader))

    def _values(self, file: Path) -> np.ndarray:
        """Rows before columns; raises DataError."""
        try:
            image: Any = nibabel.load(file)
            if not 0 < int(np.prod([int(side) for side in image.shape], dtype=object)) <= _LARGEST:
                raise DataError(f"{file} has shape {image.shape}, expected a picture")
            values, affine = np.asarray(image.dataobj), image.affine
            runs = tuple(map(str, aff2axcodes(affine)[:2]))  # type: ignore[no-untyped-call]
        except _FAULTS as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{file} is no NIfTI, or cut short: {error}") from error
        picture = values.reshape([side for side in values.shape if side > 1] or [1])
        if values.ndim >= 2 and all(side == 1 for side in values.shape[2:]):  # noqa: PLR2004
            picture = values.reshape(values.shape[:2])
        if picture.ndim != 2 or picture.dtype.kind not in "biuf":  # noqa: PLR2004
            raise DataError(f"{file} has shape {values.shape}, expected a picture of one slice")
        if not np.isfinite(picture).all() or (picture < 0).any():
            raise DataError(f"{file} has values below 0, or none; expected a mask or labels")
        if self.axes is None and runs not in _PICTURES:
            raise DataError(
                f"{file}: its axes run to {' and '.join(runs)}, which no picture's do (expected L,"
                " the left of the patient, and P or I). Say nifti(axes='xy') for columns before"
                " rows, nifti(axes='yx') for rows before columns, as of a NumPy array"
            )
        return picture if self.axes == "yx" else picture.T

    def write(self, films: Sequence[MarkedFilm], path: Path) -> None:
        """A file per film, finding and reader, whose columns run to the patient's left."""
        for place, mask in written(films, path, ".nii.gz"):
            array = (mask if self.axes == "yx" else mask.T)[..., None].astype(np.uint8)
            nibabel.save(nibabel.Nifti1Image(array, np.diag([-1.0, -1.0, 1.0, 1.0])), place)  # type: ignore[no-untyped-call]


def _files(path: Path) -> Iterator[Path]:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return (file for file in files if file.name.lower().endswith(_SUFFIXES) and file.is_file())


def _stem(file: Path) -> str:
    return file.name[: file.name.lower().rindex(".nii")]
