"""CheXpert's table of labels, which CheXlocalize uses, too: a row per film, named by its path.

A film ``CheXpert-v1.0/valid/patient64541/study1/view1_frontal.jpg`` is
``patient64541_study1_view1_frontal``.  MIMIC-CXR's table of labels has columns and cells of the
same kind, but a row per study.
"""

from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from heatproof.data.pixels import ImageFile
from heatproof.data.tabular import TableRow
from heatproof.data.tabular.problems import Problems
from heatproof.types import Label, Sample

OBSERVATIONS = (
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion",
    "Edema", "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion",
    "Pleural Other", "Fracture", "Support Devices",
)  # fmt: skip
"""The 14 of each row, in the order of CheXpert's table."""
Uncertain = Literal["uncertain", "positive", "negative", "unknown"]
"""What -1 becomes; unknown is as if it were blank."""
Blank = Literal["unknown", "negative"]
"""What a blank cell becomes."""
LABELS: dict[str, Label] = {
    "1": True,
    "1.0": True,
    "0": False,
    "0.0": False,
    "-1": None,
    "-1.0": None,
}
"""What a cell means that is not blank; -1 is uncertain."""
_ID_PARTS = 3  # patient, study, view


class Named(NamedTuple):
    """What the path of a film tells.

    Attributes:
        image_id: Patient, study and view.
        path: The file, beside the table.
        patient: Such as patient64541.
        study: Patient and study.
    """

    image_id: str
    path: Path
    patient: str
    study: str


def samples(
    rows: Iterable[TableRow], labels_of: Callable[[TableRow], dict[str, Label]]
) -> dict[str, Sample]:
    """The films of rows by identifier, without annotations.

    Raises:
        DataError: Cells are wrong, or a film is listed twice; all problems are told.
    """
    found: dict[str, Sample] = {}
    problems, table = Problems(), Path()
    for row in rows:
        table = row.path
        with problems.noted():
            film = _named(row)
            if film.image_id in found:
                raise row.wrong("Path", f"each film once, but {film.image_id} came before")
            found[film.image_id] = Sample(
                image_id=film.image_id,
                pixels=ImageFile(film.path),
                patient_id=film.patient,
                labels=labels_of(row),
                study_id=film.study,
                view=row.values.get("AP/PA") or row.values.get("Frontal/Lateral", ""),
                metadata=_metadata(row),
            )
    problems.refuse(table)
    return found


def _named(row: TableRow) -> Named:
    """The film of a row; raises DataError."""
    path = PurePosixPath(row["Path"])
    if len(path.parts) < _ID_PARTS + 1:
        raise row.wrong("Path", "a path such as CheXpert-v1.0/valid/patient00001/study1/view1.jpg")
    patient, study, view = path.with_suffix("").parts[-_ID_PARTS:]
    # A path may begin with CheXpert's folder, in which the table itself lies.
    within = path.relative_to(path.parts[0]) if path.parts[0].startswith("CheXpert") else path
    file = row.path.parent / within
    return Named(f"{patient}_{study}_{view}", file, patient, f"{patient}_{study}")


def label(row: TableRow, column: str) -> Label:
    """What a cell says that is not blank; raises DataError."""
    text = row[column]
    if text not in LABELS:
        raise row.wrong(column, "1 (present), 0 (absent), -1 (uncertain) or nothing")
    return LABELS[text]


def labels(row: TableRow, uncertain: Uncertain, blank: Blank) -> dict[str, Label]:
    """The labels of a row, with uncertain and blank cells read as told; raises DataError."""
    found: dict[str, Label] = {}
    for finding in OBSERVATIONS:
        if not row[finding]:
            if blank == "negative":
                found[finding] = False
            continue
        said = label(row, finding)
        if said is None and uncertain != "uncertain":
            if uncertain == "unknown":
                continue
            said = uncertain == "positive"
        found[finding] = said
    return found


def _metadata(row: TableRow) -> dict[str, str | float]:
    """Sex and age, where the table has them; raises DataError."""
    found: dict[str, str | float] = {}
    if sex := row.values.get("Sex"):
        found["sex"] = sex
    if age := row.values.get("Age"):
        try:
            found["age"] = float(age)
        except ValueError as error:
            raise row.wrong("Age", "a number of years") from error
    return found
