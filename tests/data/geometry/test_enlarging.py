"""Enlargement is exact: pixels are those of rational arithmetic, and ties on a map stay ties."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from heatproof.data.geometry.enlarging import Enlargement, Span, enlarged, enlargement

sides = st.integers(1, 400)
cells = st.integers(1, 60)
grids, sizes = st.tuples(cells, cells), st.tuples(sides, sides)
heights = st.integers(-10_000, 10_000).map(lambda number: number / 7)
FILMS = [(2320, 2828), (2022, 2021), (390, 320), (100, 90)]


def normal(grid: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=grid).astype(np.float32)


def by_hand(cells: list[Fraction], pixels: int, span: Span) -> list[Fraction]:
    """One axis, from the definition: half-pixel centres, borders repeated."""
    line = []
    for pixel in range(pixels):
        on_canvas = span.start + Fraction(2 * pixel + 1, 2 * pixels) * span.length
        place = on_canvas * len(cells) / span.canvas - Fraction(1, 2)
        place = min(max(place, Fraction(0)), Fraction(len(cells) - 1))
        first = int(place)
        second = min(first + 1, len(cells) - 1)
        line.append(cells[first] + (cells[second] - cells[first]) * (place - first))
    return line


@pytest.mark.parametrize("grid", [(3, 4), (7, 2), (1, 5), (9, 9)])
@pytest.mark.parametrize("size", [(10, 13), (7, 30), (5, 1)])
@pytest.mark.parametrize("span", [Span(0, 1, 1), Span(3, 11, 17)])
def test_every_pixel_is_exact_and_rounded_once(
    grid: tuple[int, int], size: tuple[int, int], span: Span
) -> None:
    values = normal(grid)
    rows = [by_hand([Fraction(float(v)) for v in row], size[1], span) for row in values]
    columns = [by_hand(list(column), size[0], span) for column in zip(*rows, strict=True)]
    exact = np.array([[float(pixel) for pixel in column] for column in columns]).T
    found = enlargement(values, size, span, span).pixels
    np.testing.assert_array_equal(found, exact.astype(np.float32))


@given(grids, sizes, st.integers(0, 99))
def test_pytorch_rounds_to_nearly_the_same(
    grid: tuple[int, int], size: tuple[int, int], seed: int
) -> None:
    values = normal(grid, seed)
    theirs = interpolate(torch.from_numpy(values)[None, None], size, mode="bilinear")[0, 0]
    # Its places are numbers of cells in single precision.
    step = 2.0**-23 * max(grid) * np.ptp(values)
    np.testing.assert_allclose(enlarged(values, size), theirs, rtol=1e-6, atol=4 * step)


@given(heights, grids, sizes)
def test_one_value_stays_one(value: float, grid: tuple[int, int], size: tuple[int, int]) -> None:
    shown = enlargement(np.full(grid, value, np.float32), size)
    assert (shown.pixels == np.float32(value)).all()
    assert shown.limits is None


@given(heights.map(abs), st.tuples(st.integers(4, 40), st.integers(4, 40)), sizes)
def test_a_plateau_is_flat_up_to_its_rim(
    value: float, grid: tuple[int, int], size: tuple[int, int]
) -> None:
    values = np.minimum(normal(grid), np.float32(-1))
    values[1:3] = value  # between the centres of two rows of cells
    pixels = enlarged(values, size)
    places = (np.arange(size[0]) + 0.5) * grid[0] / size[0] - 0.5
    flat = (places >= 1 + 1e-9) & (places <= 2 - 1e-9)
    assert (pixels[flat] == np.float32(value)).all()
    assert (pixels[(places < 1 - 1e-6) | (places > 2 + 1e-6)] < np.float32(value)).all()


@pytest.mark.parametrize("grid", [(10, 10), (320, 320), (7, 9), (1, 1)])
@pytest.mark.parametrize("size", FILMS)
@pytest.mark.parametrize("power", [-40, 0, 40])
def test_a_map_mirrored_turned_or_rescaled_has_the_same_pixels(
    grid: tuple[int, int], size: tuple[int, int], power: int
) -> None:
    """To the last bit."""
    # Of one sign: where large cells cancel, what is left is exact but for a share of these.
    values, factor = np.exp(normal(grid)), np.float32(2.0**power)
    other = enlarged(values[::-1, ::-1].T * factor, size[::-1])
    np.testing.assert_array_equal(other.T[::-1, ::-1], enlarged(values, size) * factor)


@pytest.mark.parametrize("size", [(1000, 800), (997, 801), *FILMS])
def test_peaks_that_mirror_each_other_tie(size: tuple[int, int]) -> None:
    values = np.zeros((7, 7), np.float32)
    values[1, 2] = values[5, 4] = 0.7
    rows, columns = enlargement(values, size).maxima
    assert len(rows) >= 2
    mirrored = {(size[0] - 1 - y, size[1] - 1 - x) for y, x in zip(rows, columns, strict=True)}
    assert set(zip(rows, columns, strict=True)) == mirrored


def test_what_is_not_finite_is_not_made_up() -> None:
    values = np.ones((3, 3), np.float32)
    values[1, 1] = np.nan
    reached = np.abs((np.arange(300) + 0.5) / 100 - 1.5) < 1  # pixels that the cell has a share of
    np.testing.assert_array_equal(
        np.isnan(enlarged(values, (300, 300))), np.logical_and.outer(reached, reached)
    )


@given(grids, sizes, st.integers(0, 99))
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


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_range_too_large_for_its_kind_is_none(kind: type) -> None:
    largest = float(np.finfo(kind).max)
    values = np.array([[-largest, largest]], kind)
    assert Enlargement.whole(values).limits is None
    assert Enlargement.whole(values / 2).limits == (-largest / 2, largest / 2)
