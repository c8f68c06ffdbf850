"""DICOM structured reports of measurements (PS3.16 TID 1500): a file per film and reader.

A measurement group is a thing: its region is the mark, its finding what is marked, and the observer
the reader.  Which film it is of, and where it is written, ``dicom_films`` says.  Other objects of a
study, which lie in the same folder, are passed over.  A report of a reader who drew nothing has one
group, which refers to the film alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import atan2, dist
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
from heatproof.data.annotations.marks import (
    Beside,
    Mark,
    MarkedFilm,
    Markings,
    Reading,
    StrayError,
    ellipse,
    polygon,
)
from heatproof.data.annotations.shapes import Outline, Points
from heatproof.data.dicom.derived import EQUIPMENT, MANUFACTURER, code, highdicom
from heatproof.data.dicom.measurements import Region, is_report, read_report
from heatproof.data.pseudonyms import uid_from
from heatproof.errors import DataError
from heatproof.types import REFERENCE, Shape

_CIRCLE, _ELLIPSE = 2, 4  # points that describe one


@formats.register("dicom_sr")
@dataclass(frozen=True)
class DicomSr:
    """DICOM structured reports, all of a folder; each refers to a film that is a DICOM file."""

    holds: ClassVar[Holds] = Holds(
        frozenset({"polygons", "points"}),
        readers=True,
        lookers=True,
        precision="to the nearest 32-bit number",
    )

    def recognizes(self, path: Path) -> bool:
        """By the kind of its first files."""
        return any_is(is_report, path)

    def read(self, path: Path, beside: Beside) -> Markings:
        """The regions of every film."""
        reading, films, found = Reading(path, beside), Films(beside), False
        for file in files_in(path):
            with reading.item(file.name):
                if is_report(file):
                    found = True
                    _read(file, films, reading)
        markings = reading.markings()
        if not found:
            raise DataError(f"{path} has no structured reports, expected DICOM files of them")
        return markings

    def write(self, films: Sequence[MarkedFilm], path: Path) -> None:
        """A file per film and reader, with a group per mark."""
        for name in sorted({mark.finding for film in films for mark in film.marks}):
            held(name, "finding")
        write_each(films, path, _report)


def _read(file: Path, films: Films, reading: Reading) -> None:
    report = read_report(file)
    default = report.readers[0] if len(report.readers) == 1 else reading.beside.reader
    names = {instance: films.name(instance, file) for instance in report.films or ("",)}
    for name in names.values():
        reading.film(name, None, *(report.readers or (default,)))
    for region in report.regions:
        with reading.item(f"{file.name}, a {region.kind.lower()}"):
            name = names.get(region.film) or reading.film(films.name(region.film, file))
            mark = Mark(reading.finding(region.finding), _shape(region), region.reader or default)
            reading.add(name, mark)


def _shape(region: Region) -> Shape:
    """What was drawn; raises StrayError where that marks nothing."""
    points = region.points
    match region.kind:
        case "POLYLINE":
            return polygon(points)
        case "CIRCLE" if len(points) == _CIRCLE:
            radius = dist(*points)
            return ellipse(*points[0], radius, radius)
        case "ELLIPSE" if len(points) == _ELLIPSE:
            # The ends of the longer axis, then of the shorter.
            (ax, ay), (bx, by), *minor = points
            half = dist(points[0], points[1]) / 2, dist(*minor) / 2
            return ellipse((ax + bx) / 2, (ay + by) / 2, *half, atan2(by - ay, bx - ax))
        case "POINT" | "MULTIPOINT":
            return Points(points)
    raise StrayError(f"{len(points)} points, which describe no {region.kind.lower()}")


def _report(source: pydicom.Dataset, film: MarkedFilm, reader: str) -> Any:
    """What a reader marked on a film."""
    marks = [mark for mark in film.marks if mark.reader == reader]
    regions = [(mark.finding, region) for mark in marks for region in _regions(mark)]
    told = (part for finding, (_, data) in regions for part in (finding, data.tobytes().hex()))
    instance = uid_from("report", str(source.SOPInstanceUID), reader, *told)
    hd = highdicom()
    observer = (
        None
        if reader == REFERENCE
        else hd.sr.ObserverContext(
            hd.sr.CodedConcept("121006", "DCM", "Person"),
            hd.sr.PersonObserverIdentifyingAttributes(f"{reader}^"),
        )
    )
    groups = [
        hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            _tracking(hd, instance, number),
            hd.sr.ImageRegion(kind, data, hd.sr.SourceImageForRegion.from_source_image(source)),
            finding_type=hd.sr.CodedConcept(*code(finding)),
        )
        for number, (finding, (kind, data)) in enumerate(regions, 1)
    ]
    looked = hd.sr.MeasurementsAndQualitativeEvaluations(
        _tracking(hd, instance, 0),
        source_images=[hd.sr.SourceImageForMeasurementGroup.from_source_image(source)],
    )
    return hd.sr.ComprehensiveSR(
        [source],
        hd.sr.MeasurementReport(
            hd.sr.ObservationContext(observer_person_context=observer),
            hd.sr.CodedConcept("363679005", "SCT", "Imaging"),
            groups or [looked],
            title=hd.sr.CodedConcept("126000", "DCM", "Imaging Measurement Report"),
        ),
        uid_from("reports", str(source.StudyInstanceUID), reader),
        SERIES,
        instance,
        1,
        MANUFACTURER,
        is_complete=True,
        series_description="annotations",
        specific_character_set=ANY_LANGUAGE,
        **EQUIPMENT,
    )


def _tracking(hd: Any, instance: str, number: int) -> Any:
    return hd.sr.TrackingIdentifier(uid_from("mark", instance, str(number)), f"{number}")


def _regions(mark: Mark) -> Iterator[tuple[str, np.ndarray]]:
    """Kind and coordinates of each region that a mark is."""
    shape = mark.shape
    if isinstance(shape, Outline):
        for contour in shape.contours:
            yield "POLYLINE", np.array([*contour, contour[0]], np.float64)
    elif isinstance(shape, Points):
        for point in shape.points:
            yield "POINT", np.array([point], np.float64)
