"""CheXpert: 224,316 chest films of 65,240 patients, labelled with 14 observations.

Point at the downloaded folder (or at its small version)::

    [data]
    dataset = "chexpert"
    root = "CheXpert-v1.0-small"
    split = "valid"
    views = ["frontal"]

=====================================  ============================================================
file                                   holds
=====================================  ============================================================
``train.csv``, ``valid.csv``           a row per film: Path, Sex, Age, Frontal/Lateral, AP/PA, and
                                       a column for each observation
``test_labels.csv`` or ``test.csv``    likewise, of the test films, perhaps without sex and age
``train``, ``valid``, ``test``         ``patient00001/study1/view1_frontal.jpg``
=====================================  ============================================================

Traps.  A label of ``train.csv`` is 1, 0, -1 (the report is uncertain) or blank (it does not say).
Programs that classify CheXpert treat -1 and blank in several ways: ``uncertain`` and ``blank`` say
in which.  Films of one study share the labels of its report.  The outlines of ten observations are
a data set of their own, ``chexlocalize``, where *Lung Opacity* is called *Airspace Opacity*.

Download: https://stanfordmlgroup.github.io/competitions/chexpert/ (a form).  Licence: Stanford's
research use agreement; no film may be passed on.  Source: Irvin et al., AAAI 2019,
https://arxiv.org/abs/1901.07031.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from heatproof.data.datasets import datasets
from heatproof.data.tabular import TableRow, chexpert, find_table, read_rows
from heatproof.data.tabular.listed import Listed
from heatproof.errors import DataError
from heatproof.types import Label, Sample

_TABLES = {
    "train": ["train.csv"],
    "valid": ["valid.csv", "val_labels.csv"],
    "test": ["test_labels.csv", "test.csv"],
}


@datasets.register("chexpert")
@dataclass(frozen=True)
class CheXpert(Listed):
    """CheXpert: 14 observations, uncertain ones among them.

    Attributes:
        root: The folder with ``train.csv`` and ``valid.csv``.
        split: ``"train"``, ``"valid"`` or ``"test"``.
        uncertain: What -1 becomes: ``"uncertain"``, ``"positive"``, ``"negative"``, or, as if it
            were blank, ``"unknown"``.
        blank: What blank becomes: ``"unknown"``, or ``"negative"``.
        views: ``["frontal"]`` or ``["lateral"]`` films, or both.
    """

    root: Path | str
    split: Literal["train", "valid", "test"] = "valid"
    uncertain: chexpert.Uncertain = "uncertain"
    blank: chexpert.Blank = "unknown"
    views: tuple[Literal["frontal", "lateral"], ...] = ("frontal", "lateral")

    @property
    def findings(self) -> tuple[str, ...]:
        """The 14, in the order of the table."""
        return chexpert.OBSERVATIONS

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        names = _TABLES[self.split]
        table = find_table([Path(self.root)], names)
        if table is None:
            raise DataError(
                f"{self.root} has no {' or '.join(names)}; expected root = the folder of"
                " CheXpert-v1.0 or CheXpert-v1.0-small"
            )
        samples = chexpert.samples(read_rows(table), self._labels)
        return tuple(sample for sample in samples.values() if _side(sample) in self.views)

    def _labels(self, row: TableRow) -> dict[str, Label]:
        return chexpert.labels(row, self.uncertain, self.blank)


def _side(sample: Sample) -> str:
    """Frontal or lateral, as the name of the film says."""
    return "lateral" if sample.image_id.endswith("_lateral") else "frontal"
