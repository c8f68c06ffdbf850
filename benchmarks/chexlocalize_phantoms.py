"""A test set in the format of CheXlocalize, made up: films, labels, masks, points and maps.

Films are 2,320 x 2,828, maps are of 10 x 10 cells stored at 320 x 320, masks are run lengths.
Every film has its own patient, three or four of the ten findings, a reference standard and a human
benchmark that saw a little less.  All films show the same grey wedge: nobody looks at them.
"""

import io
import json
import pickle
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from heatproof.data.annotations import encode
from heatproof.data.datasets.chexlocalize import FINDINGS
from heatproof.data.geometry import Squash

HEIGHT, WIDTH, STORED, CELLS = 2320, 2828, 320, 10
# In the order of FINDINGS; together about 2,400 of 6,680 pairs.
PREVALENCE = (0.62, 0.38, 0.05, 0.65, 0.25, 0.1, 0.42, 0.05, 0.3, 0.75)
COLUMNS = ("Sex", "Age", "Frontal/Lateral", "AP/PA")
OVERLOOKED = 0.1  # share of what the reference marks that the human benchmark does not
_EMPTY = encode(np.zeros((WIDTH, HEIGHT), bool).T).counts


@dataclass(frozen=True)
class _Pair:
    """One film and finding: masks of the reference and the readers, and a point; or nothing."""

    reference: str
    reader: str
    point: tuple[float, float] | None
    coarse: np.ndarray


def write(folder: Path, images: int) -> None:
    """Write the whole test set; maps go to ``maps/``."""
    wedge = io.BytesIO()
    Image.fromarray(np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))).save(
        wedge, "JPEG", quality=50
    )
    (folder / "maps").mkdir(parents=True)
    reference: dict[str, dict[str, object]] = {}
    readers: dict[str, dict[str, object]] = {}
    points: dict[str, dict[str, list[tuple[float, float]]]] = {}
    rows = [",".join(("Path", *COLUMNS, *FINDINGS))]
    for number in range(images):
        generator = np.random.default_rng(number)
        path = f"test/patient{60000 + number}/study1/view1_frontal.jpg"
        image_id = path.removeprefix("test/").removesuffix(".jpg").replace("/", "_")
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_bytes(wedge.getvalue())
        present = generator.random(len(FINDINGS)) < PREVALENCE
        pairs = [_pair(generator, has=bool(has)) for has in present]
        for finding, pair, has in zip(FINDINGS, pairs, present, strict=True):
            _write_map(folder, image_id, finding, pair, generator, has=bool(has))
        if present.any():
            reference[image_id] = {
                f: _rle(p.reference) for f, p in zip(FINDINGS, pairs, strict=True)
            }
            readers[image_id] = {f: _rle(p.reader) for f, p in zip(FINDINGS, pairs, strict=True)}
            points[image_id] = {
                f: [p.point] for f, p in zip(FINDINGS, pairs, strict=True) if p.point is not None
            }
        about = (
            ("Male", "Female")[number % 2],
            30 + number % 50,
            "Frontal",
            ("AP", "PA")[number % 2],
        )
        rows.append(",".join(map(str, (path, *about, *(float(has) for has in present)))))
    (folder / "test_labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for name, content in (
        ("gt_segmentations_test.json", reference),
        ("hb_segmentations_test.json", readers),
        ("hb_salient_pt_test.json", points),
    ):
        (folder / name).write_text(json.dumps(content), encoding="utf-8")


def _pair(generator: np.random.Generator, *, has: bool) -> _Pair:
    # Columns first, as run lengths are.
    marked, seen = np.zeros((WIDTH, HEIGHT), np.uint8), np.zeros((WIDTH, HEIGHT), np.uint8)
    if not has:
        return _Pair(_EMPTY, _EMPTY, None, np.zeros((CELLS, CELLS), np.float32))
    for _ in range(generator.integers(1, 4)):
        centre = generator.integers((300, 300), (HEIGHT - 300, WIDTH - 300))
        axes = generator.integers(60, 450, 2)
        angle = float(generator.uniform(0, 180))
        cv2.ellipse(marked, centre.tolist(), axes.tolist(), angle, 0, 360, 1, -1)
        shift = generator.integers(-60, 60, 2)
        cv2.ellipse(seen, (centre + shift).tolist(), axes.tolist(), angle, 0, 360, 1, -1)
    y, x = centre.tolist()
    coarse = cv2.resize(
        marked[::4, ::4].astype(np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA
    )
    overlooked = generator.random() < OVERLOOKED
    return _Pair(
        encode(marked.T.astype(bool)).counts,
        _EMPTY if overlooked else encode(seen.T.astype(bool)).counts,
        None if overlooked else (x + 0.5, y + 0.5),
        coarse.T,
    )


def _rle(counts: str) -> dict[str, object]:
    return {"size": [HEIGHT, WIDTH], "counts": counts}


def _write_map(
    folder: Path,
    image_id: str,
    finding: str,
    pair: _Pair,
    generator: np.random.Generator,
    *,
    has: bool,
) -> None:
    noise = generator.normal(0, 0.3, (CELLS, CELLS))
    cells = np.maximum(pair.coarse + noise, 0).astype(np.float32) * 1e-2
    values = Squash(STORED, STORED).back(cells, (STORED, STORED))
    content = {
        "map": torch.from_numpy(values)[None, None].clone(),
        "prob": float(1 / (1 + np.exp(-generator.normal(1.0 if has else -1.5, 1)))),
        "task": finding,
        "gt": int(has),
        "cxr_img": torch.zeros(3, STORED, STORED),
        "cxr_dims": (WIDTH, HEIGHT),
    }
    with (folder / "maps" / f"{image_id}_{finding}_map.pkl").open("wb") as file:
        pickle.dump(content, file)
