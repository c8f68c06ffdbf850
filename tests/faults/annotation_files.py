"""Good files of annotations of every format, to be changed: a mark of every kind on two films."""

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image

from heatproof.data.annotations import Boxes, Outline, Points, RotatedBox, encode, fit
from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.holding import Losses, fitted
from heatproof.data.annotations.marks import Beside, Mark, MarkedFilm, Origin
from tests.runs.radiograph import write_radiograph

SIZE = 24, 32
ENDINGS = {"cvat": ".xml", "via": ".csv", "kaggle_rle": ".csv"}
FOLDERS = {"labelme", "voc", "yolo", "masks", "nifti", "dicom_seg", "dicom_sr"}
BINARY = {"masks", "nifti", "dicom_seg", "dicom_sr"}
SPECS = (*(name for name in formats.names() if name != "kaggle_rle"),
         "kaggle_rle(relative=False)", "kaggle_rle(relative=True)")  # fmt: skip


def _films(folder: Path) -> list[MarkedFilm]:
    ring = np.zeros(SIZE, bool)
    ring[4:14, 5:15] = True
    ring[7:9, 8:10] = False
    shapes = (
        Boxes(((2.0, 3.0, 9.0, 8.0),)),
        RotatedBox(12.0, 12.0, 8.0, 4.0, 30.0),
        Outline((((1.0, 2.0), (9.0, 2.0), (9.0, 9.0)),), SIZE),
        Points(((3.5, 4.5),)),
        encode(ring, 1),
    )
    marks = tuple(Mark("Nodule", shape, f"r{n % 2}") for n, shape in enumerate(shapes))
    return [
        MarkedFilm("a.png", SIZE, marks, ("r0", "r1"), Origin(folder / "a.dcm")),
        MarkedFilm("b.png", SIZE, origin=Origin(folder / "b.dcm")),
    ]


def seed(spec: str) -> Callable[[Path], Path]:
    """Writes a good file, and returns it, or the first of a folder of files."""
    name = spec.partition("(")[0]

    def write(folder: Path) -> Path:
        for number, film in enumerate(("a", "b")):
            Image.new("L", SIZE[::-1]).save(folder / f"{film}.png")
            if name.startswith("dicom"):  # which refers to films
                write_radiograph(folder / f"{film}.png", folder / f"{film}.dcm", number)
        part = formats.parse(spec)
        place = folder / f"marks{'' if name in FOLDERS else ENDINGS.get(name, '.json')}"
        part.write(fitted(_films(folder), part.holds, Losses()), place)
        if place.is_file():
            return place
        first = next(file for file in sorted(place.rglob("a.*")) if file.is_file())
        if name != "nifti":
            return first
        # A file that is not compressed: changes then meet its header and not the archive alone.
        plain = first.with_name("a.nii")
        nibabel.save(nibabel.load(first), plain)
        first.unlink()
        return plain

    return write


def read(spec: str) -> Callable[[Path], None]:
    """Reads the file, or the folder that it lies in, and makes every mask."""

    def whole(file: Path) -> None:
        place = next(path for path in (file, *file.parents) if path.name.startswith("marks"))
        beside = Beside({film: place.parent / film for film in ("a.png", "b.png")}, "Nodule")
        for film in formats.parse(spec).read(place, beside).films:
            for mark in film.marks:
                fit(mark.shape, *SIZE)
                mark.shape.mask(*SIZE)

    return whole
