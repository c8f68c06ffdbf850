"""RISE by loops over masks, its masks, and what its map converges to."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from heatproof.errors import SpecError
from heatproof.models.adapter import Adapted
from heatproof.saliency import explain, methods
from heatproof.saliency.methods.rise import RISE
from tests.saliency.conftest import FINDINGS, PREPROCESSING, SIDE, make


def masks_of(method: RISE, images: Tensor, at_once: int = 10**6) -> Tensor:
    return torch.cat(list(method._masks(images, at_once)))


def value(grid: np.ndarray, at: float, side: int, other: float) -> float:
    """Of a grid enlarged to side x side, at a place; bilinear between centres, by the formula."""
    places = [(x + 0.5) * len(grid) / side - 0.5 for x in (at, other)]
    total = 0.0
    for row in range(len(grid)):
        for column in range(len(grid)):
            weight = 1.0
            for place, cell in zip(places, (row, column), strict=True):
                inside = min(max(place, 0), len(grid) - 1)
                weight *= max(0.0, 1 - abs(inside - cell))
            total += weight * grid[row, column]
    return total


def test_masks_by_the_papers_recipe(images: Tensor) -> None:
    method = RISE(masks=3, cells=5, shown=0.4, seed=7)
    found = masks_of(method, images.double()).numpy()
    generator = torch.Generator().manual_seed(7)
    grids = (torch.rand(3, 5, 5, generator=generator) < 0.4).double().numpy()
    cell = 10  # 48 / 5, rounded up
    tops, lefts = (torch.randint(cell, (3,), generator=generator).tolist() for _ in range(2))
    for mask, grid, top, left in zip(found, grids, tops, lefts, strict=True):
        for row, column in ((0, 0), (3, 40), (47, 47), (20, 11), (33, 2)):
            expected = value(grid, row + top, 6 * cell, column + left)
            assert mask[row, column] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("divisor", ["coverage", "expectation"])
def test_by_loops_over_masks(model, images: Tensor, divisor: str) -> None:
    method, images = RISE(masks=6, divisor=divisor), images.double()
    found = explain({"map": method}, model.double(), images, [2, 0]).maps["map"].values
    masks = masks_of(method, images)
    total, shown = torch.zeros_like(found), torch.zeros_like(images[0, 0])
    with torch.no_grad():
        for mask in masks:
            logits = model.eval()(images * mask)[:, [2, 0]]
            total += logits[:, :, None, None] * mask
            shown += mask
    expected = total / (shown if divisor == "coverage" else 6 * 0.5)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=10)
@given(
    st.integers(1, 9), st.integers(1, 12), st.floats(0.1, 0.9), st.integers(0, 2**31), st.integers()
)
def test_masks_lie_between_0_and_1_however_they_are_split(
    masks: int, cells: int, shown: float, seed: int, split: int
) -> None:
    method, images = RISE(masks, cells, shown, seed=seed), torch.zeros(1, 3, 20, 31)
    whole, pieces = masks_of(method, images), masks_of(method, images, 1 + split % 4)
    assert whole.shape == (masks, 20, 31)
    assert whole.min() >= 0
    assert whole.max() <= 1 + 1e-6
    assert torch.equal(whole, pieces)


def test_pixels_are_shown_as_often_as_asked(images: Tensor) -> None:
    masks = masks_of(RISE(masks=4000, shown=0.3), images)
    error = masks.std(dim=0) / np.sqrt(len(masks))
    assert (masks.mean(dim=0) - 0.3).abs().max() < 5 * error.max()


class Sum(nn.Module):
    """Logits that are sums of chosen pixels, and a constant."""

    def __init__(self, constant: float) -> None:
        super().__init__()
        self.body, self.constant = nn.Identity(), constant

    def forward(self, images: Tensor) -> Tensor:
        body = self.body(images)
        sums = [body[:, 0, :16, :16], body[:, 0, 20:36, 8:24], body[:, 0, 30:, 30:]]
        return torch.stack([part.sum(dim=(1, 2)) for part in sums], dim=1) + self.constant


def test_what_a_logit_sums_is_where_the_map_is_high() -> None:
    model = Adapted(Sum(0.0), "body", FINDINGS, PREPROCESSING)
    image = torch.ones(1, 3, SIDE, SIDE)
    found = explain(methods.parts(["rise(masks=2000)"]), model, image, [0, 1, 2])
    maps = found.maps["rise(masks=2000)"].values[0]
    for map_, inside in zip(maps, ((8, 8), (28, 16), (39, 39)), strict=True):
        assert map_[inside] > map_.quantile(0.95)


def test_a_constant_in_the_logit_shifts_the_map_and_nothing_else(images: Tensor) -> None:
    maps = {}
    for constant in (0.0, 1000.0):
        model = Adapted(Sum(constant), "body", FINDINGS, PREPROCESSING).double()
        for spec in ("rise(masks=50)", "rise(masks=50, divisor='expectation')"):
            found = explain(methods.parts([spec]), model, images.double(), [0])
            maps[spec.count("expectation"), constant] = found.maps[spec].values
    torch.testing.assert_close(maps[0, 1000.0] - 1000, maps[0, 0.0], rtol=0, atol=1e-9)
    assert (maps[1, 1000.0] - maps[1, 0.0]).std() > 10


@pytest.mark.parametrize("options", ["masks=0", "cells=0", "shown=1.0", "shown=0.0"])
def test_impossible_masks_are_refused(options: str) -> None:
    with pytest.raises(SpecError, match=options.partition("=")[0]):
        methods.parse(f"rise({options})")


def test_all_findings_share_the_passes(images: Tensor, monkeypatch) -> None:
    model, passes = make("adapted"), []
    run = model.features_and_logits

    def counted(images: Tensor, *, cut: bool = False):
        passes.append(len(images))
        return run(images, cut=cut)

    monkeypatch.setattr(model, "features_and_logits", counted)
    explain(methods.parts(["rise(masks=5)"]), model, images, [0, 1, 2])
    assert sum(passes) == 3 * 5 + 3  # and once for the logits
