"""DICOM Segmentation read as masks: what a reader outlined in a viewer, as OHIF and 3D Slicer save
it.

Each frame is of a film and a segment: binary (1 bit), or fractional, of which a pixel is inside
from half of the largest value on; a frame of a label map is of every segment whose number it has.
The film is the instance that the frame is derived from, or the only one that the file refers to.
Two frames of one segment and film are of a volume, and refused.

https://dicom.nema.org/medical/dicom/current/output/html/part03.html#sect_A.51
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from jaxtyping import Bool, Num
from pydicom.uid import SegmentationStorage

from heatproof.data.decoding import decoding
from heatproof.data.decoding.dicom import MOST_PIXELS, is_dicom
from heatproof.errors import AnnotationError

LABEL_MAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"  # of 2024, which pydicom 3.0 does not name
_KINDS = (SegmentationStorage, LABEL_MAP_STORAGE)
_HALF = 2
_STACK = 3  # axes of several frames
_IDENTIFIED = "SegmentIdentificationSequence"
_DERIVED = "DerivationImageSequence"


@dataclass(frozen=True)
class Segment:
    """One segment on one film.

    Attributes:
        film: Identifier of the instance that it was drawn on (SOP Instance UID); empty: not told.
        label: What is marked.
        mask: Its pixels.
    """

    film: str
    label: str
    mask: Bool[np.ndarray, "h w"]


@dataclass(frozen=True)
class Segmentation:
    """What a file holds.

    Attributes:
        reader: Who drew it (Content Creator's Name); empty where not told.
        size: Height and width of each frame.
        films: The instances that it refers to.
        segments: In the order of the frames; a segment that marks nothing has an empty mask.
    """

    reader: str
    size: tuple[int, int]
    films: tuple[str, ...]
    segments: tuple[Segment, ...]


def is_segmentation(path: Path) -> bool:
    """Whether a DICOM file is a segmentation, by its header.

    Raises:
        PixelError: The header cannot be read.
    """
    with decoding(path):
        if not is_dicom(path):
            return False
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"])
        return str(header.get("SOPClassUID")) in _KINDS


def size_in(path: Path) -> tuple[int, int]:
    """Height and width of the frames of a segmentation, from its header."""
    header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Rows", "Columns"])
    return int(header.Rows), int(header.Columns)


def read_segmentation(path: Path) -> Segmentation:
    """What a file holds.

    Raises:
        AnnotationError: It is no segmentation of films.
        PixelError: It is not there, or damaged.
    """
    with decoding(path):
        if not is_dicom(path):
            raise AnnotationError(f"{path} is no DICOM file; masks in PNG or NIfTI are read, too")
        dataset = pydicom.dcmread(path)
        if dataset.SOPClassUID not in _KINDS:
            raise AnnotationError(
                f"{path} is {dataset.SOPClassUID.name}, expected Segmentation Storage; a film"
                " itself? An RT structure set is not read"
            )
        return _segmentation(dataset, path)


def _segmentation(dataset: pydicom.Dataset, path: Path) -> Segmentation:
    count = int(dataset.get("NumberOfFrames") or 1)
    size = int(dataset.Rows), int(dataset.Columns)
    if count * size[0] * size[1] > MOST_PIXELS:
        raise AnnotationError(
            f"{path}: {count} frames of {size[0]} x {size[1]} pixels, at most"
            f" {MOST_PIXELS:,} are read"
        )
    referred = _referred(dataset)
    segments: dict[tuple[str, int], Segment] = {}
    for film, number, label, mask in _marked(dataset, referred, path):
        if (film, number) in segments:
            raise AnnotationError(
                f"{path}: two frames are of segment {label!r}; is it of a volume? Expected"
                " one frame for each segment of a film"
            )
        segments[film, number] = Segment(film, label, mask)
    films = dict.fromkeys([*referred, *(film for film, _ in segments if film)])
    name = dataset.get("ContentCreatorName")
    reader = name.family_comma_given().strip(", ") if name else ""
    return Segmentation(reader, size, tuple(films), tuple(segments.values()))


def _marked(
    dataset: pydicom.Dataset, referred: Sequence[str], path: Path
) -> Iterator[tuple[str, int, str, Bool[np.ndarray, "h w"]]]:
    """Film, number, label and mask of each segment that a frame holds."""
    names = {int(each.SegmentNumber): _name(each) for each in dataset.SegmentSequence}
    pixels = dataset.pixel_array
    frames: Num[np.ndarray, "n h w"] = pixels if pixels.ndim == _STACK else pixels[None]
    kind = str(dataset.SegmentationType)
    least = int(dataset.get("MaximumFractionalValue") or 255) / _HALF if kind == "FRACTIONAL" else 1
    shared = _first(dataset.get("SharedFunctionalGroupsSequence"))
    groups = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    for frame, group in zip(frames, groups, strict=True):
        film = _film(group, shared, referred, path)
        if kind == "LABELMAP":
            for number, name in names.items():
                # What is no segment is a segment, too, in some files: 0 is outside all the same.
                if number and (frame == number).any():
                    yield film, number, name, frame == number
            continue
        number = int(
            (_first(group.get(_IDENTIFIED)) or _first(shared.get(_IDENTIFIED)))
            .ReferencedSegmentNumber
        )  # fmt: skip
        if number not in names:
            raise AnnotationError(f"{path}: a frame is of segment {number}, which is not described")
        yield film, number, names[number], frame >= least


def _name(segment: pydicom.Dataset) -> str:
    if label := str(segment.get("SegmentLabel") or ""):
        return label
    return str(segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning)


def _film(
    group: pydicom.Dataset, shared: pydicom.Dataset, referred: Sequence[str], path: Path
) -> str:
    """The instance that a frame is of; empty where the file refers to none."""
    derived = _first(group.get(_DERIVED)) or _first(shared.get(_DERIVED))
    sources = derived.get("SourceImageSequence") or ()
    own = dict.fromkeys(str(source.ReferencedSOPInstanceUID) for source in sources) or referred
    if len(own) > 1:
        raise AnnotationError(
            f"{path} refers to {len(own)} instances, and does not say which of them a frame is of"
        )
    return next(iter(own), "")


def _referred(dataset: pydicom.Dataset) -> tuple[str, ...]:
    """Every instance that the file as a whole refers to."""
    return tuple(
        dict.fromkeys(
            str(instance.ReferencedSOPInstanceUID)
            for series in dataset.get("ReferencedSeriesSequence") or ()
            for instance in series.get("ReferencedInstanceSequence") or ()
        )
    )


def _first(sequence: Any) -> Any:
    return sequence[0] if sequence else pydicom.Dataset()
