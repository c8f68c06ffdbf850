"""DICOM Segmentation (PS3.3 A.51), as of OHIF, 3D Slicer and MITK: a file per film and reader.

A segment is a thing, its label the finding, and the content creator the reader; a segmentation all
of whose segments are empty is a reader who looked and marked nothing.  Which film it is of, and
where it is written, ``dicom_films`` says.  Other objects of a study, which lie in the same folder,
are passed over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pydicom

from heatproof.data.annotations.dicom_films import (
    ANY_LANGUAGE,
    SERIES,
    Films,
    any_is,
    files_in,
    held,
    write_each,
)
from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.holding import Holds
from heatproof.data.annotations.marks import Beside, Mark, MarkedFilm, Markings, Reading
from heatproof.data.annotations.shapes import Mask, encode
from heatproof.data.dicom.derived import EQUIPMENT, MANUFACTURER, code, for_segments, highdicom
from heatproof.data.dicom.segmentation import is_segmentation, read_segmentation
from heatproof.data.pseudonyms import uid_from
from heatproof.errors import DataError
from heatproof.types import REFERENCE


@formats.register("dicom_seg")
@dataclass(frozen=True)
class DicomSeg:
    """DICOM segmentations, all of a folder; each refers to a film that is a DICOM file, too."""

    holds: ClassVar[Holds] = Holds(
        frozenset({"masks"}), readers=True, lookers=True, sizes=True, needs_size=True
    )

    def recognizes(self, path: Path) -> bool:
        """By the kind of its first files."""
        return any_is(is_segmentation, path)

    def read(self, path: Path, beside: Beside) -> Markings:
        """The segments of every film."""
        reading, films, found = Reading(path, beside), Films(beside), False
        for file in files_in(path):
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
        findings = sorted({mark.finding for film in films for mark in film.marks})
        if not findings:
            raise DataError("nothing is marked, and a segment has the name of what is")
        for name in findings:
            held(name, "finding")
        write_each(films, path, partial(_segmentation, findings))


def _read(file: Path, films: Films, reading: Reading) -> None:
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


def _segmentation(
    findings: Sequence[str], source: pydicom.Dataset, film: MarkedFilm, reader: str
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
        SERIES,
        instance,
        1,
        MANUFACTURER,
        **EQUIPMENT,
        content_creator_name=None if reader == REFERENCE else f"{reader}^",
        content_label="ANNOTATION",
        series_description="annotations",
        specific_character_set=ANY_LANGUAGE,
        omit_empty_frames=False,
    )
