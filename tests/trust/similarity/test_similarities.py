"""Each similarity against scikit-image, scipy, or its formula written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.stats import pearsonr, spearmanr
from skimage.feature import hog
from skimage.metrics import structural_similarity

from heatproof.errors import SpecError
from heatproof.maps.binarize import Fixed
from heatproof.trust.similarity import compare
from heatproof.trust.similarity.hog import HOG
from heatproof.trust.similarity.iou import IoUOfMaps
from heatproof.trust.similarity.multi_scale_ssim import WEIGHTS, MultiScaleSSIM
from heatproof.trust.similarity.pearson import Pearson
from heatproof.trust.similarity.pixel_error import PixelErrorOfMaps
from heatproof.trust.similarity.spearman import Spearman
from heatproof.trust.similarity.ssim import SSIM
from heatproof.trust.similarity.top_k import TopK


def pair(seed=0, shape=(3, 60, 52), dtype=np.float64):
    """Smooth maps in [0, 1], partly alike."""
    random = np.random.default_rng(seed)
    fields = [gaussian_filter(random.standard_normal(shape), (0, 3, 3)) for _ in range(3)]
    one, other = fields[0] + fields[1], fields[0] + fields[2]
    scaled = (m - m.min((1, 2), keepdims=True) for m in (one, other))
    return tuple((m / m.max((1, 2), keepdims=True)).astype(dtype) for m in scaled)


@settings(max_examples=15)
@given(
    seed=st.integers(0, 1000),
    height=st.integers(7, 40),
    width=st.integers(7, 40),
    data_range=st.sampled_from([1.0, 2.0, 255.0]),
)
def test_ssim_is_that_of_scikit_image(seed, height, width, data_range):
    one, other = pair(seed, (2, height, width))
    theirs = [
        structural_similarity(x, y, data_range=data_range) for x, y in zip(one, other, strict=True)
    ]
    np.testing.assert_allclose(SSIM(data_range=data_range)(one, other), theirs, atol=1e-12)


def test_ssim_of_single_precision_is_that_of_the_same_values_in_double():
    one, other = pair(dtype=np.float32)
    double = SSIM()(one.astype(float), other.astype(float))
    np.testing.assert_allclose(SSIM()(one, other), double, atol=1e-15)


@pytest.mark.parametrize("data_range", [1.0, 2.0])
def test_gaussian_ssim_is_that_of_scikit_image(data_range):
    one, other = pair()
    theirs = [
        structural_similarity(
            *(x, y), data_range=data_range, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False,
        )
        for x, y in zip(one, other, strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose(SSIM("gaussian", data_range)(one, other), theirs, atol=1e-12)


def by_hand(x, y, data_range=1.0):
    """The definition, window by window."""
    c1, c2, values, structures = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2, [], []
    for row in range(x.shape[0] - 6):
        for column in range(x.shape[1] - 6):
            a, b = (m[row : row + 7, column : column + 7].ravel() for m in (x, y))
            covariance = np.cov(a, b)
            contrast = (2 * covariance[0, 1] + c2) / (covariance[0, 0] + covariance[1, 1] + c2)
            luminance = (2 * a.mean() * b.mean() + c1) / (a.mean() ** 2 + b.mean() ** 2 + c1)
            values.append(contrast * luminance)
            structures.append(contrast)
    return np.mean(values), np.mean(structures)


def test_ssim_is_its_definition():
    one, other = pair(3, (1, 15, 12))
    assert SSIM()(one, other)[0] == pytest.approx(by_hand(one[0], other[0])[0], abs=1e-12)


def test_the_published_range_raises_every_similarity():
    """spec 6.2: two uniform-noise maps .019 instead of .003; the same scaled by .1: .68, .35."""
    one, other = np.random.default_rng(0).random((2, 4, 320, 320))
    found = [SSIM(data_range=r)(s * one, s * other).mean() for s in (1, 0.1) for r in (1.0, 2.0)]
    np.testing.assert_allclose(found, [0.003, 0.019, 0.35, 0.68], atol=0.006)


def test_two_empty_maps_are_alike_as_they_are_and_undefined_once_scaled():
    empty = np.zeros((1, 9, 9))
    assert SSIM()(empty, empty)[0] == 1
    assert np.isnan(compare(empty, empty, {"ssim": SSIM()})["ssim"][0])


def test_multi_scale_ssim_is_the_product_over_five_scales():
    one, other = pair(5, (2, 131, 120))
    expected = []
    for maps in zip(one, other, strict=True):
        product, scaled = 1.0, maps
        for scale, weight in enumerate(WEIGHTS):
            whole, contrast = by_hand(*scaled)
            product *= max(0, whole if scale == 4 else contrast) ** weight
            even = [m[: m.shape[0] // 2 * 2, : m.shape[1] // 2 * 2] for m in scaled]
            scaled = [
                (m[0::2, 0::2] + m[1::2, 0::2] + m[0::2, 1::2] + m[1::2, 1::2]) / 4 for m in even
            ]
        expected.append(product)
    np.testing.assert_allclose(MultiScaleSSIM("uniform")(one, other), expected, atol=1e-10)


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), levels=st.sampled_from([2, 5, 1000]))
def test_correlations_are_those_of_scipy(seed, levels):
    """With few levels most pixels tie."""
    one, other = (np.round(m * levels) - levels / 3 for m in pair(seed, (2, 12, 9)))
    flat = [(x.ravel(), y.ravel()) for x, y in zip(one, other, strict=True)]
    for measure, theirs in (
        (Pearson(), [pearsonr(x, y).statistic for x, y in flat]),
        (Spearman(), [spearmanr(x, y).statistic for x, y in flat]),
        (Spearman(True), [spearmanr(abs(x), abs(y)).statistic for x, y in flat]),
    ):
        np.testing.assert_allclose(measure(one, other), theirs, atol=1e-9)


def test_a_change_of_sign_is_seen_by_signed_ranks_alone():
    one, _ = pair()
    centred = one - 0.5
    np.testing.assert_allclose(Spearman()(centred, -centred), -1)
    np.testing.assert_allclose(Spearman(absolute=True)(centred, -centred), 1)


def test_hog_correlates_the_histograms_of_scikit_image():
    one, other = pair(0, (2, 70, 64))
    theirs = [
        pearsonr(hog(x, pixels_per_cell=(16, 16)), hog(y, pixels_per_cell=(16, 16))).statistic
        for x, y in zip(one, other, strict=True)
    ]
    np.testing.assert_allclose(HOG()(one, other), theirs, atol=1e-9)


def test_top_k_counts_common_pixels():
    one, other = np.zeros((2, 1, 10, 10))
    one[0, 0], other[0, 0, 5:], other[0, 1, :5] = np.arange(10) + 1, 2, 1
    assert TopK(0.1)(one, other)[0] == 0.5


def test_top_k_shares_ties_among_all_that_tie():
    """Ten pixels to have, one of them above; the other nine of 99 that tie."""
    one, other = np.zeros((2, 1, 10, 10))
    one[0, 0, 0] = other[0, 9, 9] = 1
    tied = 9 / 99
    assert TopK(0.1)(one, other)[0] == pytest.approx((2 * tied + 98 * tied) / 10)
    assert TopK(0.1)(one, one)[0] == pytest.approx(1)


def test_masks_of_known_overlap():
    one, other = np.zeros((2, 1, 4, 4))
    one[0, :2], other[0, 1:3] = 1, 1
    assert IoUOfMaps(Fixed(0.5))(one, other)[0] == pytest.approx(1 / 3)
    assert PixelErrorOfMaps(Fixed(0.5))(one, other)[0] == 0.5


@pytest.mark.parametrize(
    ("part", "options"),
    [(SSIM, {"data_range": 0.0}), (TopK, {"share": 1.0}), (HOG, {"cell": 0})],
)
def test_impossible_options_are_refused(part, options):
    with pytest.raises(SpecError, match=f"{next(iter(options))}=0|share=1"):
        part(**options)
