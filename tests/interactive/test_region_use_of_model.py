"""Whose fault is a failure, from Python: planted models and maps, rows, and mistakes."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

import heatproof
from heatproof.data.geometry.crops import CenterCrop
from heatproof.errors import AnnotationError, ModelError, SpecError

SIDE = 64


class Half(nn.Module):
    """The logit is the brightest patch of the left or the right half."""

    def __init__(self, left: bool) -> None:
        super().__init__()
        self.features, self.left = nn.AvgPool2d(4), left

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        cells = self.features(x)
        half = cells[..., : SIDE // 8] if self.left else cells[..., SIDE // 8 :]
        return 20 * half.amax(dim=(2, 3))


def films(folder, count: int = 6) -> heatproof.Manifest:
    """A bright square on the left of every other film, and grey elsewhere."""
    from PIL import Image

    rows = ["id,file,patient,Square,boxes"]
    for number in range(count):
        film = np.random.default_rng(number).integers(80, 90, (SIDE, SIDE), np.uint8)
        boxes = ""
        if number % 2:
            top = 8 + 4 * number
            film[top : top + 8, 8:16] = 200
            boxes = f'"[[8, {top}, 8, 8]]"'
        Image.fromarray(film).save(folder / f"{number}.png")
        rows.append(f"f{number},{number}.png,p{number},{number % 2},{boxes}")
    (folder / "films.csv").write_text("\n".join(rows) + "\n")
    return heatproof.Manifest(
        folder / "films.csv", labels=("Square",), image="file", id="id", patient="patient",
        boxes="boxes",
    )  # fmt: skip


def model(left: bool) -> heatproof.Adapted:
    scaling = heatproof.Preprocessing(heatproof.Squash(SIDE, SIDE), 1, (0.0,), (1.0,))
    return heatproof.Adapted(Half(left), "features", ("Square",), scaling)


@pytest.mark.parametrize(
    ("left", "uses", "cell"),
    [(True, "yes", "both right"), (False, "no", "model wrong, map honest")],
)
def test_a_model_that_looks_there_and_one_that_does_not(tmp_path, left, uses, cell):
    answer = heatproof.measure_region_use(model(left), films(tmp_path), "input_x_gradient")
    assert answer.cases["film"].to_list() == ["f1", "f3", "f5"]
    assert set(answer.cases["uses"]) == {uses}
    assert set(answer.cases["cell"]) == {cell}
    [row] = answer.cells.filter(pl.col("cell") == cell).iter_rows(named=True)
    assert (row["films"], row["share"]) == (3, 1)
    assert 0 < row["low"] < row["high"] == 1
    assert f"{cell} on 3 films, 100%" in repr(answer)
    assert set(answer.falls["infill"]) == {"local_mean", "telea", "normal_patch"}
    for change in answer.changes.iter_rows(named=True):
        own = answer.falls.filter(pl.col("infill") == change["infill"])
        assert change["fall"] == pytest.approx(own["fall"].mean())
        assert change["excess"] == pytest.approx((own["fall"] - own["controls"]).mean())
        assert (change["fall"] > 1) == left


def test_without_normal_films_their_patches_are_left_out(tmp_path):
    every = films(tmp_path)
    rows = (tmp_path / "films.csv").read_text().splitlines()
    (tmp_path / "films.csv").write_text("\n".join(row for row in rows if ",0," not in row) + "\n")
    marked = replace(every)
    few = heatproof.measure_region_use(model(True), marked, "gradient", controls=19)
    assert set(few.falls["infill"]) == {"local_mean", "telea"}
    with pytest.raises(SpecError, match="say another, such as local_mean"):
        heatproof.measure_region_use(model(True), marked, "gradient", infills=["normal_patch"])


def test_marks_that_the_network_does_not_see_are_told(tmp_path):
    """It sees the middle of a film, and squares lie at its left edge."""
    seen = heatproof.Preprocessing(CenterCrop(SIDE, SIDE, 4 * SIDE), 1, (0.0,), (1.0,))
    narrow = heatproof.Adapted(Half(True), "features", ("Square",), seen)
    with pytest.raises(AnnotationError, match="on none of 3 films within what the network sees"):
        heatproof.measure_region_use(narrow, films(tmp_path), "gradient")


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"finding": "Squar"}, ModelError, "did you mean Square"),
        ({"reader": "somebody"}, AnnotationError, "somebody marked Square on none of 6 films"),
        ({"infills": ["tela"]}, SpecError, "did you mean telea"),
        ({"methods": "gradcam"}, SpecError, "did you mean grad_cam"),
    ],
)
def test_mistakes_are_told(tmp_path, change, error, said):
    asked = {"model": model(True), "films": films(tmp_path), "methods": "gradient"} | change
    with pytest.raises(error, match=said):
        heatproof.measure_region_use(**asked)
