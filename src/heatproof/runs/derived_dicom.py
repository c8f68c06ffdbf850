"""DICOM that is derived from a film: whose it is, what it refers to, and which names it has.

What is written belongs to the study of the film and refers to it.  A film that is no DICOM file has
no study and no instance that a reader could refer to, so it is left out, and told.

Identifiers follow from what they name (source instance, model, method, finding, values and format),
so that two exports of one run are the same instances, byte for byte, and a PACS keeps one of them.
Dates are those of the end of the run.

With pseudonyms, only what a derived object must hold of a patient and a study is taken from the
film, and all of that under pseudonyms: names, dates of birth and study, and numbers of examinations
are left out, and identifiers of study, series and instances are replaced consistently, as whoever
sends the films along has to do with the same key.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
import pydicom
from pydicom.dataset import Dataset

from heatproof.data.dicom import header_of, is_dicom, spacing_of
from heatproof.data.pixels import ImageFile
from heatproof.data.pseudonyms import Pseudonyms, uid_from
from heatproof.errors import ExperimentError
from heatproof.runs.exported import Exported, MapOfFilm
from heatproof.runs.map_files import Names
from heatproof.runs.plain_tables import written_csv

SCHEME = "99HEATPROOF"
"""Coding scheme of findings, metrics and methods: the standard keeps 99... for private ones."""
MANUFACTURER = "heatproof"
_VERSION = version("heatproof")
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
_SHORT, _LONG = 16, 64  # characters of a code, and of what it means
_FIRST_SERIES = 9000  # above the numbers that devices give
_WITHOUT = "no DICOM file, so there is no study to file it in and no instance to refer to"


@dataclass(frozen=True)
class Place:
    """Where a derived object lies: its identifiers, and what highdicom wants of every object.

    Attributes:
        source: What it is derived from, without pixels.
        series: Identifier of its series.
        series_number: Number of its series.
        instance: Identifier of the object.
        number: Number in its series.
        made: When the run ended.
    """

    source: Dataset
    series: str
    series_number: int
    instance: str
    number: int
    made: datetime

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments that all constructors of highdicom share."""
        return {
            "series_instance_uid": self.series,
            "series_number": self.series_number,
            "sop_instance_uid": self.instance,
            "instance_number": self.number,
            "manufacturer": MANUFACTURER,
        }

    @property
    def equipment(self) -> dict[str, Any]:
        """What they ask of the device besides."""
        return {
            "manufacturer_model_name": MANUFACTURER,
            "software_versions": _VERSION,
            "device_serial_number": "none",
        }


def write_derived(
    what: Exported,
    to: Path,
    name: str,
    spec: str,
    make: Callable[[MapOfFilm, Place], Dataset | str],
) -> Iterator[Path]:
    """Write what is derived from every map, and a list, ``<name>.csv``, of files and of maps left
    out.

    Args:
        what: What is exported.
        to: Folder to write to.
        name: The format.
        spec: Spec of the exporter, on which identifiers depend.
        make: The object that is derived from a map, or why there is none.

    Raises:
        ExperimentError: No film is a DICOM file, or one lacks its identifiers.
    """
    derivation, names = _Derivation(what, name, spec), Names(to, ".dcm", name)
    rows, of_dicom = [], False
    for each in what.maps():
        pixels = what.film(each).pixels
        row = {**each.shown, "file": "", "instance": "", "reason": _WITHOUT}
        if isinstance(pixels, ImageFile) and is_dicom(pixels.path):
            of_dicom = True
            place = derivation.place(each, pixels.path)
            with warnings.catch_warnings():
                # Names of patients and films are as they are: nobody can mend them here.
                warnings.simplefilter("ignore", UserWarning)
                derived = make(each, place)
            row["reason"] = derived if isinstance(derived, str) else ""
            if not isinstance(derived, str):
                file = names.of(each)
                _save(derived, place, file)
                row |= {"file": file.relative_to(to).as_posix(), "instance": place.instance}
                yield file
        rows.append(row)
    if rows and not of_dicom:
        raise ExperimentError(
            f"{name}: none of the films is a DICOM file, so there is no study to file results in"
            " and no instance to refer to; --as nifti, npy or coco writes maps of any film"
        )
    yield written_csv(pl.DataFrame(rows), to / f"{name}.csv")


@dataclass
class _Derivation:
    """Places for what is derived from the films of a run, by one format."""

    what: Exported
    kind: str
    spec: str
    numbers: "Counter[str]" = field(default_factory=Counter)

    def place(self, each: MapOfFilm, path: Path) -> Place:
        """Where what is derived from a map lies."""
        source = self._reference(path)
        study = str(source.StudyInstanceUID)
        identity = self._identity(each)
        series = uid_from("series", study, self.kind, self.spec, *identity[:2])
        instance = uid_from(
            "instance", str(source.SOPInstanceUID), self.kind, self.spec, *identity,
            each.stored.values.tobytes().hex(), _VERSION,
        )  # fmt: skip
        self.numbers[series] += 1
        return Place(source, series, self._series_number(each), instance, self.numbers[series],
                     self._made)  # fmt: skip

    def _identity(self, each: MapOfFilm) -> tuple[str, str, str]:
        """Member, method and finding; the member by what it holds, since names repeat in runs."""
        members = self.what.run.about["members"]
        keys = ("data", "model", "member")
        [known] = [m["id"] for m in members if all(m[key] == each.row[key] for key in keys)]
        return str(known), each.row["method"], each.row["finding"]

    def _series_number(self, each: MapOfFilm) -> int:
        """One number for each format, member and method."""
        of_method = [(row["member"], row["method"]) for row in self._methods]
        return _FIRST_SERIES + 1 + of_method.index((each.row["member"], each.row["method"]))

    @cached_property
    def _methods(self) -> list[dict[str, str]]:
        return (
            self.what.run.maps.select("member", "method")
            .unique()
            .sort("member", "method")
            .to_dicts()
        )

    @cached_property
    def _made(self) -> datetime:
        about = self.what.run.about
        return datetime.fromisoformat(str(about.get("finished") or about["begun"]))

    def _reference(self, path: Path) -> Dataset:
        """What of a film's header may be taken over."""
        header = header_of(path)
        lacking = [name for name in _NEEDED if not header.get(name)]
        if lacking:
            raise ExperimentError(
                f"{path} lacks {', '.join(lacking)}, by which others refer to it; was it"
                " anonymised? Give the file as the PACS holds it"
            )
        reference = Dataset()
        for name in (*_PATIENT, *_STUDY, *_INSTANCE, *_IMAGE, "ImagePositionPatient"):
            if name in header:
                setattr(reference, name, header[name].value)
        for name in (*_PATIENT, *_STUDY):  # of type 2: there, and empty where unknown
            if name not in reference:
                setattr(reference, name, "")
        spacing = spacing_of(header)
        if spacing and "PixelSpacing" not in reference:
            reference.PixelSpacing = list(spacing)
        if "FrameOfReferenceUID" in reference and "ImagePositionPatient" not in reference:
            del reference.FrameOfReferenceUID  # which says nothing without a position
        return (
            reference if self.what.pseudonyms is None else _hidden(reference, self.what.pseudonyms)
        )


def code(value: str) -> tuple[str, str, str]:
    """A private code: what it is called where it fits 16 characters, a digest otherwise."""
    short = value if len(value) <= _SHORT else uid_from(value).removeprefix("2.25.")[:_SHORT]
    return short, SCHEME, brief(value)


def brief(text: str) -> str:
    """The first 64 characters, which is what most texts of DICOM hold."""
    return text[:_LONG]


def own_frame(source: Dataset) -> Dataset:
    """The same source with a frame of reference of its own, where it has none.

    A parametric map must lie in one.  The plane of the film is all that is meant: that it stands
    for a place in the patient is not claimed, nor known.  An unknown spacing counts as 1 mm.
    """
    if "FrameOfReferenceUID" in source:
        return source
    framed = Dataset()
    framed.update(source)
    framed.FrameOfReferenceUID = uid_from("frame of reference", str(source.SOPInstanceUID))
    framed.ImagePositionPatient = [0.0, 0.0, 0.0]
    framed.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    framed.PixelSpacing = source.get("PixelSpacing", [1.0, 1.0])
    framed.SliceThickness = None
    return framed


def _hidden(reference: Dataset, pseudonyms: Pseudonyms) -> Dataset:
    hidden = Dataset()
    for name in (*_IMAGE, "ImagePositionPatient"):
        if name in reference:
            setattr(hidden, name, reference[name].value)
    for name in (*_PATIENT, *_STUDY):
        setattr(hidden, name, "")
    hidden.PatientID = pseudonyms.of("patient", str(reference.PatientID))
    hidden.PatientName = f"{hidden.PatientID}^"  # a family name alone
    hidden.PatientSex = reference.PatientSex
    hidden.SOPClassUID = reference.SOPClassUID
    for name in ("StudyInstanceUID", *_INSTANCE[1:]):
        if name in reference:
            setattr(hidden, name, pseudonyms.uid(str(reference[name].value)))
    return hidden


def _save(derived: Dataset, place: Place, file: Path) -> None:
    """Write an object, after what chance and the clock put into it was taken out."""
    # Both are of type 2C: there, and empty where nobody knows; a segmentation has no laterality.
    sided = () if "SegmentSequence" in derived else ("Laterality",)
    for name in ("PatientOrientation", *sided):
        if name not in derived:
            setattr(derived, name, place.source.get(name, ""))
    _settle(derived, place)
    derived.save_as(file, enforce_file_format=True)


def _settle(derived: Dataset, place: Place) -> None:
    """Put what follows from the object in place of what chance and the clock put there."""
    date, time = place.made.strftime("%Y%m%d"), place.made.strftime("%H%M%S")
    for event in ("InstanceCreation{}", "Content{}", "{}OfSecondaryCapture"):
        for name, value in ((event.format("Date"), date), (event.format("Time"), time)):
            if name in derived:
                setattr(derived, name, value)
    derived.TimezoneOffsetFromUTC = place.made.strftime("%z") or "+0000"
    organization = uid_from("dimensions", place.instance)

    def settle(_: Dataset, element: pydicom.DataElement) -> None:
        if element.keyword == "DimensionOrganizationUID":
            element.value = organization
        elif element.VR == "DT":
            element.value = date + time

    derived.walk(settle)
