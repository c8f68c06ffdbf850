"""CheXlocalize: phantoms with contours, a human benchmark and points, beside CheXpert's table."""

import csv
import json
import math
import pickle
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from heatproof.data.on_disk import CHEXPERT, SIZE, box_mask, boxes_of, grey, write_picture
from heatproof.types import Sample

_FINDINGS = ("Cardiomegaly", "Airspace Opacity")  # which nodules of phantoms stand for, in turn
_IN_THE_TABLE = {"Airspace Opacity": "Lung Opacity"}
_DRAWN = ("Cardiomegaly", "Enlarged Cardiomediastinum", "Lung Opacity")  # by contours
_FIRST = {"train": 1, "val": 20_001, "test": 40_001}  # number of the first patient
_CORNERS = 12
_GRID = 5
Contour = list[list[float]]


def write_chexlocalize(root: Path, films: Sequence[Sample], split: str) -> None:
    """One split: films, labels and contours; of ``"test"`` a human benchmark, too.

    Nodules are Cardiomegaly on every second film that has some, and Airspace Opacity on the others.
    A Cardiomegaly is an Enlarged Cardiomediastinum as well.  Readers of the benchmark draw each
    contour two pixels to the right.  Films of ``"train"`` have labels alone.  In training and
    validation every other observation is on each sixth film, whatever it shows: what has no
    positive is not learned.
    """
    folder = {"val": "valid"}.get(split, split)
    rows: list[Sequence[object]] = [CHEXPERT]
    drawn: dict[str, dict[str, object]] = {}
    read: dict[str, dict[str, object]] = {}
    points: dict[str, dict[str, object]] = {}
    for number, film in enumerate(films):
        name = _name(number, split)
        path = Path(folder, *name.split("_", 2)).with_suffix(".jpg")
        write_picture(root / path, grey(film))
        contours = [_contour(*box) for box in boxes_of(film)]
        findings = _findings(number) if contours else ()
        present = {_IN_THE_TABLE.get(finding, finding) for finding in findings}
        if split != "test":
            others = (column for column in CHEXPERT[5:] if column not in _DRAWN)
            present |= {column for place, column in enumerate(others) if (number + place) % 6 == 0}
        labels = [float(column in present) for column in CHEXPERT[5:]]
        cells = ("Female", 40, "Frontal", "AP", *labels)
        rows.append((f"CheXpert-v1.0/{path}", *cells))
        if contours and split != "train":
            size = {"img_size": [SIZE, SIZE]}
            moved = [[[x + 2, y] for x, y in contour] for contour in contours]
            drawn[name] = size | dict.fromkeys(findings, contours)
            read[name] = size | dict.fromkeys(findings, moved)
            middles = [_middle(contour) for contour in contours]
            points[name] = dict.fromkeys(findings, middles)
    table = root / (f"{split}_labels.csv" if split != "train" else "train.csv")
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    if split == "train":
        return
    files = {"gt_annotations": drawn}
    if split == "test":
        files |= {"hb_annotations": read, "hb_salient_pt": points}
    for stem, content in files.items():
        (root / f"{stem}_{split}.json").write_text(json.dumps(content), encoding="utf-8")


def write_maps(root: Path, films: Sequence[Sample], split: str) -> None:
    """Grad-CAM maps as the authors published them: a pickle for each film and finding.

    Each lights up half of what was marked on a grid of five by five, and noise beside it.
    """
    import torch  # takes long to import

    folder = root / f"gradcam_maps_{split}"
    folder.mkdir(parents=True, exist_ok=True)
    draws = np.random.default_rng(0)
    for number, film in enumerate(films):
        mask = box_mask(boxes_of(film)).astype(np.float32)
        shares = cv2.resize(mask, (_GRID, _GRID), interpolation=cv2.INTER_AREA)
        for finding in ("Enlarged Cardiomediastinum", *_FINDINGS):
            marked = finding in _findings(number) and bool(mask.any())
            grid = (shares if marked else 0) + draws.uniform(0, 0.3, (_GRID, _GRID))
            shown = cv2.resize(grid.astype(np.float32), (SIZE, SIZE))
            content = {
                "map": torch.from_numpy(shown)[None, None],
                "prob": float(np.clip(0.3 + 0.3 * marked + draws.normal(0, 0.2), 0.01, 0.99)),
                "task": finding,
                "gt": int(marked),
                "cxr_img": torch.zeros(3, SIZE, SIZE),
                "cxr_dims": (SIZE, SIZE),
            }
            file = folder / f"{_name(number, split)}_{finding}_map.pkl"
            file.write_bytes(pickle.dumps(content, 3))


def _name(number: int, split: str) -> str:
    patient = f"patient{_FIRST[split] + number // 2:05d}"
    return f"{patient}_study1_view{number % 2 + 1}_frontal"


def _findings(number: int) -> tuple[str, ...]:
    finding = _FINDINGS[number % len(_FINDINGS)]
    also = ("Enlarged Cardiomediastinum",) if finding == "Cardiomegaly" else ()
    return (finding, *also)


def _contour(x: float, y: float, width: float, height: float) -> Contour:
    """The ellipse within a box, as corners."""
    angles = [2 * math.pi * corner / _CORNERS for corner in range(_CORNERS)]
    return [
        [x + width / 2 * (1 + math.cos(angle)), y + height / 2 * (1 + math.sin(angle))]
        for angle in angles
    ]


def _middle(contour: Contour) -> list[float]:
    return [sum(axis) / len(contour) for axis in zip(*contour, strict=True)]
