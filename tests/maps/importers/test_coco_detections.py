"""Detections: every pixel has the highest score of what was drawn around it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco

from heatproof.errors import MapError
from tests.maps.importers.reading import PLACES, read

LISTED = {
    "images": [
        {"id": 7, "file_name": "png/film_0.png", "width": 30, "height": 20},
        {"id": "8", "file_name": "film_1.png", "width": 30, "height": 20},
    ],
    "categories": [{"id": 1, "name": "Opacity"}, {"id": 2, "name": "Pleural Effusion"}],
}
MASK = np.zeros((20, 30), np.uint8)
MASK[3:9, 20:23] = 1
RUNS = coco.encode(np.asfortranarray(MASK))
DETECTIONS: list[dict[str, Any]] = [
    {"image_id": 7, "category_id": 1, "bbox": [2, 3, 10, 5], "score": 0.25},
    {"image_id": 7.0, "category_id": "1", "bbox": [4.5, 0, 3, 6], "score": 0.75},
    {"image_id": 8, "category_id": 2, "score": 0.5, "bbox": [0, 0, 30, 20],
     "segmentation": {"size": [20, 30], "counts": RUNS["counts"].decode()}},
]  # fmt: skip


def written(folder: Path, detections: object = DETECTIONS) -> str:
    (folder / "listed.json").write_text(json.dumps(LISTED))
    (folder / "detections.json").write_text(json.dumps(detections))
    return f"coco_detections(annotations={str(folder / 'listed.json')!r})"


def test_each_pixel_has_the_highest_score_around_it(tmp_path: Path) -> None:
    found = read(written(tmp_path), tmp_path)
    assert set(found) == set(PLACES)
    expected = np.zeros((20, 30), np.float32)
    expected[3:8, 2:12] = 0.25
    expected[0:6, 4:7] = 0.75  # from 4.5 to 7.5, without the pixel whose centre is the end
    assert np.array_equal(found["film_0", "Opacity"].values, expected)
    assert found["film_0", "Opacity"].probability == 0.75
    assert found["film_0", "Opacity"].size == (20, 30)
    assert np.array_equal(found["film_1", "Pleural Effusion"].values, MASK * np.float32(0.5))
    assert not found["film_1", "Opacity"].values.any()
    assert found["film_1", "Opacity"].probability == 0


def test_large_films_have_coarser_maps(tmp_path: Path) -> None:
    spec = written(tmp_path).replace(")", ", side=15)")
    values = read(spec, tmp_path)["film_0", "Opacity"].values
    assert values.shape == (10, 15)
    # Centres of cells are at odd places.
    assert np.array_equal(values[:, 3], np.float32([0.75] * 3 + [0.25] + [0] * 6))


def test_detections_may_stand_where_images_do(tmp_path: Path) -> None:
    (tmp_path / "all.json").write_text(json.dumps({**LISTED, "annotations": DETECTIONS}))
    assert read("coco_detections", tmp_path)["film_0", "Opacity"].probability == 0.75


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"score": 1.5}, "score 1.5, expected a number in"),
        ({"image_id": 9}, "image 9 or category 1 is not listed"),
        ({"bbox": None}, "neither bbox"),
        ({"bbox": [0, 0, 10**400, 5]}, "beyond any film"),
        ({"segmentation": {"size": [5, 5], "counts": [25]}}, "run lengths are of"),
    ],
)
def test_what_is_no_detection_says_so(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    spec = written(tmp_path, [DETECTIONS[0] | change])
    with pytest.raises(MapError, match=f"detections.json.*{text}"):
        read(spec, tmp_path)


def test_a_list_alone_does_not_say_what_its_numbers_mean(tmp_path: Path) -> None:
    (tmp_path / "detections.json").write_text(json.dumps(DETECTIONS))
    with pytest.raises(MapError, match=r"does not list images.*annotations="):
        read("coco_detections", tmp_path)


def test_categories_of_other_findings_are_told(tmp_path: Path) -> None:
    spec = written(tmp_path)
    others = {**LISTED, "categories": [{"id": 1, "name": "opacity"}, {"id": 2, "name": "Edema"}]}
    (tmp_path / "listed.json").write_text(json.dumps(others))
    with pytest.raises(MapError, match=r"categories 'opacity', 'Edema', none of which.*'Opacity'"):
        read(spec, tmp_path)


def test_polygons_are_told(tmp_path: Path) -> None:
    drawn = {"segmentation": [[0, 0, 9, 0, 9, 9]]}
    with pytest.raises(MapError, match="polygons are not read"):
        read(written(tmp_path, [DETECTIONS[0] | drawn]), tmp_path)
