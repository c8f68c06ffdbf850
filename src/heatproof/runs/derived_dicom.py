"""DICOM that is derived from a film: whose it is, what it refers to, and which names it has.

What is written belongs to the study of the film and refers to it.  A film that is no DICOM file has
no study and no instance that a reader could refer to, so it is left out, and told.

Identifiers follow from what they name (source instance, model, method, finding, values and format),
so that two exports of one run are the same instances, byte for byte, and a PACS keeps one of them.
Dates are those of the end of the run.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
from pydicom.dataset import Dataset

from heatproof.data.decoding.dicom import is_dicom
from heatproof.data.dicom.derived import EQUIPMENT, MANUFACTURER, VERSION, save, source_of
from heatproof.data.pixels import ImageFile
from heatproof.data.pseudonyms import uid_from
from heatproof.errors import ExperimentError
from heatproof.runs.exported import Exported, MapOfFilm
from heatproof.runs.map_files import Names
from heatproof.runs.plain_tables import written_csv

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
        return dict(EQUIPMENT)


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
                save(derived, place.source, place.made, file)
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
        source = source_of(path, self.what.pseudonyms)
        study = str(source.StudyInstanceUID)
        identity = self._identity(each)
        series = uid_from("series", study, self.kind, self.spec, *identity[:2])
        instance = uid_from(
            "instance", str(source.SOPInstanceUID), self.kind, self.spec, *identity,
            each.stored.values.tobytes().hex(), VERSION,
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
