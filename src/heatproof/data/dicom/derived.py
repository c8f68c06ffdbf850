"""DICOM that is derived from a film: what it takes over from the film, and how it is written.

What is derived belongs to the study of the film and refers to it; highdicom makes it.  With
pseudonyms, only what a derived object must hold of a patient and a study is taken from the film,
and all of that under pseudonyms: names, dates of birth and study, and numbers of examinations are
left out, and identifiers of study, series and instances are replaced consistently, as whoever sends
the films along has to do with the same key.
"""

from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset

from heatproof.data.decoding import decoding
from heatproof.data.decoding.dicom import header_of, is_dicom, spacing_of
from heatproof.data.pseudonyms import Pseudonyms, uid_from
from heatproof.errors import DataError, PixelError

SCHEME = "99HEATPROOF"
"""Coding scheme of findings, metrics and methods: the standard keeps 99... for private ones."""
MANUFACTURER = "heatproof"
VERSION = version("heatproof")
EQUIPMENT = {
    "manufacturer_model_name": MANUFACTURER,
    "software_versions": VERSION,
    "device_serial_number": "none",
}
"""What constructors of highdicom ask of the device."""
LONGEST = 64
"""Characters of a label, and of a name."""
_PATIENT = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
_STUDY = (
    "StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber",
    "ReferringPhysicianName",
)  # fmt: skip
_INSTANCE = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
_IMAGE = (
    "Modality", "Rows", "Columns", "PixelSpacing", "PatientOrientation", "Laterality",
    "SpecificCharacterSet", "LossyImageCompression",
)  # fmt: skip
_NEEDED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
_SHORT = 16  # characters of a code


def highdicom() -> Any:
    """The library; raises DataError where it is not installed."""
    try:
        import highdicom as library
        import highdicom.sr
    except ImportError as error:
        raise DataError(
            "DICOM is written by highdicom, which is not installed: pip install 'heatproof[clinic]'"
        ) from error
    return library


def source_of(path: Path, pseudonyms: Pseudonyms | None = None) -> Dataset:
    """What of a film's header may be taken over.

    Args:
        path: The film.
        pseudonyms: Pseudonyms in place of identifiers; None where identifiers stay.

    Raises:
        DataError: It is no DICOM file, or lacks the identifiers by which others refer to it.
    """
    with decoding(path):
        if not is_dicom(path):
            raise PixelError("no DICOM film, so there is nothing that others could refer to")
        header = header_of(path)
    lacking = [name for name in _NEEDED if not header.get(name)]
    if lacking:
        raise DataError(
            f"{path} lacks {', '.join(lacking)}, by which others refer to it; was it"
            " anonymised? Give the file as the PACS holds it"
        )
    source = Dataset()
    for name in (*_PATIENT, *_STUDY, *_INSTANCE, *_IMAGE, "ImagePositionPatient"):
        if name in header:
            setattr(source, name, header[name].value)
    for name in (*_PATIENT, *_STUDY):  # of type 2: there, and empty where unknown
        if name not in source:
            setattr(source, name, "")
    spacing = spacing_of(header)
    if spacing and "PixelSpacing" not in source:
        source.PixelSpacing = list(spacing)
    if "FrameOfReferenceUID" in source and "ImagePositionPatient" not in source:
        del source.FrameOfReferenceUID  # which says nothing without a position
    return source if pseudonyms is None else _hidden(source, pseudonyms)


def _hidden(source: Dataset, pseudonyms: Pseudonyms) -> Dataset:
    hidden = Dataset()
    for name in (*_IMAGE, "ImagePositionPatient"):
        if name in source:
            setattr(hidden, name, source[name].value)
    for name in (*_PATIENT, *_STUDY):
        setattr(hidden, name, "")
    hidden.PatientID = pseudonyms.of("patient", str(source.PatientID))
    hidden.PatientName = f"{hidden.PatientID}^"  # a family name alone
    hidden.PatientSex = source.PatientSex
    hidden.SOPClassUID = source.SOPClassUID
    for name in ("StudyInstanceUID", *_INSTANCE[1:]):
        if name in source:
            setattr(hidden, name, pseudonyms.uid(str(source[name].value)))
    return hidden


def for_segments(source: Dataset) -> Dataset:
    """The source as a segmentation wants it: without the spacing, unless it lies in a frame.

    highdicom does not read the file that it writes of a spacing without a slice thickness, which no
    film has.  The spacing is that of the film, to which the segmentation refers.
    """
    if "FrameOfReferenceUID" in source or "PixelSpacing" not in source:
        return source
    plain = Dataset()
    plain.update(source)
    del plain.PixelSpacing
    return plain


def code(value: str) -> tuple[str, str, str]:
    """A private code: what it is called where it fits 16 characters, a digest otherwise."""
    short = value if len(value) <= _SHORT else uid_from(value).removeprefix("2.25.")[:_SHORT]
    return short, SCHEME, brief(value)


def brief(text: str) -> str:
    """The first 64 characters, which is what most texts of DICOM hold."""
    return text[:LONGEST]


def save(derived: Dataset, source: Dataset, made: datetime, file: Path) -> None:
    """Write an object, after what chance and the clock put into it was taken out.

    Args:
        derived: The object.
        source: What it is derived from.
        made: When its content was made.
        file: Where it is written.
    """
    # Both are of type 2C: there, and empty where nobody knows; a segmentation has no laterality.
    sided = () if "SegmentSequence" in derived else ("Laterality",)
    for name in ("PatientOrientation", *sided):
        if name not in derived:
            setattr(derived, name, source.get(name, ""))
    _settle(derived, made)
    derived.save_as(file, enforce_file_format=True)


def _settle(derived: Dataset, made: datetime) -> None:
    """Put what follows from the object in place of what chance and the clock put there."""
    date, time = made.strftime("%Y%m%d"), made.strftime("%H%M%S")
    for event in ("InstanceCreation{}", "Content{}", "{}OfSecondaryCapture"):
        for name, value in ((event.format("Date"), date), (event.format("Time"), time)):
            if name in derived:
                setattr(derived, name, value)
    derived.TimezoneOffsetFromUTC = made.strftime("%z") or "+0000"
    organization = uid_from("dimensions", str(derived.SOPInstanceUID))

    def settle(_: Dataset, element: pydicom.DataElement) -> None:
        if element.keyword == "DimensionOrganizationUID":
            element.value = organization
        elif element.VR == "DT":
            element.value = date + time

    derived.walk(settle)
