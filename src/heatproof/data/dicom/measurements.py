"""DICOM measurement reports (PS3.16 TID 1500) read as shapes: regions that a reader drew on films.

A measurement group (TID 1410) has a finding, and regions by their coordinates on a film: a closed
polyline, a circle, an ellipse or points.  Its reader is the nearest observer above it.  Coordinates
count from the corner of the first pixel (PS3.3 C.18.6.1.2), as those of heatproof do.  A group
without a region says that its film was looked at.

https://dicom.nema.org/medical/dicom/current/output/chtml/part16/sect_TID_1410.html
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
)

from heatproof.data.decoding import decoding
from heatproof.data.decoding.dicom import is_dicom
from heatproof.errors import AnnotationError

_KINDS = (ComprehensiveSRStorage, Comprehensive3DSRStorage, EnhancedSRStorage)
_GROUP, _FINDING, _PERSON = "125007", "121071", "121008"  # codes of DCM
_UNDEFINED = 0xFFFFFFFF  # a length that an end mark tells
_MOST_ITEMS = 100_000
_DEEPEST = 50  # containers within each other


@dataclass(frozen=True)
class Region:
    """One region on one film.

    Attributes:
        film: Identifier of the instance that it was drawn on (SOP Instance UID).
        kind: ``POLYLINE``, ``CIRCLE``, ``ELLIPSE``, ``POINT`` or ``MULTIPOINT``.
        points: Columns and rows, as the kind wants them.
        finding: What is marked; empty where not told.
        reader: Who drew it; empty where not told.
    """

    film: str
    kind: str
    points: tuple[tuple[float, float], ...]
    finding: str
    reader: str


@dataclass
class Report:
    """What a file holds.

    Attributes:
        readers: Everybody whom it names as observer.
        films: The instances that it refers to.
        regions: In the order of the file.
    """

    readers: list[str] = field(default_factory=list)
    films: list[str] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)


def is_report(path: Path) -> bool:
    """Whether a DICOM file is a structured report that may hold regions, by its header.

    Raises:
        PixelError: The header cannot be read.
    """
    with decoding(path):
        if not is_dicom(path):
            return False
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"])
        return str(header.get("SOPClassUID")) in _KINDS


def read_report(path: Path) -> Report:
    """What a file holds.

    Raises:
        AnnotationError: It is no structured report of films.
        PixelError: It is not there, or damaged.
    """
    with decoding(path):
        if not is_dicom(path):
            raise AnnotationError(f"{path} is no DICOM file")
        # Where a file ends early, pydicom warns at most, and leaves out what is missing.
        warnings.filterwarnings("error", message=".* in file ", category=UserWarning)
        dataset = pydicom.dcmread(path)
        if str(dataset.get("SOPClassUID")) not in _KINDS:
            raise AnnotationError(f"{path} is no structured report of measurements")
        if "ContentSequence" not in dataset:
            raise EOFError("it ends before its content")
        report = Report()
        for number, _ in enumerate(_walk(dataset, "", "", report, 0)):
            if number > _MOST_ITEMS:
                raise AnnotationError(f"{path}: over {_MOST_ITEMS:,} items")
        for evidence in dataset.get("CurrentRequestedProcedureEvidenceSequence") or ():
            for series in evidence.get("ReferencedSeriesSequence") or ():
                for instance in series.get("ReferencedSOPSequence") or ():
                    report.films.append(str(instance.ReferencedSOPInstanceUID))
        report.films = list(dict.fromkeys(report.films))
        report.readers = list(dict.fromkeys(report.readers))
        return report


def _walk(
    item: pydicom.Dataset, reader: str, finding: str, report: Report, depth: int
) -> Iterator[None]:
    """Go through an item and all below it, and note regions; yields once for each item."""
    if depth > _DEEPEST:
        raise AnnotationError(f"containers lie more than {_DEEPEST} deep")
    yield
    _refuse_short(item)
    below = item.get("ContentSequence") or ()
    for child in below:
        named = _code(child)
        if named == _PERSON and child.get("PersonName"):
            reader = child.PersonName.family_comma_given().strip(", ")
            report.readers.append(reader)
    if _code(item) == _GROUP:
        told = (child for child in below if _code(child) == _FINDING)
        finding = next((_meaning(child) for child in told), "")
    for child in below:
        if child.get("GraphicType"):
            report.regions.append(_region(child, reader, finding))
        else:
            yield from _walk(child, reader, finding, report, depth + 1)


def _refuse_short(item: pydicom.Dataset) -> None:
    """Refuse values that are shorter than they say; raises EOFError."""
    for tag in item.keys():  # noqa: SIM118  as they were read: iterating decodes them
        raw = item.get_item(tag)
        if not isinstance(raw, RawDataElement) or raw.value is None or raw.length == _UNDEFINED:
            continue
        if len(raw.value) < raw.length:
            raise EOFError(f"{tag} ends after {len(raw.value)} of {raw.length} bytes")


def _region(item: pydicom.Dataset, reader: str, finding: str) -> Region:
    kind = str(item.GraphicType)
    if (
        kind not in ("POLYLINE", "CIRCLE", "ELLIPSE", "POINT", "MULTIPOINT")
        or "FrameOfReferenceUID" in item
    ):
        raise AnnotationError(f"a region of kind {kind!r:.40}, which does not lie on a film")
    values = item.GraphicData
    flat = [
        float(value)
        for value in (
            values if isinstance(values, (list, pydicom.multival.MultiValue)) else [values]
        )
    ]
    if len(flat) % 2 or not flat:
        raise AnnotationError(f"a region of {len(flat)} numbers, expected columns and rows")
    points = tuple(zip(flat[::2], flat[1::2], strict=True))
    referred = [
        str(instance.ReferencedSOPInstanceUID)
        for child in item.get("ContentSequence") or ()
        for instance in child.get("ReferencedSOPSequence") or ()
    ]
    if len(set(referred)) != 1:
        raise AnnotationError(f"a region refers to {len(set(referred))} films, expected one")
    return Region(referred[0], kind, points, finding, reader)


def _code(item: pydicom.Dataset) -> str:
    names = item.get("ConceptNameCodeSequence") or ()
    return str(names[0].get("CodeValue") or "") if names else ""


def _meaning(item: pydicom.Dataset) -> str:
    values = item.get("ConceptCodeSequence") or ()
    return str(values[0].get("CodeMeaning") or "") if values else ""
