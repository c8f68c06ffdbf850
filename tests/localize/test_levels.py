"""One pass over a map counts what binarizing it again for every threshold counts, to the pixel."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from heatproof.data.geometry import Squash
from heatproof.data.geometry.enlarging import Enlargement, enlargement
from heatproof.localize import metrics
from heatproof.localize.levels import otsu_level
from heatproof.localize.overlap import CountsPixels, of_masks, overlaps
from heatproof.maps.binarize import Binarizer, Fixed, Otsu, Percentile

TUNED = [Fixed(number / 10) for number in range(2, 9)]
# The last six lie at the same two levels of 255: one pass cannot tell them apart.
NEAR = [Fixed(level / 255 + more) for level in (20, 52) for more in (0.0, 1e-3, 2e-3)]
EVERY: list[Binarizer] = [Otsu(), Otsu(contour_fill=True), Percentile(90.0), *TUNED, *NEAR]

shapes = st.shared(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9), key="shape")
masks = hnp.arrays(bool, shapes)
# Heights that fall on thresholds and on the edges of levels, and any other.
on_edges = st.integers(0, 255).map(lambda level: level / 255)
heights = st.one_of(on_edges, st.integers(0, 10).map(lambda tenth: tenth / 10), st.floats(-9, 9))


def maps(kind: type) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(kind, shapes, elements=heights.map(lambda height: float(kind(height))))


@given(st.one_of(maps(np.float32), maps(np.float64)), masks)
def test_counts_are_those_of_the_binarized_map(saliency: np.ndarray, mask: np.ndarray) -> None:
    found = overlaps(Enlargement.whole(saliency), mask, EVERY)
    assert list(found) == EVERY
    for binarize, counts in found.items():
        predicted = binarize(saliency)
        assert counts == (None if predicted is None else of_masks(predicted, mask)), binarize


@pytest.mark.parametrize("seed", range(3))
def test_counts_of_a_map_at_the_size_of_a_film(seed: int) -> None:
    generator = np.random.default_rng(seed)
    cells = np.maximum(generator.normal(0, 0.5, (10, 10)), 0).astype(np.float32)
    saliency = Squash(320, 320).back(Squash(320, 320).back(cells, (320, 320)), (331, 403))
    mask = np.asfortranarray(np.hypot(*np.ogrid[-165:166, -201:202]) < 90)
    over = enlargement(Squash(320, 320).back(cells, (320, 320)), (331, 403))
    for binarize, counts in overlaps(over, mask, EVERY).items():
        predicted = binarize(saliency)
        assert predicted is not None
        assert counts == of_masks(predicted, mask), binarize


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_otsu_is_that_of_opencv(image: np.ndarray) -> None:
    expected, _ = cv2.threshold(image, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    assert otsu_level(np.bincount(image.ravel(), minlength=256)) == expected


@pytest.mark.parametrize("fill", [0.0, np.nan, np.inf])
def test_a_map_that_cannot_be_binarized_has_no_counts(fill: float) -> None:
    saliency = np.zeros((4, 5), np.float32)
    saliency[1, 1] = fill
    assert set(overlaps(Enlargement.whole(saliency), saliency > 0, EVERY).values()) == {None}


def test_a_mask_of_another_size_is_refused_before_compiled_code_looks_beyond_it() -> None:
    saliency = Enlargement.whole(np.arange(20.0).reshape(4, 5))
    with pytest.raises(ValueError, match="expected one size"):
        overlaps(saliency, np.ones((5, 5), bool), EVERY)


@pytest.mark.parametrize("spec", ["iou", "dice", "pixel_precision", "miou", "pooled"])
def test_metrics_that_count_pixels_say_so(spec: str) -> None:
    assert isinstance(metrics.parse(spec), CountsPixels)
