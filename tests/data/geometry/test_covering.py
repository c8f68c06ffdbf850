"""What a mask covers of a canvas: what PyTorch's antialiased resize of it shows."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch.nn.functional import interpolate

from heatproof.data.geometry.covering import covered, shares

# PyTorch takes a canvas one pixel wide for another layout, and answers with one number throughout.
sides = st.integers(2, 40)
masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=40))


def of_torch(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    plane = torch.from_numpy(mask.astype(np.float64))[None, None]
    return interpolate(plane, size, mode="bilinear", antialias=True)[0, 0].numpy()


@given(masks, st.tuples(sides, sides))
def test_every_size(mask: np.ndarray, size: tuple[int, int]) -> None:
    np.testing.assert_allclose(shares(mask, size), of_torch(mask, size), atol=1e-5)


@pytest.mark.parametrize("size", [(256, 256), (224, 320), (64, 90)])
def test_a_film(size: tuple[int, int]) -> None:
    mask = np.hypot(*np.ogrid[-700:1620, -900:1928]) < 600
    np.testing.assert_allclose(shares(mask, size), of_torch(mask, size), atol=1e-6)


@given(masks, st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_all_is_covered_or_nothing_where_the_mask_is_all_or_nothing(
    mask: np.ndarray, size: tuple[int, int]
) -> None:
    assert covered(np.ones_like(mask), size).all()
    assert not covered(np.zeros_like(mask), size).any()


@given(st.integers(1, 12), st.integers(1, 12), st.integers(2, 9))
def test_half_of_a_pixel_is_enough(before: int, after: int, scale: int) -> None:
    """An edge through the middle of a pixel of the canvas, whatever the scale, covers it."""
    line = np.arange((before + 1 + after) * 2 * scale) < (2 * before + 1) * scale
    mask = np.tile(line, (4, 1))
    assert covered(mask, (2, before + 1 + after)).sum() == 2 * (before + 1)
    assert covered(~mask, (2, before + 1 + after)).sum() == 2 * (after + 1)
