"""The DICOM film that marks refer to, where they lie in DICOM objects of their own.

A segmentation and a structured report say which instance they were drawn on, by its identifier (SOP
Instance UID); it is found among the films of ``--images``.  A film there that is no DICOM file is
found by the name of the object, and one that is not found has its identifier as name.

What is written is ``film.dcm``, or ``READER/film.dcm``, as ``masks`` are.  It belongs to the study
of its film, which therefore must be a DICOM file.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path

import pydicom

from heatproof.data.annotations.marks import Beside, MarkedFilm, place_for
from heatproof.data.decoding import decoding
from heatproof.data.decoding.dicom import is_dicom
from heatproof.data.dicom.derived import LONGEST, save, source_of
from heatproof.errors import DataError, PixelError
from heatproof.types import REFERENCE

SERIES = 8999
"""Number of the series of annotations, above those that devices give."""
ANY_LANGUAGE = "ISO_IR 192"
"""UTF-8."""
_LOOKED_AT = 64  # files of a folder, to tell what it holds
_SUFFIXES = (".dcm", ".dicom", "")  # what a PACS sends often has no suffix
_RESERVED = "\\^="  # characters that part values, and names


class Films:
    """The films beside DICOM objects, by the instance that an object refers to."""

    def __init__(self, beside: Beside) -> None:
        self._beside = beside

    def name(self, instance: str, file: Path) -> str:
        """The name of a film; the instance itself where no film is known to be it.

        Args:
            instance: What the object refers to; empty where it refers to nothing.
            file: The object.
        """
        images = self._beside.images
        named = self._beside.name(file.stem)
        if named in images and (not instance or _instance(images[named]) in ("", instance)):
            return named
        return self._by_instance.get(instance, instance) or file.stem

    @cached_property
    def _by_instance(self) -> dict[str, str]:
        images: Mapping[str, Path] = self._beside.images
        with ThreadPoolExecutor() as pool:
            found = pool.map(_instance, images.values())
            return {instance: name for name, instance in zip(images, found, strict=True)}


def _instance(path: Path) -> str:
    """The identifier of a film; empty where it is no DICOM file, or not there."""
    try:
        with decoding(path):
            if not is_dicom(path):
                return ""
            header = pydicom.dcmread(
                path, stop_before_pixels=True, specific_tags=["SOPInstanceUID"]
            )
            return str(header.get("SOPInstanceUID") or "")
    except PixelError:
        return ""  # told of when the films are checked


def files_in(path: Path) -> Iterator[Path]:
    """Every file that may be DICOM, of a folder or alone."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return (file for file in files if file.suffix.lower() in _SUFFIXES and file.is_file())


def any_is(kind: Callable[[Path], bool], path: Path) -> bool:
    """Whether one of the first files is of a kind; those that cannot be read are passed over."""
    for file in islice(files_in(path), _LOOKED_AT):
        with suppress(PixelError):
            if kind(file):
                return True
    return False


def write_each(
    films: Sequence[MarkedFilm],
    path: Path,
    make: Callable[[pydicom.Dataset, MarkedFilm, str], pydicom.Dataset],
) -> None:
    """Write an object for each film and each reader who looked at it.

    Args:
        films: The films, with their origin.
        path: Folder to write to.
        make: The object, from the header of the film, the film and the name of the reader.

    Raises:
        DataError: A film is no DICOM file, a name cannot be held, or two films share a name.
    """
    several = any(mark.reader != REFERENCE for film in films for mark in film.marks)
    made: dict[Path, str] = {}
    now = datetime.now().astimezone()
    for film in films:
        source = _source(film)
        drew = {mark.reader for mark in film.marks}
        for reader in dict.fromkeys([*(film.readers or (REFERENCE,)), *sorted(drew)]):
            folder = path / held(reader, "reader").replace("/", "_") if several else path
            place = place_for(folder, film.name, ".dcm")
            if made.setdefault(place, film.name) != film.name:
                raise DataError(f"films {made[place]} and {film.name} would both be {place}")
            with warnings.catch_warnings():
                # Names of patients are as they are: nobody can mend them here.
                warnings.simplefilter("ignore", UserWarning)
                derived = make(source, film, reader)
            save(derived, source, now, place)


def _source(film: MarkedFilm) -> pydicom.Dataset:
    """The header of the film that an object refers to; raises DataError."""
    if film.origin is None:
        raise DataError(
            f"film {film.name}: marks in DICOM refer to the DICOM film that they were drawn on;"
            " name the folder of the films, --images FOLDER"
        )
    try:
        source = source_of(film.origin.path, film.origin.pseudonyms)
    except PixelError as error:
        raise DataError(f"{error}; nifti and masks hold the marks of any film") from error
    size = int(source.Rows), int(source.Columns)
    if film.size != size:
        raise DataError(
            f"film {film.name}: its marks are of {film.size} pixels (down, across), and"
            f" {film.origin.path} has {size}"
        )
    return source


def held(text: str, what: str) -> str:
    """A name as DICOM holds it; raises DataError."""
    if not text.strip() or len(text) > LONGEST or any(sign in text for sign in _RESERVED):
        raise DataError(
            f"{what} {text!r:.80}: DICOM holds names of 1 to {LONGEST} characters without \\ ^ ="
        )
    return text
