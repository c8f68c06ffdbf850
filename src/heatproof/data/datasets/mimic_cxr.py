"""MIMIC-CXR-JPG: 377,110 chest films of 65,379 patients, labelled from reports.

Point at the downloaded folder::

    [data]
    dataset = "mimic_cxr"
    root = "mimic-cxr-jpg/2.0.0"
    split = "test"
    views = ["PA", "AP"]

===============================================  ==================================================
file (``.csv`` or ``.csv.gz``)                   holds
===============================================  ==================================================
``mimic-cxr-2.0.0-metadata``                     a row per film: dicom_id, subject_id, study_id,
                                                 ViewPosition
``mimic-cxr-2.0.0-split``                        a row per film: dicom_id, split
``mimic-cxr-2.0.0-chexpert`` (or ``-negbio``)    a row per study: subject_id, study_id, and a column
                                                 for each of 14 observations
``files/p10/p10000032/s50414267/{dicom_id}.jpg``  the films
===============================================  ==================================================

Labels are those of CheXpert's kind, 1, 0, -1 (uncertain) or blank (the report does not say), and
belong to the study; ``uncertain`` and ``blank`` say what becomes of the last two.

Traps.  Some studies have no row of labels (their report has no findings): all their labels are
unknown.  Reports of the test films were read by the same program, so they are no better reference.
Nothing is outlined.

Download: https://physionet.org/content/mimic-cxr-jpg/ (credentialed).  Licence: PhysioNet
Credentialed Health Data License 1.5.0; no film may be passed on.  Source: Johnson et al., 2019,
https://arxiv.org/abs/1901.07042.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from heatproof.data.datasets import datasets
from heatproof.data.pixels import ImageFile
from heatproof.data.tabular import TableRow, chexpert, find_table, read_rows
from heatproof.data.tabular.listed import Listed
from heatproof.data.tabular.problems import Problems
from heatproof.data.tabular.spellings import plain
from heatproof.errors import DataError, near_misses
from heatproof.types import Label, Sample

FINDINGS = tuple(sorted(chexpert.OBSERVATIONS))
_Study = tuple[str, str]


@datasets.register("mimic_cxr")
@dataclass(frozen=True)
class MIMICCXR(Listed):
    """MIMIC-CXR-JPG: 14 observations of each study.

    Attributes:
        root: The folder with the tables and ``files``.
        split: ``"train"``, ``"validate"`` or ``"test"``, or ``"all"`` films.
        labeller: The program that read the reports, ``"chexpert"`` or ``"negbio"``.
        uncertain: What -1 becomes: ``"uncertain"``, ``"positive"``, ``"negative"``, or, as if it
            were blank, ``"unknown"``.
        blank: What blank becomes: ``"unknown"``, or ``"negative"``.
        views: Views to keep, such as ``["PA", "AP"]``; all unless told.
    """

    root: Path | str
    split: Literal["all", "train", "validate", "test"] = "test"
    labeller: Literal["chexpert", "negbio"] = "chexpert"
    uncertain: chexpert.Uncertain = "uncertain"
    blank: chexpert.Blank = "unknown"
    views: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[str, ...]:
        """The 14, in the order of the table."""
        return FINDINGS

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        problems = Problems()
        parts = {row["dicom_id"]: row["split"] for row in self._rows("split")}
        labels: dict[_Study, dict[str, Label]] = {}
        for row in self._rows(self.labeller):
            with problems.noted():
                labels[_study(row)] = chexpert.labels(row, self.uncertain, self.blank)
        samples: dict[str, Sample] = {}
        views = set()
        for row in self._rows("metadata"):
            with problems.noted():
                name = row["dicom_id"]
                if name in samples:
                    raise row.wrong("dicom_id", "each film once, but it came before")
                if name not in parts:
                    raise row.wrong("dicom_id", "a film of the table of the split")
                views.add(row["ViewPosition"])
                if self.split in ("all", parts[name]):
                    samples[name] = self._sample(row, labels)
        problems.refuse(self.root)
        for view in self.views:
            if view not in views:
                raise DataError(f"{self.root} has no view {view!r}; {near_misses(view, views)}")
        return tuple(film for film in samples.values() if not self.views or film.view in self.views)

    def _sample(self, row: TableRow, labels: Mapping[_Study, dict[str, Label]]) -> Sample:
        patient, study = _study(row)
        folder = Path(self.root) / "files" / f"p{patient[:2]}" / f"p{patient}" / f"s{study}"
        return Sample(
            image_id=row["dicom_id"],
            pixels=ImageFile(folder / f"{row['dicom_id']}.jpg"),
            patient_id=patient,
            labels=labels.get((patient, study), {}),
            study_id=study,
            view=row["ViewPosition"],
        )

    def _rows(self, kind: str) -> tuple[TableRow, ...]:
        names = [f"mimic-cxr-2.{minor}.0-{kind}.csv" for minor in (0, 1)]
        path = find_table([Path(self.root)], names)
        if path is None:
            raise DataError(
                f"{self.root} has no {names[0]}, compressed or not; expected root = the folder of"
                " MIMIC-CXR-JPG 2"
            )
        return read_rows(path)


def _study(row: TableRow) -> _Study:
    """Patient and study; raises DataError."""
    for column in ("subject_id", "study_id"):
        if not plain(row[column]).isdecimal():
            raise row.wrong(column, "a number")
    return plain(row["subject_id"]), plain(row["study_id"])
