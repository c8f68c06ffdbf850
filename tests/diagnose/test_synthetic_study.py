"""A study of 210 films in CheXlocalize's format, against its arithmetic written out step by step.

Features, regressions and bootstrap intervals agree to 1e-9.  The slow side reads the JSON itself,
rasterizes with Pillow, follows borders by hand and knows neither NumPy's least squares nor
statsmodels.
"""

import csv
import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageDraw
from scipy.stats import t

from heatproof.data.datasets.chexlocalize import CheXlocalize
from heatproof.diagnose.lesion_geometry import geometry, instances_drawn
from heatproof.diagnose.shape import FEATURES, of_shape
from heatproof.stats import chexlocalize
from tests.diagnose import suzuki
from tests.stats.test_chexlocalize import by_hand, ends, nan_mean

FILMS = 210
EC, CARDIOMEGALY, LESION = "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Lesion"
HEIGHT, WIDTH = 48, 60
RESPONSES = ("iou", "hit", "iou_gap", "hit_gap")


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


def written(folder: Path) -> dict[str, dict[str, list[list[list[float]]]]]:
    """The authors' files; a Cardiomegaly is an Enlarged Cardiomediastinum as well."""
    generator = np.random.default_rng(11)
    marks: dict[str, dict] = {}
    for film in range(FILMS):
        drawn: dict[str, list] = {"img_size": [HEIGHT, WIDTH]}
        if film % 3:
            heart = blob(generator, 6, 15)
            drawn[CARDIOMEGALY] = [heart]
            drawn[EC] = [blob(generator, 4, 9), heart] if film % 2 else [heart]
        lesions = int(generator.integers(0, 4)) or int(film % 3 == 0)
        if lesions:
            drawn[LESION] = [blob(generator, 1, 7) for _ in range(lesions)]
        marks[f"patient{film // 2:05}_study1_view{1 + film % 2}_frontal"] = drawn
    (folder / "gt_annotations_val.json").write_text(json.dumps(marks), encoding="utf-8")
    with (folder / "valid.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["Path", EC, CARDIOMEGALY, LESION, *OTHERS])
        for name, drawn in marks.items():
            path = f"CheXpert-v1.0/valid/{'/'.join(name.split('_', 2))}.jpg"
            labels = [float(finding in drawn) for finding in (EC, CARDIOMEGALY, LESION)]
            table.writerow([path, *labels, *[0.0] * len(OTHERS)])
    return marks


OTHERS = (
    "Lung Opacity", "Edema", "Consolidation", "Atelectasis", "Pneumothorax", "Pleural Effusion",
    "Support Devices",
)  # fmt: skip


def raster(contours: list[list[list[float]]]) -> np.ndarray:
    canvas = np.zeros((HEIGHT, WIDTH), bool)
    for contour in contours:
        one = Image.new("1", (WIDTH, HEIGHT))
        ImageDraw.Draw(one).polygon([tuple(point) for point in contour], fill=1, outline=1)
        canvas |= np.array(one)
    return canvas


def slow_features(contours: list[list[list[float]]]) -> list[list[float]]:
    """Instances, area ratio, elongation, irrectangularity: of each border that may be dominant."""
    mask = raster(contours)
    paths = [path for path, _ in suzuki.borders(mask)]
    found = []
    for path in (path for path in paths if len(path) == max(map(len, paths))):
        long, short = suzuki.rectangle(path)
        area = sum(map(sum, mask.tolist())) / (HEIGHT * WIDTH)
        found.append(
            [float(len(contours)), area, long / short, 1 - suzuki.area(path) / (long * short)]
        )
    return found


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """One row per film and finding: features by heatproof, slow ones beside them, and scores."""
    folder = tmp_path_factory.mktemp("study")
    marks = written(folder)
    generator = np.random.default_rng(3)
    rows = []
    for sample in CheXlocalize(folder):
        for annotation in sample.annotations:
            mask = annotation.mask(HEIGHT, WIDTH)
            count = instances_drawn(sample.annotations, annotation.finding, "reference")
            found = vars(geometry(mask, count, "published"))
            iou = float(np.clip(0.2 + found["area_ratio"] + generator.normal(0, 0.1), 0, 1))
            human = float(generator.uniform(0.4, 0.9))
            hit, hit_human = (float(generator.random() < share) for share in (iou, human))
            possible = slow_features(marks[sample.image_id][annotation.finding])
            rows.append({
                "image_id": sample.image_id, "finding": annotation.finding,
                "cluster": sample.cluster, **found, "possible": possible,
                "iou": iou if generator.random() > 0.03 else math.nan, "hit": hit,
                "iou_human": human, "hit_human": hit_human,
            })  # fmt: skip
    return pl.DataFrame(rows).with_columns(
        (pl.col("iou_human") - pl.col("iou")).alias("iou_gap"),
        (pl.col("hit_human") - pl.col("hit")).alias("hit_gap"),
    )


def test_features_are_the_slow_ones(study: pl.DataFrame) -> None:
    assert study["image_id"].n_unique() >= 200
    assert len(study) > 400
    for row in study.iter_rows(named=True):
        found = [float(row[name]) for name in FEATURES]
        assert any(found == pytest.approx(one, abs=1e-9) for one in row["possible"])


def textbook(x: list[float], y: list[float]) -> tuple[float, float, float, float]:
    """Slope, interval and p of a line through points."""
    n = len(x)
    mean_x, mean_y = math.fsum(x) / n, math.fsum(y) / n
    sxx = math.fsum((a - mean_x) ** 2 for a in x)
    slope = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sxx
    residual = [b - mean_y - slope * (a - mean_x) for a, b in zip(x, y, strict=True)]
    error = math.sqrt(math.fsum(r * r for r in residual) / (n - 2) / sxx)
    half = float(t.ppf(0.975, n - 2)) * error
    return slope, slope - half, slope + half, 2 * float(t.sf(abs(slope) / error, n - 2))


@pytest.mark.parametrize("response", RESPONSES)
def test_regressions_are_the_textbooks(study: pl.DataFrame, response: str) -> None:
    found = of_shape(study, response, correction="bonferroni")
    linear = {effect.feature: effect for effect in found if effect.model == "linear"}
    assert list(linear) == list(FEATURES)
    for name, effect in linear.items():
        values = [float(value) for value in study[name]]
        low, high = min(values), max(values)
        pairs = [
            ((value - low) / (high - low), score)
            for value, score in zip(values, study[response], strict=True)
            if not math.isnan(score)
        ]
        slope, below, above, p = textbook(*(list(part) for part in zip(*pairs, strict=True)))
        told = effect.slope.estimate
        assert told.cases == len(pairs)
        assert (told.value, told.low, told.high) == pytest.approx((slope, below, above), abs=1e-9)
        assert effect.slope.p == pytest.approx(p, abs=1e-9)
        assert effect.p == pytest.approx(min(1, 4 * p), abs=1e-9)


@pytest.mark.parametrize("metric", ["iou", "hit"])
def test_the_percentage_decrease_is_the_loop_written_out(study: pl.DataFrame, metric: str) -> None:
    films = study["image_id"].unique().sort()
    tables = []
    for column in (metric, f"{metric}_human"):
        wide = study.pivot(on="finding", index="image_id", values=column).sort("image_id")
        tables.append(wide.select(EC, CARDIOMEGALY, LESION).cast(pl.Float64).fill_null(math.nan))
    assert [len(table) for table in tables] == [len(films)] * 2
    saliency, human = (table.to_numpy() for table in tables)
    found = chexlocalize.percentage_decrease(
        chexlocalize.replicates(saliency), chexlocalize.replicates(human)
    )
    loops = [by_hand(saliency, 1000), by_hand(human, 1000)]
    for column in range(3):
        below = [(h[column] - s[column]) / h[column] for s, h in zip(*loops, strict=True)]
        low, high = ends(below)
        assert found.low[column] == pytest.approx(100 * round(low, 3), abs=1e-9)
        assert found.high[column] == pytest.approx(100 * round(high, 3), abs=1e-9)
        s, h = (nan_mean([row[column] for row in loop]) for loop in loops)
        assert found.value[column] == pytest.approx(100 * (h - s) / h, abs=1e-9)
