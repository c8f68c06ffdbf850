"""NIH ChestX-ray14: 112,120 frontal films with labels from reports, and boxes on some.

Point at the downloaded folder::

    [data]
    dataset = "nih_chestxray14"
    root = "nih"
    split = "test"

===========================================  ======================================================
file                                         holds
===========================================  ======================================================
``Data_Entry_2017_v2020.csv`` (or            a row per film: labels, patient, age, sex, view
``Data_Entry_2017.csv``)
``BBox_List_2017.csv``                       a row per box, 984 of eight findings
``train_val_list.txt``, ``test_list.txt``    the official split, by patient
``images/*.png``, ``images_001/images``...   the films, in folders of any depth
===========================================  ======================================================

Traps.  Boxes are in pixels of the 1024 x 1024 films, and say *Infiltrate* where labels say
*Infiltration*; their table has a header with more cells than its rows.  They are on few films, and
a film with boxes of one finding may have others unmarked.  Labels were read from reports by a
program, and what a report does not name is absent.  A patient is the first part of the name,
``00013118_008.png``; the later table writes 13118.  Ages are years, months or days (``058Y``);
those above 120 are mistakes, and are left out.

Download: https://nihcc.app.box.com/v/ChestXray-NIHCC (the split lists and boxes lie there, too).
Licence: no restrictions; the NIH Clinical Center is to be named, and the paper cited.  Source:
Wang et al., CVPR 2017, https://arxiv.org/abs/1705.02315.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Literal

from heatproof.data.annotations import Boxes
from heatproof.data.datasets import datasets
from heatproof.data.pixels import ImageFile
from heatproof.data.splits.published import names_in
from heatproof.data.tabular import TableRow, find_table, read_rows
from heatproof.data.tabular.film_files import find_films
from heatproof.data.tabular.listed import Listed
from heatproof.data.tabular.problems import Problems
from heatproof.errors import DataError, near_misses
from heatproof.types import REFERENCE, Annotation, Sample

FINDINGS = (
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis",
    "Hernia", "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax",
)  # fmt: skip
FRAME = (1024, 1024)
"""Height and width of the films that boxes were drawn on."""
_TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
_BOXES = "BBox_List_2017.csv"
_LISTS = {"train_val": "train_val_list.txt", "test": "test_list.txt"}
_SYNONYMS = {"Infiltrate": "Infiltration"}
_NONE = "No Finding"
# The header of the table of boxes is "Bbox [x,y,w,h],,,", which a CSV cuts at its commas.
_SIDES = ("Bbox [x", "y", "w", "h]")
_NAME = re.compile(r"(\d{8})_\d{3}\.png")
_PATIENT = re.compile(r"0*(\d{1,8})")
_AGE = re.compile(r"0*(\d{1,8})([YMD]?)")
_YEARS = {"": 1.0, "Y": 1.0, "M": 1 / 12, "D": 1 / 365.25}
_OLDEST = 120
_Box = tuple[float, float, float, float]


@datasets.register("nih_chestxray14")
@dataclass(frozen=True)
class NIHChestXray14(Listed):
    """NIH ChestX-ray14: 14 findings, boxes of eight.

    Attributes:
        root: The downloaded folder.
        split: ``"all"`` films, or the official ``"train_val"`` or ``"test"``.
        boxed: Whether films without a box are left out.
        images: Folder of the films; the root unless told.
    """

    root: Path | str
    split: Literal["all", "train_val", "test"] = "all"
    boxed: bool = False
    images: Path | str | None = None

    @property
    def findings(self) -> tuple[str, ...]:
        """The 14 that are labelled."""
        return FINDINGS

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        table = self._table(*_TABLES)
        rows: dict[str, TableRow] = {}
        problems = Problems()
        labels = {}
        for row in read_rows(table, padded=True):
            with problems.noted():
                name = row["Image Index"]
                _check_patient(row)
                if name in rows:
                    raise row.wrong("Image Index", f"each film once; see line {rows[name].line}")
                rows[name] = row
                labels[name] = _labels(row)
        problems.refuse(table)
        boxes = self._boxes(rows)
        kept = [name for name in self._split(rows) if not self.boxed or name in boxes]
        stems = [name.removesuffix(".png") for name in kept]
        paths = find_films(Path(self.images or self.root), stems, ".png")
        return tuple(
            Sample(
                image_id=stem,
                pixels=ImageFile(paths[stem]),
                patient_id=name.partition("_")[0],
                labels=labels[name],
                annotations=tuple(
                    Annotation(finding, REFERENCE, Boxes(tuple(drawn), FRAME))
                    for finding, drawn in boxes.get(name, {}).items()
                ),
                view=rows[name].values.get("View Position", ""),
                metadata=_metadata(rows[name]),
            )
            for name, stem in zip(kept, stems, strict=True)
        )

    def _table(self, *names: str) -> Path:
        path = find_table([Path(self.root)], names)
        if path is None:
            raise DataError(
                f"{self.root} has no {' or '.join(names)}; expected root = the folder into which"
                " ChestX-ray14 was downloaded"
            )
        return path

    def _split(self, rows: Mapping[str, TableRow]) -> list[str]:
        if self.split == "all":
            return list(rows)
        path = self._table(_LISTS[self.split])
        names = names_in(path)
        if strangers := [name for name in names if name not in rows]:
            raise DataError(
                f"{path}: {len(strangers)} of {len(names)} films are not in the table of labels,"
                f" such as {strangers[0]!r}; is the table cut short?"
            )
        return list(names)

    def _boxes(self, rows: Mapping[str, TableRow]) -> dict[str, dict[str, list[_Box]]]:
        """The boxes of each film by finding; none where there is no table of them."""
        path = find_table([Path(self.root)], [_BOXES])
        if path is None:
            if self.boxed:
                raise DataError(f"{self.root} has no {_BOXES}, which boxed = true needs")
            return {}
        boxes: dict[str, dict[str, list[_Box]]] = {}
        problems = Problems()
        for row in read_rows(path, padded=True):
            with problems.noted():
                name = row["Image Index"]
                if name not in rows:
                    raise row.wrong("Image Index", "a film of the table of labels")
                finding = _SYNONYMS.get(row["Finding Label"], row["Finding Label"])
                if finding not in FINDINGS:
                    raise row.wrong("Finding Label", near_misses(finding, FINDINGS))
                boxes.setdefault(name, {}).setdefault(finding, []).append(_box(row))
        problems.refuse(path)
        return boxes


def _check_patient(row: TableRow) -> None:
    found = _NAME.fullmatch(row["Image Index"])
    if found is None:
        raise row.wrong("Image Index", "a name such as 00013118_008.png")
    patient = _PATIENT.fullmatch(row["Patient ID"])
    if patient is None or int(patient[1]) != int(found[1]):
        raise row.wrong("Patient ID", f"the patient in the film's name, {found[1]}")


def _labels(row: TableRow) -> dict[str, bool | None]:
    """All 14: what a report does not name is absent, as the data set has it."""
    named = row["Finding Labels"].split("|")
    for finding in named:
        if finding not in (*FINDINGS, _NONE) or (finding == _NONE and len(named) > 1):
            raise row.wrong("Finding Labels", f"{_NONE}, or findings with | between them:"
                            f" {near_misses(finding, FINDINGS)}")  # fmt: skip
    return {finding: finding in named for finding in FINDINGS}


def _metadata(row: TableRow) -> dict[str, str | float]:
    metadata: dict[str, str | float] = {}
    sex = row.values.get("Patient Gender") or row.values.get("Patient Sex")
    if sex:
        metadata["sex"] = sex.strip()
    age = _AGE.fullmatch(row.values.get("Patient Age", "").strip())
    if age and (years := int(age[1]) * _YEARS[age[2]]) <= _OLDEST:
        metadata["age"] = years
    return metadata


def _box(row: TableRow) -> _Box:
    try:
        x, y, width, height = (float(row[side]) for side in _SIDES)
    except ValueError:
        raise row.wrong(_SIDES[0], "four numbers: x, y, width and height") from None
    if not (width > 0 and height > 0 and all(map(isfinite, (x, y, width, height)))):
        raise row.wrong("w", "a width and a height above 0")
    return x, y, x + width, y + height
