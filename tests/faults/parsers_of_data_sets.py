"""The tables and lists of published data sets, written with four phantoms, as parsers of files."""

import csv
import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heatproof.data.annotations import fit
from heatproof.data.annotations.formats.via import drawn, read_via
from heatproof.data.check import check
from heatproof.data.datasets import datasets
from heatproof.data.on_disk import (
    SIZE,
    box_mask,
    boxes_of,
    chexpert_names,
    is_positive,
    mura_names,
    phantoms,
    write_chexpert,
    write_mimic,
    write_mura,
    write_mura_readers,
    write_nih,
    write_rsna,
    write_siim,
    write_vindr,
)
from heatproof.data.on_disk.phrases import write_ms_cxr, write_padchest_gr
from heatproof.data.splits.published import listed
from tests.faults.fuzzing import Parser

_ROOT = "root"


def _of(name: str, **options: Any) -> Callable[[Path], None]:
    """Opens a data set, checks it, and draws every mark, given any of its files."""

    def read(file: Path) -> None:
        root = next(folder for folder in file.parents if folder.name == _ROOT)
        films = datasets.build(name, {"root": str(root), **options}, root)
        check(films)
        for film in films:
            for mark in film.annotations:
                fit(mark.shape, SIZE, SIZE)
                mark.mask(SIZE, SIZE)

    return read


def _written(
    write: Callable[..., None], *files: str, images: int = 6
) -> Callable[[Path], Sequence[Path]]:
    def seed(folder: Path) -> Sequence[Path]:
        root = folder / _ROOT
        write(root, phantoms(images))
        return [root / file for file in files]

    return seed


def _mura(folder: Path) -> Sequence[Path]:
    root, films = folder / _ROOT, phantoms(6)
    write_mura(root, films)
    write_mura_readers(root, films)
    (root / "films.txt").write_text("\n".join(mura_names(films)) + "\n")
    names = ("rad1_annotations.csv", "rad2_annotations.csv", "subgroups.csv", "films.txt")
    return [root / name for name in names]


def _renamed_mura(folder: Path) -> Sequence[Path]:
    write_mura(folder / _ROOT, phantoms(6), renamed=True)
    return [folder / _ROOT / "labels.csv"]


def _mimic(folder: Path) -> Sequence[Path]:
    root = folder / _ROOT
    write_mimic(root, phantoms(6))
    files = sorted(root.glob("*.csv.gz"))
    for file in files[1:]:  # one stays compressed
        file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()
    return [files[0], *(file.with_suffix("") for file in files[1:])]


def _chexlocalize(folder: Path) -> Sequence[Path]:
    """CheXlocalize's marks as polygons and as run lengths, of phantoms that CheXpert lists."""
    from pycocotools import mask as coco

    root, films = folder / _ROOT, phantoms(6)
    write_chexpert(root, films, "valid")
    polygons: dict[str, dict[str, Any]] = {}
    runs: dict[str, dict[str, Any]] = {}
    for name, film in zip(chexpert_names(films), films, strict=True):
        if is_positive(film):
            image_id, boxes = name.replace("/", "_"), boxes_of(film)
            outlines = [[[x, y], [x + w, y], [x + w, y + h], [x, y + h]] for x, y, w, h in boxes]
            polygons[image_id] = {"img_size": [SIZE, SIZE], "Lung Lesion": outlines}
            encoded = coco.encode(np.asfortranarray(box_mask(boxes), np.uint8))
            counts = encoded["counts"].decode()
            runs[image_id] = {"Lung Lesion": {"size": [SIZE, SIZE], "counts": counts}}
    (root / "gt_annotations_val.json").write_text(json.dumps(polygons))
    (root / "gt_segmentations_val.json").write_text(json.dumps(runs))
    return [root / name for name in ("gt_annotations_val.json", "gt_segmentations_val.json")]


def _read_chexlocalize(file: Path) -> None:
    reference = "masks" if "segmentations" in file.name else "polygons"
    _of("chexlocalize", reference=reference)(file)


def _via(folder: Path) -> Path:
    films = phantoms(6)
    write_mura_readers(folder, films)
    return folder / "rad2_annotations.csv"


def _read_via(file: Path) -> None:
    for regions in read_via(file).values():
        shape = drawn(regions)
        if shape is not None:
            fit(shape, SIZE, SIZE)
            shape.mask(SIZE, SIZE)


def _splits(folder: Path) -> Path:
    with (folder / "splits.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("Image_ID", "Split"), ("a", "train"), ("b.png", "val"), ("c", "test")]
        )
    return folder / "splits.csv"


OF_DATA_SETS = (
    Parser(
        "rsna_pneumonia",
        _written(
            write_rsna, "stage_2_train_labels.csv", "stage_2_detailed_class_info.csv",
            "pneumonia-challenge-dataset-mappings_2018.json",
        ),
        _of("rsna_pneumonia", others="negative"),
    ),
    Parser("mura", _mura, _of("mura", annotations=".", films="films.txt")),
    Parser("mura, renamed", _renamed_mura, _of("mura")),
    Parser("siim_pneumothorax", _written(write_siim, "train-rle.csv"), _of("siim_pneumothorax")),
    Parser(
        "nih_chestxray14",
        _written(
            write_nih, "Data_Entry_2017_v2020.csv", "BBox_List_2017.csv", "train_val_list.txt",
            "test_list.txt",
        ),
        _of("nih_chestxray14", split="train_val"),
    ),
    Parser("chexpert", _written(write_chexpert, "train.csv"), _of("chexpert", split="train")),
    Parser(
        "vindr_cxr",
        _written(
            write_vindr, "annotations/annotations_train.csv", "annotations/image_labels_train.csv"
        ),
        _of("vindr_cxr", consensus="majority"),
    ),
    Parser("mimic_cxr", _mimic, _of("mimic_cxr", split="all")),
    Parser(
        "ms_cxr", _written(write_ms_cxr, "MS_CXR_Local_Alignment_v1.1.0.csv"), _of("ms_cxr")
    ),
    Parser(
        "padchest_gr",
        _written(write_padchest_gr, "grounded_reports_20240819.json"),
        _of("padchest_gr"),
    ),
    Parser("chexlocalize", _chexlocalize, _read_chexlocalize),
    Parser("via", _via, _read_via),
    Parser("list of splits", _splits, listed),
)  # fmt: skip
