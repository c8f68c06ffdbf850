"""``score``: the metrics of an experiment, of one map or a folder."""

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from sklearn.metrics import average_precision_score

import heatproof
from heatproof.data.annotations import Boxes
from heatproof.errors import AnnotationError, MapError

METRICS = ["auprc", "hit_rate", "relevance_mass"]


@pytest.fixture
def pair():
    generator = np.random.default_rng(0)
    mask = np.zeros((40, 50), bool)
    mask[10:20, 15:30] = True
    return generator.random((40, 50), np.float32) + mask, mask


def test_auprc_is_that_of_the_pixels(pair):
    saliency, mask = pair
    expected = average_precision_score(mask.ravel(), saliency.ravel())
    assert heatproof.score(saliency, mask) == pytest.approx(expected, abs=1e-6)


def test_marks_may_come_in_any_form(pair, tmp_path):
    saliency, mask = pair
    Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "mask.png")
    np.save(tmp_path / "mask.npy", mask)
    forms = [mask, mask.astype(int), tmp_path / "mask.png", str(tmp_path / "mask.npy"),
             [(15, 10, 30, 20)], (15, 10, 30, 20),
             Boxes(((15, 10, 30, 20),))]  # fmt: skip
    values = [heatproof.score(saliency, marks, METRICS) for marks in forms]
    assert all(value == values[0] for value in values)
    assert set(values[0]) == set(METRICS)


def test_a_coarse_map_lies_over_all_of_the_film(pair):
    _, mask = pair
    coarse = np.zeros((4, 5), np.float32)
    coarse[1, 2] = 1  # rows 10 to 20, columns 20 to 30
    assert heatproof.score(coarse, mask, "hit_rate") == 1
    assert np.isnan(heatproof.score(np.full((4, 5), 0.3), mask, "hit_rate"))


def test_a_map_of_a_film_is_measured_as_any_other(pair):
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3, 4), torch.nn.Flatten(), torch.nn.Linear(32, 1)
    )
    model = heatproof.wrap(network, ["A"], size=16, mean=0, std=1)
    saliency, mask = pair
    heat = heatproof.explain(model, saliency / saliency.max(), "gradient")["gradient"]
    assert heat.score(mask, METRICS) == heatproof.score(heat, mask, METRICS)
    assert heat.score(mask, METRICS[0]) == heat.score(mask, METRICS)[METRICS[0]]


def test_a_folder_of_maps_makes_a_frame(pair, tmp_path):
    saliency, mask = pair
    (tmp_path / "maps").mkdir()
    (tmp_path / "masks").mkdir()
    for name in ("b", "a"):
        np.save(tmp_path / "maps" / f"{name}.npy", saliency)
        Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "masks" / f"{name}.png")
    frame = heatproof.score(tmp_path / "maps", tmp_path / "masks", METRICS)
    assert isinstance(frame, pl.DataFrame)
    assert frame["name"].to_list() == ["a", "b"]
    assert frame.row(0)[1:] == tuple(heatproof.score(saliency, mask, METRICS).values())
    (tmp_path / "masks" / "a.png").unlink()
    with pytest.raises(MapError, match=r"no mask for a\.npy"):
        heatproof.score(tmp_path / "maps", tmp_path / "masks", METRICS)


def test_what_does_not_fit_is_refused_in_words(pair):
    saliency, mask = pair
    with pytest.raises(AnnotationError, match="other values than 0 and 1"):
        heatproof.score(saliency, mask * 7)
    with pytest.raises(AnnotationError, match="expected a mask of that size"):
        heatproof.score(saliency, mask[None])
    with pytest.raises(MapError, match="numbers in rows and columns"):
        heatproof.score(saliency[None], mask)
    with pytest.raises(AnnotationError):
        heatproof.score(saliency, [(0, 0, 500, 20)])
    with pytest.raises(AnnotationError, match="cannot be read as a NumPy array"):
        heatproof.score(saliency, "nowhere.npy")
    with pytest.raises(AnnotationError, match="is a folder: masks of many films"):
        heatproof.score(saliency, ".")
    with pytest.raises(MapError, match="no such file or folder"):
        heatproof.score("nowhere", mask)


def test_a_file_that_is_no_array_is_told(pair, tmp_path):
    _, mask = pair
    (tmp_path / "map.npy").write_bytes(b"not an array")
    with pytest.raises(MapError, match="cannot be read as a NumPy array"):
        heatproof.score(tmp_path / "map.npy", mask)
    with pytest.raises(MapError, match="no such file or folder"):
        heatproof.score(tmp_path / "nowhere.npy", mask)
