"""A study in the files of CheXlocalize: films, labels, contours, a human benchmark, and maps."""

import csv
import json
import math
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

FINDINGS = ("Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Lesion")
OTHERS = (
    "Lung Opacity", "Edema", "Consolidation", "Atelectasis", "Pneumothorax", "Pleural Effusion",
    "Support Devices",
)  # fmt: skip
HEIGHT, WIDTH = 48, 60
GRID, SHOWN = 5, 20  # cells of a map, and pixels that the authors store of it
Contours = list[list[list[float]]]


@dataclass(frozen=True, eq=False)  # the same study is the same object: tests cache what it costs
class Study:
    """What was written, as plain Python holds it.

    Attributes:
        reference: By film and finding.
        human: Likewise.
        points: Likewise.
        maps: Likewise, as stored.
        probabilities: Likewise.
    """

    reference: dict[str, dict[str, Contours]]
    human: dict[str, dict[str, Contours]]
    points: dict[str, dict[str, list[list[float]]]]
    maps: dict[str, dict[str, np.ndarray]]
    probabilities: dict[str, dict[str, float]]


def blob(generator: np.random.Generator, smallest: float, largest: float) -> list[list[float]]:
    """A closed outline of a dozen points around a centre."""
    x, y = generator.uniform(16, [WIDTH - 16, HEIGHT - 16])
    angles = np.sort(generator.uniform(0, 2 * np.pi, 12))
    radii = generator.uniform(smallest, largest, 12)
    stretch = generator.uniform(0.3, 1)
    return [
        [float(x + r * math.cos(a)), float(y + stretch * r * math.sin(a))]
        for r, a in zip(radii, angles, strict=True)
    ]


def raster(contours: Contours) -> np.ndarray:
    """Each contour filled with its outline."""
    canvas = np.zeros((HEIGHT, WIDTH), bool)
    for contour in contours:
        one = Image.new("1", (WIDTH, HEIGHT))
        ImageDraw.Draw(one).polygon([tuple(point) for point in contour], fill=1, outline=1)
        canvas |= np.array(one)
    return canvas


def write(folder: Path, split: str, films: int, seed: int, *, benchmark: bool = True) -> Study:
    """Files of one split; maps lie in ``maps_{split}``."""
    generator = np.random.default_rng(seed)
    first = 0 if split == "test" else 50_000
    study = Study({}, {}, {}, {}, {})
    for film in range(films):
        name = f"patient{first + film // 2:05}_study1_view{1 + film % 2}_frontal"
        study.reference[name] = _drawn(generator, film)
        _read(generator, study, name)
        _mapped(generator, study, name)
    _save(folder, split, study, benchmark=benchmark)
    return study


def _drawn(generator: np.random.Generator, film: int) -> dict[str, Contours]:
    """A Cardiomegaly is an Enlarged Cardiomediastinum as well."""
    drawn: dict[str, Contours] = {}
    if film % 3:
        heart = blob(generator, 6, 15)
        drawn["Cardiomegaly"] = [heart]
        both = [blob(generator, 4, 9), heart] if film % 2 else [heart]
        drawn["Enlarged Cardiomediastinum"] = both
    lesions = int(generator.integers(0, 4)) or int(film % 3 == 0)
    if lesions and film % 7:
        drawn["Lung Lesion"] = [blob(generator, 2, 7) for _ in range(lesions)]
    return drawn


def _read(generator: np.random.Generator, study: Study, name: str) -> None:
    """Readers who see most of it, nearly where it is, and something else now and then."""
    human: dict[str, Contours] = {}
    points: dict[str, list[list[float]]] = {}
    for finding, contours in study.reference[name].items():
        seen = [c for c in contours if generator.random() < 0.85]
        moved = [(np.array(c) + generator.normal(0, 1.5, 2)).clip(0, HEIGHT - 1) for c in seen]
        if moved:
            human[finding] = [contour.tolist() for contour in moved]
            named = [contour.mean(axis=0).tolist() for contour in moved]
            points[finding] = named[: 1 + int(generator.random() < 0.3)]
    if generator.random() < 0.1:
        human.setdefault("Lung Lesion", []).append(blob(generator, 2, 5))
    study.human[name], study.points[name] = human, points


def _mapped(generator: np.random.Generator, study: Study, name: str) -> None:
    """Maps that half know of it: a coarse grid, enlarged; one in forty is zero everywhere."""
    study.maps[name], study.probabilities[name] = {}, {}
    for finding in FINDINGS:
        mask = raster(study.reference[name].get(finding, []))
        cells = torch.from_numpy(mask.astype(np.float32))[None, None]
        coarse = torch.nn.functional.adaptive_avg_pool2d(cells, GRID)
        noise = torch.from_numpy(generator.normal(0, 0.3, (1, 1, GRID, GRID)).astype(np.float32))
        grid = (coarse + noise).relu() * float(generator.random() > 1 / 40)
        enlarged = torch.nn.functional.interpolate(
            grid, (SHOWN, SHOWN), mode="bilinear", align_corners=False
        )
        study.maps[name][finding] = enlarged.numpy()[0, 0]
        sure = 1.5 * mask.any() - 1 + generator.normal()
        study.probabilities[name][finding] = float(1 / (1 + math.exp(-sure)))


def _save(folder: Path, split: str, study: Study, *, benchmark: bool) -> None:
    size = [HEIGHT, WIDTH]
    marked = {n: {"img_size": size, **drawn} for n, drawn in study.reference.items() if drawn}
    files = {"gt_annotations": marked}
    if benchmark:
        files["hb_annotations"] = {
            n: {"img_size": size, **drawn} for n, drawn in study.human.items() if drawn
        }
        files["hb_salient_pt"] = {n: named for n, named in study.points.items() if named}
    for stem, content in files.items():
        (folder / f"{stem}_{split}.json").write_text(json.dumps(content), encoding="utf-8")
    with (folder / f"{split}_labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["Path", *FINDINGS, *OTHERS])
        for name, drawn in study.reference.items():
            path = Path(split, *name.split("_", 2)).with_suffix(".png")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (WIDTH, HEIGHT), 90).save(folder / path)
            labels = [float(finding in drawn) for finding in FINDINGS]
            table.writerow([f"CheXpert-v1.0/{path}", *labels, *[0.0] * len(OTHERS)])
    (folder / f"maps_{split}").mkdir()
    for name, maps in study.maps.items():
        for finding, values in maps.items():
            content = {
                "map": torch.from_numpy(values)[None, None],
                "prob": study.probabilities[name][finding],
                "task": finding,
                "gt": int(finding in study.reference[name]),
                "cxr_img": torch.zeros(3, SHOWN, SHOWN),
                "cxr_dims": (WIDTH, HEIGHT),
            }
            file = folder / f"maps_{split}" / f"{name}_{finding}_map.pkl"
            file.write_bytes(pickle.dumps(content, 3))


EXPERIMENT = """
name = "A study in their files"
output = "out"

[[data]]
name = "test"
dataset = "chexlocalize"
root = "."
split = "test"

[[maps]]
name = "ensemble"
importer = "chexlocalize"
folder = "maps_test"
method = "grad_cam"
data = "test"
id = { architecture = "densenet121" }

[score]
metrics = ["iou(empty='true_positive')", "hit_rate(ties='first')"]
controls = []

[report]
gallery = 0
"""
