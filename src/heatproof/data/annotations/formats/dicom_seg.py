"""DICOM Segmentation (PS3.3 A.51), as of OHIF, 3D Slicer and MITK: a file per film and reader.

A segment is a thing, its label the finding, and the content creator the reader; a segmentation all
of whose segments are empty is a reader who looked and marked nothing.  The film is the instance
that a frame refers to, found among the films of ``--images`` by its identifier (SOP Instance UID);
a film there that is no DICOM file by the name of the segmentation.  A film that is not found has
its identifier as name.  Other objects of a study, which lie in the same folder, are passed over.

What is written is ``film.dcm``, or ``READER/film.dcm``, as ``masks`` are.  It belongs to the study
of its film, which therefore must be a DICOM file.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pydicom

from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.holding import Holds
from heatproof.data.annotations.marks import (
    Beside,
    Mark,
    MarkedFilm,
    Markings,
    Reading,
    place_for,
)
from heatproof.data.annotations.shapes import Mask, encode
from heatproof.data.decoding import decoding
from heatproof.data.decoding.dicom import is_dicom
from heatproof.data.dicom.derived import (
    EQUIPMENT,
    LONGEST,
    MANUFACTURER,
    code,
    for_segments,
    highdicom,
    save,
    source_of,
)
from heatproof.data.dicom.segmentation import is_segmentation, read_segmentation
from heatproof.data.pseudonyms import uid_from
from heatproof.errors import DataError, PixelError
from heatproof.types import REFERENCE

_SUFFIXES = (".dcm", ".dicom", "")  # what a PACS sends often has no suffix
_LOOKED_AT = 64  # files of a folder, to tell what it holds
_RESERVED = "\\^="  # characters that part values, and names
_SERIES = 8999  # number of the series of annotations, above those that devices give
_ANY_LANGUAGE = "ISO_IR 192"  # UTF-8


@formats.register("dicom_seg")
@dataclass(frozen=True)
class DicomSeg:
    """DICOM segmentations, all of a folder; each refers to a film that is a DICOM file, too."""

    holds: ClassVar[Holds] = Holds(
        frozenset({"masks"}), readers=True, lookers=True, sizes=True, needs_size=True
    )

    def recognizes(self, path: Path) -> bool:
        """By the kind of its first files."""
        for number, file in enumerate(_files(path)):
            if number == _LOOKED_AT:
                break
            try:
                if is_segmentation(file):
                    return True
            except PixelError:
                continue
        return False

    def read(self, path: Path, beside: Beside) -> Markings:
        """The segments of every film."""
        reading, films, found = Reading(path, beside), _Films(beside), False
        for file in _files(path):
            with reading.item(file.name):
                if is_segmentation(file):
                    found = True
                    _read(file, films, reading)
        markings = reading.markings()
        if not found:
            raise DataError(
                f"{path} has no segmentations, expected DICOM files of Segmentation Storage; an RT"
                " structure set is not read"
            )
        return markings

    def write(self, films: Sequence[MarkedFilm], path: Path) -> None:
        """A file per film and reader, with a segment per mark."""
        several = any(mark.reader != REFERENCE for film in films for mark in film.marks)
        findings = sorted({mark.finding for film in films for mark in film.marks})
        if not findings:
            raise DataError("nothing is marked, and a segment has the name of what is")
        for name in findings:
            _held(name, "finding")
        made: dict[Path, str] = {}
        now = datetime.now().astimezone()
        for film in films:
            source = _source(film)
            drew = {mark.reader for mark in film.marks}
            for reader in dict.fromkeys([*(film.readers or (REFERENCE,)), *sorted(drew)]):
                folder = path / _held(reader, "reader").replace("/", "_") if several else path
                place = place_for(folder, film.name, ".dcm")
                if made.setdefault(place, film.name) != film.name:
                    raise DataError(f"films {made[place]} and {film.name} would both be {place}")
                with warnings.catch_warnings():
                    # Names of patients are as they are: nobody can mend them here.
                    warnings.simplefilter("ignore", UserWarning)
                    segmentation = _segmentation(source, film, reader, findings)
                save(segmentation, source, now, place)


class _Films:
    """The films beside segmentations, by the instance that a segmentation refers to."""

    def __init__(self, beside: Beside) -> None:
        self._beside = beside

    def name(self, instance: str, file: Path) -> str:
        """The name of a film; the instance itself where no film is known to be it.

        Args:
            instance: What a frame refers to; empty where it refers to nothing.
            file: The segmentation.
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


def _files(path: Path) -> Iterator[Path]:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return (file for file in files if file.suffix.lower() in _SUFFIXES and file.is_file())


def _read(file: Path, films: _Films, reading: Reading) -> None:
    found = read_segmentation(file)
    reader = found.reader or reading.beside.reader
    names = {
        instance: reading.film(films.name(instance, file), found.size, reader)
        for instance in found.films or ("",)
    }
    for segment in found.segments:
        if segment.mask.any():
            mark = Mark(reading.finding(segment.label), encode(segment.mask, 1), reader)
            reading.add(names[segment.film], mark)


def _source(film: MarkedFilm) -> pydicom.Dataset:
    """The header of the film that a segmentation refers to; raises DataError."""
    if film.origin is None:
        raise DataError(
            f"film {film.name}: a segmentation refers to the DICOM film that it was drawn on; name"
            " the folder of the films, --images FOLDER"
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


def _held(text: str, what: str) -> str:
    """A name as DICOM holds it; raises DataError."""
    if not text.strip() or len(text) > LONGEST or any(sign in text for sign in _RESERVED):
        raise DataError(
            f"{what} {text!r:.80}: DICOM holds names of 1 to {LONGEST} characters without \\ ^ ="
        )
    return text


def _segmentation(
    source: pydicom.Dataset, film: MarkedFilm, reader: str, findings: Sequence[str]
) -> Any:
    """What a reader marked on a film; an empty segment of some finding where that is nothing."""
    assert film.size is not None
    marks = [mark for mark in film.marks if mark.reader == reader]
    labels = [mark.finding for mark in marks] or [findings[0]]
    masks: list[Mask] = [mark.shape.mask(*film.size) for mark in marks]
    pixels = np.stack(masks or [np.zeros(film.size, bool)], axis=-1).astype(np.uint8)
    instance = uid_from(
        "annotation", str(source.SOPInstanceUID), reader, *labels, pixels.tobytes().hex()
    )
    hd = highdicom()
    segments = [
        hd.seg.SegmentDescription(
            number,
            label,
            hd.sr.CodedConcept("49755003", "SCT", "Morphologically Abnormal Structure"),
            hd.sr.CodedConcept(*code(label)),
            hd.seg.SegmentAlgorithmTypeValues.MANUAL,
            tracking_uid=uid_from("segment", instance, str(number)),
            tracking_id=f"{number}",
        )
        for number, label in enumerate(labels, 1)
    ]
    return hd.seg.Segmentation(
        [for_segments(source)],
        pixels[None],
        hd.seg.SegmentationTypeValues.BINARY,
        segments,
        uid_from("annotations", str(source.StudyInstanceUID), reader),
        _SERIES,
        instance,
        1,
        MANUFACTURER,
        **EQUIPMENT,
        content_creator_name=None if reader == REFERENCE else f"{reader}^",
        content_label="ANNOTATION",
        series_description="annotations",
        specific_character_set=_ANY_LANGUAGE,
        omit_empty_frames=False,
    )
