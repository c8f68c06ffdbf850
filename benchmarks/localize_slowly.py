"""The evaluation of CheXlocalize as its authors' scripts go about it, written from its description.

One question at a time, and for each question one map at a time: every map is read from its pickle
and enlarged anew for Otsu's mask, for each of seven thresholds, for each of nine cut-offs and for
the hit rate; masks go through run lengths in JSON from one script to the next.  Contours are not
redrawn, which makes it faster.  It shares no code with the package.
"""

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from pycocotools import mask as coco

Values = dict[tuple[str, str, str], float]  # film, finding and metric
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
CUTOFFS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
NAN = float("nan")


def evaluate(folder: Path, images: int) -> tuple[Values, dict[tuple[str, str], float]]:
    """Values of the first films, one by one, and means over films by finding and metric."""
    films = sorted(json.loads((folder / "gt_segmentations_test.json").read_text()))
    every = sorted({file.name.rsplit("_", 2)[0] for file in (folder / "maps").glob("*.pkl")})
    kept = set(every[:images])
    values: Values = {}
    annotated = [film for film in films if film in kept]
    _segment(folder, kept)
    _ious(folder, "maps", annotated, values)
    for threshold in THRESHOLDS:
        _at_threshold(folder, kept, threshold, values)
    means = _pixels(folder, annotated)
    for cutoff in CUTOFFS:
        means |= _at_cutoff(folder, kept, cutoff)
    _hits(folder, kept, values)
    _readers(folder, annotated, values)
    for finding, metric in sorted({(finding, metric) for _, finding, metric in values}):
        told = [v for (_, f, m), v in values.items() if (f, m) == (finding, metric)]
        means[finding, metric] = _mean(told)
    return values, means


def _maps(folder: Path, kept: set[str]) -> Iterator[tuple[str, dict[str, object], np.ndarray]]:
    for file in sorted((folder / "maps").glob("*.pkl")):
        film = file.name.rsplit("_", 2)[0]
        if film in kept:
            content = pickle.loads(file.read_bytes())
            width, height = content["cxr_dims"]
            full = torch.nn.functional.interpolate(
                content["map"], (height, width), mode="bilinear", align_corners=False
            )
            yield film, content, full[0, 0].numpy()


def _mean(values: list[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else NAN


def _normalized(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / (values.max() - values.min())


def _otsu(values: np.ndarray) -> np.ndarray:
    grey = np.floor(255 * _normalized(values)).astype(np.uint8)
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return grey > threshold


def _segment(folder: Path, kept: set[str]) -> None:
    masks: dict[str, dict[str, object]] = {}
    for film, content, values in _maps(folder, kept):
        coded = coco.encode(np.asfortranarray(_otsu(values).astype(np.uint8)))
        counts = coded["counts"].decode()
        masks.setdefault(film, {})[str(content["task"])] = {"size": coded["size"], "counts": counts}
    (folder / "maps_segmentations_test.json").write_text(json.dumps(masks))


def _masks(folder: Path, name: str) -> dict[str, dict[str, dict[str, object]]]:
    found: dict[str, dict[str, dict[str, object]]] = json.loads(
        (folder / f"{name}_segmentations_test.json").read_text()
    )
    return found


def _iou(first: np.ndarray, second: np.ndarray, *, full: bool = False) -> float:
    first, second = first.astype(bool), second.astype(bool)
    if not full and not (first.any() and second.any()):
        return NAN
    union = np.logical_or(first, second).sum()
    return float(np.logical_and(first, second).sum() / union) if union else NAN


def _ious(folder: Path, name: str, annotated: list[str], values: Values) -> None:
    reference, predicted = _masks(folder, "gt"), _masks(folder, name)
    for film in annotated:
        for finding, coded in reference[film].items():
            marked = coco.decode(coded)
            if marked.any():
                told = _iou(coco.decode(predicted[film][finding]), marked)
                values[film, finding, f"iou of {name}"] = told


def _at_threshold(folder: Path, kept: set[str], threshold: float, values: Values) -> None:
    reference = _masks(folder, "gt")
    for film, content, saliency in _maps(folder, kept):
        finding = str(content["task"])
        if film not in reference:
            continue
        marked = coco.decode(reference[film][finding])
        if marked.any():
            predicted = _normalized(saliency) > threshold
            values[film, finding, f"iou at {threshold}"] = _iou(predicted, marked)


def _at_cutoff(folder: Path, kept: set[str], cutoff: float) -> dict[tuple[str, str], float]:
    reference, told = _masks(folder, "gt"), {}
    for film, content, saliency in _maps(folder, kept):
        finding = str(content["task"])
        called = float(str(content["prob"])) >= cutoff
        predicted = _otsu(saliency) if called else np.zeros(saliency.shape, bool)
        marked = np.zeros(saliency.shape, np.uint8)
        if film in reference:
            marked = coco.decode(reference[film][finding])
        told.setdefault(finding, []).append(_iou(predicted, marked, full=True))
    return {(f, f"miou at {cutoff}"): _mean(found) for f, found in told.items()}


def _hits(folder: Path, kept: set[str], values: Values) -> None:
    reference = _masks(folder, "gt")
    for film, content, saliency in _maps(folder, kept):
        finding = str(content["task"])
        if film not in reference:
            continue
        marked = coco.decode(reference[film][finding])
        if marked.any():
            row, column = np.unravel_index(saliency.argmax(), saliency.shape)
            values[film, finding, "hit of maps"] = float(marked[row, column])


def _readers(folder: Path, annotated: list[str], values: Values) -> None:
    _ious(folder, "hb", annotated, values)
    points = json.loads((folder / "hb_salient_pt_test.json").read_text())
    reference = _masks(folder, "gt")
    for film in annotated:
        for finding, coded in reference[film].items():
            marked = coco.decode(coded)
            if marked.any():
                named = points[film].get(finding, [])
                hit = any(marked[int(y), int(x)] for x, y in named)
                values[film, finding, "hit of hb"] = float(hit)


def _pixels(folder: Path, annotated: list[str]) -> dict[tuple[str, str], float]:
    reference, predicted = _masks(folder, "gt"), _masks(folder, "maps")
    means = {}
    for finding in next(iter(reference.values())):
        true, found, marked, every = 0, 0, 0, 0
        for film in annotated:
            one = coco.decode(predicted[film][finding]).astype(bool)
            other = coco.decode(reference[film][finding]).astype(bool)
            true += int(np.logical_and(one, other).sum())
            found, marked, every = (
                found + int(one.sum()),
                marked + int(other.sum()),
                every + one.size,
            )
        false, missed = found - true, marked - true
        means[finding, "pixel_sensitivity"] = true / marked if marked else NAN
        means[finding, "pixel_precision"] = true / found if found else NAN
        negative = every - marked
        means[finding, "pixel_specificity"] = (every - true - false - missed) / negative
    return means
