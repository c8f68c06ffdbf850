"""DICOM Segmentation read as masks: what a reader outlined in a viewer, as ITK-SNAP's or OHIF's
users save it.

A segmentation of a film holds frames, each of one segment: binary (1 bit), or fractional, of which
a pixel is inside from half of the largest value on.  Segments are told apart by their label, or by
the meaning of their property type.  A segmentation of several slices is of a volume, and refused.

https://dicom.nema.org/medical/dicom/current/output/html/part03.html#sect_A.51
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from jaxtyping import Bool
from pydicom.uid import SegmentationStorage

from heatproof.data.annotations import encode
from heatproof.data.decoding import decoding
from heatproof.data.dicom import MOST_PIXELS, is_dicom
from heatproof.errors import AnnotationError, PixelError
from heatproof.types import REFERENCE, Annotation

_HALF = 2
_STACK = 3  # axes of several frames


@dataclass(frozen=True)
class Segments:
    """What a segmentation holds.

    Attributes:
        film: Identifier of the instance that it was drawn on (SOP Instance UID); empty: not told.
        masks: A mask of every segment that marks anything, by the segment's label.
    """

    film: str
    masks: Mapping[str, Bool[np.ndarray, "h w"]]


def read_segments(path: Path) -> Segments:
    """The segments of a file.

    Raises:
        AnnotationError: It is no segmentation of one film, or it is damaged.
    """
    try:
        with decoding(path):
            if not is_dicom(path):
                raise AnnotationError(
                    f"{path} is no DICOM file; masks in PNG or NIfTI are read, too"
                )
            dataset = pydicom.dcmread(path)
            if dataset.SOPClassUID != SegmentationStorage:
                raise AnnotationError(
                    f"{path} is {dataset.SOPClassUID.name}, expected Segmentation Storage; a film"
                    " itself? An RT structure set is not read"
                )
            return _segments(dataset, path)
    except PixelError as error:
        raise AnnotationError(str(error)) from error


def annotations(path: Path, source: str = REFERENCE) -> tuple[Annotation, ...]:
    """The segments of a file as annotations of a film, each of the finding that its label names.

    Args:
        path: The segmentation.
        source: The reader.

    Raises:
        AnnotationError: As of ``read_segments``.
    """
    found = read_segments(path).masks
    return tuple(Annotation(label, source, encode(mask)) for label, mask in found.items())


def _segments(dataset: pydicom.Dataset, path: Path) -> Segments:
    count = int(dataset.get("NumberOfFrames") or 1)
    if count * int(dataset.Rows) * int(dataset.Columns) > MOST_PIXELS:
        raise AnnotationError(
            f"{path}: {count} frames of {dataset.Rows} x {dataset.Columns} pixels, at most"
            f" {MOST_PIXELS:,} are read"
        )
    names = {int(each.SegmentNumber): _name(each) for each in dataset.SegmentSequence}
    pixels = dataset.pixel_array
    frames = pixels if pixels.ndim == _STACK else pixels[None]
    fractional = str(dataset.SegmentationType) == "FRACTIONAL"
    least = int(dataset.get("MaximumFractionalValue") or 255) / _HALF if fractional else 1
    masks: dict[str, Bool[np.ndarray, "h w"]] = {}
    for frame, number in zip(frames, _numbers(dataset), strict=True):
        if number not in names:
            raise AnnotationError(f"{path}: a frame is of segment {number}, which is not described")
        if names[number] in masks:
            raise AnnotationError(
                f"{path}: two frames are of segment {names[number]!r}; is it of a volume? Expected"
                " one frame per segment of a film, and labels that differ"
            )
        masks[names[number]] = frame >= least
    return Segments(_film(dataset), {name: mask for name, mask in masks.items() if mask.any()})


def _name(segment: pydicom.Dataset) -> str:
    if label := str(segment.get("SegmentLabel") or ""):
        return label
    return str(segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning)


def _numbers(dataset: pydicom.Dataset) -> list[int]:
    """The segment of each frame, in order; what all frames share stands in one place."""
    shared = _first(dataset.get("SharedFunctionalGroupsSequence"))
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    return [
        int(
            (
                _first(frame.get(_IDENTIFIED)) or _first(shared.get(_IDENTIFIED))
            ).ReferencedSegmentNumber
        )
        for frame in frames
    ]


_IDENTIFIED = "SegmentIdentificationSequence"


def _first(sequence: Any) -> Any:
    return sequence[0] if sequence else pydicom.Dataset()


def _film(dataset: pydicom.Dataset) -> str:
    referred = {
        str(instance.ReferencedSOPInstanceUID)
        for series in dataset.get("ReferencedSeriesSequence") or ()
        for instance in series.get("ReferencedInstanceSequence") or ()
    }
    return referred.pop() if len(referred) == 1 else ""
