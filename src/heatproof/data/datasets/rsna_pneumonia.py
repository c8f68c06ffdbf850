"""RSNA pneumonia: chest films of the NIH with boxes around lung opacities.

Point at the folder into which Kaggle's archive was unpacked::

    [data]
    dataset = "rsna_pneumonia"
    root = "rsna-pneumonia-detection-challenge"
    split = "test"

=======================================  ==========================================================
file                                     holds
=======================================  ==========================================================
``stage_2_train_labels.csv``             a row per box: patientId, x, y, width, height, Target
``stage_2_detailed_class_info.csv``      a row per box: patientId, class
``stage_2_train_images/{patientId}.dcm`` the films, 1024 x 1024 (or your PNGs, of any size)
``pneumonia-challenge-dataset-           if it is there: the NIH film, and so the patient, of each
mappings_2018.json``                     film (RSNA's own page has it)
=======================================  ==========================================================

Traps.  ``patientId`` names a *film*: several films are of one NIH patient, who is known by the
mapping alone; without it films count as independent.  The class *No Lung Opacity / Not Normal* is
neither; published studies leave it out (26,684 films become 14,863).  Their split is that of the
Assessing-Saliency-Maps study: 12,039 / 1,338 / 1,486 films, *not* by patient.

Download: https://www.kaggle.com/c/rsna-pneumonia-detection-challenge/data (an account, and consent
to the rules).  Licence: the rules of the competition, for non-commercial research; no film may be
passed on.  Sources: Shih et al., Radiology: AI 2019, https://doi.org/10.1148/ryai.2019180041; the
split: Arun et al., Radiology: AI 2021, https://doi.org/10.1148/ryai.2021200267.
"""

from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Literal

from heatproof.data.annotations import Boxes
from heatproof.data.datasets import datasets
from heatproof.data.pixels import ImageFile
from heatproof.data.splits.published import drawn
from heatproof.data.tabular import TableRow, find_table, read_json, read_rows
from heatproof.data.tabular.film_files import find_films
from heatproof.data.tabular.listed import Listed
from heatproof.data.tabular.problems import Problems
from heatproof.errors import DataError
from heatproof.types import REFERENCE, Annotation, Sample

FINDING = "Lung Opacity"
NORMAL, OTHER = "Normal", "No Lung Opacity / Not Normal"
FRAME = (1024, 1024)
"""Height and width of the films that boxes were drawn on."""
_LABELS, _CLASSES = "stage_2_train_labels.csv", "stage_2_detailed_class_info.csv"
_MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"
_SIDES = ("x", "y", "width", "height")
_SHARE, _SEED = 0.1, 1  # of the published split


@dataclass(frozen=True)
class _Film:
    """What the tables say of one film."""

    class_: str
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)


@datasets.register("rsna_pneumonia")
@dataclass(frozen=True)
class RSNAPneumonia(Listed):
    """RSNA pneumonia challenge, stage 2: lung opacity, boxes.

    Attributes:
        root: The folder of the challenge.
        split: ``"all"`` films, or a part of the published split.
        others: Whether films that are neither normal nor have an opacity are left out, as published
            studies do, or count as ``"negative"``.
        images: Folder of the films; ``stage_2_train_images`` of the root unless told.
        patients: Whether patients are told where their mapping is there.  The published split is
            not by patient, and no training takes films of a patient that validates it: ``false``
            trains on it all the same.
    """

    root: Path | str
    split: Literal["all", "train", "validation", "test"] = "all"
    others: Literal["left out", "negative"] = "left out"
    images: Path | str | None = None
    patients: bool = True

    @property
    def findings(self) -> tuple[str, ...]:
        """Lung opacity alone."""
        return (FINDING,)

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        films = {
            name: film
            for name, film in self._films().items()
            if film.class_ != OTHER or self.others == "negative"
        }
        kept = self._kept(films)
        folder = Path(self.images or Path(self.root) / "stage_2_train_images")
        paths = find_films(folder, kept, ".dcm")
        patients = self._patients() if self.patients else {}
        return tuple(
            Sample(
                image_id=name,
                pixels=ImageFile(paths[name]),
                patient_id=patients.get(name),
                labels={FINDING: films[name].class_ == FINDING},
                annotations=_marks(films[name]),
                metadata={"class": films[name].class_},
            )
            for name in kept
        )

    def _kept(self, films: dict[str, _Film]) -> list[str]:
        if self.split == "all":
            return list(films)
        if self.others != "left out":
            raise DataError(
                f"{self.root}: the published split is one of films with an opacity and normal"
                ' films; say others = "left out" with it, or split = "all" (and parts)'
            )
        labels = {name: film.class_ == FINDING for name, film in films.items()}
        parts = drawn(list(films), _SHARE, _SEED, labels)
        return [name for name in films if parts[name] == self.split]

    def _films(self) -> dict[str, _Film]:
        """Every film in the order of the labels; raises DataError with all problems."""
        problems = Problems()
        classes: dict[str, str] = {}
        for row in read_rows(self._table(_CLASSES)):
            with problems.noted():
                _note_class(row, classes)
        films: dict[str, _Film] = {}
        for row in read_rows(self._table(_LABELS)):
            with problems.noted():
                _note_box(row, classes, films)
        for name in (name for name in classes if name not in films):
            problems.note(f"{_LABELS} has no film {name!r}, which {_CLASSES} has")
        problems.refuse(self.root, "Are both tables of stage 2, unchanged?")
        return films

    def _table(self, name: str) -> Path:
        path = find_table([Path(self.root)], [name])
        if path is None:
            raise DataError(
                f"{self.root} has no {name}; expected root = the folder into which Kaggle's"
                " archive of the RSNA pneumonia challenge was unpacked"
            )
        return path

    def _patients(self) -> dict[str, str]:
        """The NIH patient of each film that the mapping holds."""
        path = find_table([Path(self.root)], [_MAPPING])
        if path is None:
            return {}
        entries = read_json(path)
        if not isinstance(entries, list) or not all(
            isinstance(entry, dict)
            and isinstance(entry.get("img_id"), str)
            and isinstance(entry.get("subset_img_id"), str)
            for entry in entries
        ):
            raise DataError(f'{path}: expected a list of {{"img_id": ..., "subset_img_id": ...}}')
        # NIH films are named by patient and number: 00013118_008.png.
        return {entry["subset_img_id"]: entry["img_id"].partition("_")[0] for entry in entries}


def _note_class(row: TableRow, classes: dict[str, str]) -> None:
    name, class_ = row["patientId"], row["class"]
    if class_ not in (FINDING, NORMAL, OTHER):
        raise row.wrong("class", f"{FINDING}, {NORMAL} or {OTHER}")
    if classes.setdefault(name, class_) != class_:
        raise row.wrong("class", f"{classes[name]!r}, as film {name!r} has further up")


def _note_box(row: TableRow, classes: dict[str, str], films: dict[str, _Film]) -> None:
    name = row["patientId"]
    if name not in classes:
        raise row.wrong("patientId", f"a film of {_CLASSES}")
    film = films.setdefault(name, _Film(classes[name]))
    target = row["Target"]
    if target not in ("0", "1"):
        raise row.wrong("Target", "0 or 1")
    if (target == "1") != (film.class_ == FINDING):
        raise row.wrong("Target", f"what goes with class {film.class_!r} of {_CLASSES}")
    cells = [row[side] for side in _SIDES]
    if target == "0":
        if any(cells):
            raise row.wrong("x", "nothing, since Target is 0")
        return
    try:
        x, y, width, height = map(float, cells)
    except ValueError:
        raise row.wrong("x", "numbers in x, y, width and height, since Target is 1") from None
    if not (width > 0 and height > 0 and all(map(isfinite, (x, y, width, height)))):
        raise row.wrong("width", "width and height above 0")
    film.boxes.append((x, y, x + width, y + height))


def _marks(film: _Film) -> tuple[Annotation, ...]:
    boxes = Boxes(tuple(film.boxes), FRAME)
    return (Annotation(FINDING, REFERENCE, boxes),) if film.boxes else ()
