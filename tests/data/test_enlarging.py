"""Our enlargement and PyTorch's are the same numbers; with AVX, to the last bit."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from heatproof.data.enlarging import SMALL, Enlargement, enlarged, enlargement

sides = st.integers(1, 400)
cells = st.integers(1, 60)


def assert_same(ours: np.ndarray, theirs: np.ndarray) -> None:
    rounding = 0 if torch.backends.cpu.get_cpu_capability().startswith("AVX") else 1e-5
    np.testing.assert_allclose(ours, theirs, rtol=rounding, atol=rounding * np.abs(theirs).max())


def of_torch(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    plane = torch.from_numpy(values)[None, None]
    return interpolate(plane, size, mode="bilinear")[0, 0].numpy()


@given(st.tuples(cells, cells), st.tuples(sides, sides), st.integers(0, 99))
def test_every_size(grid: tuple[int, int], size: tuple[int, int], seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=grid).astype(np.float32)
    assert_same(enlarged(values, size), of_torch(values, size))


@pytest.mark.parametrize("grid", [(10, 10), (320, 320), (256, 256), (7, 9), (1, 1)])
@pytest.mark.parametrize("size", [(2320, 2828), (2022, 2021), (390, 320), (100, 90)])
def test_maps_over_films(grid: tuple[int, int], size: tuple[int, int]) -> None:
    values = np.maximum(np.random.default_rng(0).normal(size=grid), 0).astype(np.float32) * 1e-3
    assert_same(enlarged(values, size), of_torch(values, size))


@pytest.mark.parametrize("size", [(64, SMALL - 64), (64, SMALL - 63), (SMALL, 1), (1, 1)])
def test_either_side_of_the_choice_of_kernels(size: tuple[int, int]) -> None:
    values = np.random.default_rng(1).normal(size=(9, 14)).astype(np.float32)
    assert_same(enlarged(values, size), of_torch(values, size))


def test_what_is_not_finite_is_not_made_up() -> None:
    values = np.ones((3, 3), np.float32)
    values[1, 1] = np.nan
    found = enlarged(values, (300, 300))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(of_torch(values, (300, 300))))


@given(st.tuples(cells, cells), st.tuples(sides, sides), st.integers(0, 99))
def test_limits_and_maxima_are_those_of_the_pixels(
    grid: tuple[int, int], size: tuple[int, int], seed: int
) -> None:
    """Of maps with plateaus too: a coarse one is flat beyond the centres of its outer cells."""
    values = np.random.default_rng(seed).integers(0, 4, grid).astype(np.float32)
    shown, pixels = enlargement(values, size), enlarged(values, size)
    low, high = pixels.min(), pixels.max()
    assert shown.shape == pixels.shape
    assert shown.limits == (None if low == high else (low, high))
    np.testing.assert_array_equal(np.transpose(shown.maxima), np.argwhere(pixels == high))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_map_that_is_not_finite_has_no_limits(value: float) -> None:
    values = np.ones((3, 3), np.float32)
    values[1, 1] = value
    assert enlargement(values, (300, 300)).limits is None
    assert Enlargement.whole(values).limits is None
