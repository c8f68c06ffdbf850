"""A first experiment file on a data set of the field, or on a COCO file, in a downloaded folder."""

import csv
import dataclasses
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

from heatproof.data.annotations.formats.coco import read_coco
from heatproof.data.annotations.marks import file_name
from heatproof.data.datasets import datasets
from heatproof.data.overview import Overview, overview
from heatproof.data.tabular import read_json
from heatproof.errors import DataError, ExperimentError, near_misses
from heatproof.experiment.drafting import Key, Remark, films_in, path_from, toml, written
from heatproof.types import Dataset
from heatproof.words import count, listed

COCO = "coco"
_SHORT = {
    "rsna": "rsna_pneumonia",
    "siim": "siim_pneumothorax",
    "nih": "nih_chestxray14",
    "mimic": "mimic_cxr",
    "vindr": "vindr_cxr",
}
_JUDGED = ("test", "valid", "validation", "all", "train")
"""Splits, that which networks are mostly judged on first."""
_FILMS_CSV = "films.csv"


class Draft(NamedTuple):
    """An experiment file, and the table that it needs.

    Attributes:
        text: The experiment file.
        tables: Files to be written beside it, by name.
    """

    text: str
    tables: dict[str, str]


def known() -> tuple[str, ...]:
    """What a draft may be made from: data sets that lie in one folder, and ``coco``."""
    of_folders = [name for name in datasets.names() if "root" in _options(name)]
    return (COCO, *_SHORT, *of_folders)


def draft_from(kind: str, folder: Path, beside: Path) -> Draft:
    """An experiment file on a downloaded data set.

    Args:
        kind: A data set that has an option ``root``, its short name (``rsna``), or ``coco`` for
            films with a COCO file and no table.
        folder: As it was downloaded.
        beside: Folder of the experiment file, from which its paths start.

    Raises:
        ExperimentError: There is no such kind or folder, or no COCO file in it.
        DataError: The folder does not hold that data set; the message says what is expected.
    """
    if kind not in known():
        raise ExperimentError(f"--from {kind}: no such data set; {near_misses(kind, known())}")
    if not folder.is_dir():
        raise ExperimentError(f"{folder}: there is no such folder")
    if kind == COCO:
        return _of_coco(folder, beside)
    name = _SHORT.get(kind, kind)
    split, dataset = _opened(name, folder)
    found = overview(dataset)
    keys: list[Key | Remark] = [
        Key("root", path_from(beside, folder), "the folder that was downloaded"),
        *_split(name, split, found),
        *_others(name),
        *_contents(found),
    ]
    top = _missing(found)
    return Draft(written(folder, name, keys, beside, dataset.findings, top), {})


def _options(name: str) -> dict[str, "dataclasses.Field[Any]"]:
    return {field.name: field for field in dataclasses.fields(datasets.part_class(name))}


def _opened(name: str, folder: Path) -> tuple[str | None, Dataset]:
    """The first split that opens and has films, with its name, where the data set has splits."""
    field = _options(name).get("split")
    root = {"root": str(folder.absolute())}
    if field is None:
        return None, datasets.build(name, root)
    for split in (one for one in _JUDGED if one in get_args(field.type)):
        try:
            dataset = datasets.build(name, {**root, "split": split})
        except DataError:
            continue  # such as a test part that is not in the download
        if len(dataset):
            return split, dataset
    # Its own default tells best what is wrong with the folder.
    dataset = datasets.build(name, root)
    if not len(dataset):
        raise DataError(f"{folder}: {name} finds no film there")
    return str(field.default), dataset


def _split(name: str, split: str | None, found: Overview) -> Iterator[Key]:
    films = count(found.films, "film")
    if split is None:
        return
    others = [one for one in get_args(_options(name)["split"].type) if one != split]
    yield Key("split", split, f"{films}; or {', '.join(others)}")


def _missing(found: Overview) -> Iterator[Key]:
    if found.missing:
        why = f"{len(found.missing):,} of {found.films:,} files are not there"
        yield Key("missing", "set aside", why)


def _others(name: str) -> Iterator[Key]:
    """Every other option, as a remark with its default."""
    for key, field in _options(name).items():
        if key in ("root", "split"):
            continue
        choices = [one for one in get_args(field.type) if isinstance(one, str)]
        why = f"or {', '.join(one for one in choices if one != field.default)}"
        value = "..." if field.default is None else field.default
        value = list(value) if isinstance(value, tuple) else value
        yield Key(f"# {key}", value, why if choices else "")


def _contents(found: Overview) -> Iterator[Remark]:
    """What lies there, in remarks."""
    marked: dict[str, int] = {}
    for mark in found.marks:
        marked[mark.finding] = max(marked.get(mark.finding, 0), mark.films)
    if found.patients is None:
        yield Remark("patients are not known: every film counts as a patient of its own")
    else:
        yield Remark(count(found.patients, "patient"))
    for finding, label in found.labels.items():
        films = f"{label.present:,} present, {label.absent:,} absent"
        marks = f", {marked[finding]:,} marked" if finding in marked else ""
        yield Remark(f"{finding}: {films}{marks}")


def _of_coco(folder: Path, beside: Path) -> Draft:
    """A table of the images of a COCO file, and an experiment on it."""
    path, images = _coco_file(folder)
    shapes = read_coco(path).shapes
    findings = sorted({finding for of_film in shapes.values() for finding in of_film})
    rows = [["image", *findings]]
    for name in images:
        of_film = shapes.get(name, {})
        rows.append([name, *(str(int(finding in of_film)) for finding in findings)])
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    keys = [
        Key("csv", _FILMS_CSV, f"written of {path.name}: {count(len(images), 'film')}"),
        Key("images", path_from(beside, folder / _folder_of(folder, images)), "where they lie"),
        Key("coco", path_from(beside, path)),
        Key("# patient", "...", "a column to be added; without it every film counts as a patient"),
    ]
    why = "1 where it is marked, 0 elsewhere: has somebody looked for it on every film?"
    keys += [Key(f"labels.{toml(finding)}", finding, why) for finding in findings]
    return Draft(
        written(folder, "manifest", keys, beside, findings), {_FILMS_CSV: table.getvalue()}
    )


def _coco_file(folder: Path) -> tuple[Path, list[str]]:
    """The COCO file of the folder, and the names of its images."""
    paths = [*sorted(folder.glob("*.json")), *sorted(folder.glob("*/*.json"))]
    for path in paths:
        read = read_json(path)
        if isinstance(read, dict) and {"images", "annotations", "categories"} <= set(read):
            names = [one.get("file_name") for one in read["images"] if isinstance(one, dict)]
            return path, [file_name(name) for name in names if isinstance(name, str)]
    looked = listed([path.name for path in paths]) if paths else "there is no .json"
    raise ExperimentError(
        f"{folder} holds no COCO file ({looked}); expected a .json with images, annotations and"
        " categories, there or one folder below"
    )


def _folder_of(folder: Path, images: Sequence[str]) -> Path:
    """The folder, as seen from that of the data, under which the images lie."""
    films = films_in(folder)
    for name in images:
        for path in films.get(Path(name).name, ()):
            relative = path.relative_to(folder).as_posix()
            if relative == name or relative.endswith(f"/{name}"):
                return Path(relative[: -len(name)])
    raise ExperimentError(f"{folder} holds no film that its COCO file names, such as {images[:1]}")
