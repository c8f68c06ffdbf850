"""Each similarity against scikit-image, scipy, or its formula written out."""

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.signal import convolve2d
from scipy.stats import pearsonr, spearmanr
from skimage.feature import hog
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

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


def of_wang(x, y, data_range):
    """Multi-scale SSIM as Wang, Simoncelli & Bovik 2003 define it, with a Gaussian written out."""
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    at = range(-5, 6)
    window = np.array([[math.exp(-(i * i + j * j) / (2 * 1.5**2)) for i in at] for j in at])
    window /= window.sum()

    def inside(values):
        return convolve2d(values, window, mode="valid")

    product = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333), start=1):
        ux, uy = inside(x), inside(y)
        sxx, syy, sxy = inside(x * x) - ux**2, inside(y * y) - uy**2, inside(x * y) - ux * uy
        factor = (2 * sxy + c2) / (sxx + syy + c2)
        if scale == 5:
            factor = factor * (2 * ux * uy + c1) / (ux**2 + uy**2 + c1)
        product *= max(0.0, factor.mean()) ** weight
        rows, columns = x.shape[0] // 2, x.shape[1] // 2
        x, y = (
            np.array(
                [
                    m[2 * row : 2 * row + 2, : 2 * columns].sum(0).reshape(columns, 2).sum(1) / 4
                    for row in range(rows)
                ]
            )
            for m in (x, y)
        )
    return product


def of_libraries(x, y, data_range):
    """Contrast of four scales by torchmetrics, SSIM of the fifth by scikit-image.

    Of the fifth scale torchmetrics counts windows that reach over the edge as well (mirrored),
    where the paper counts those inside; so its weight is 0 there.
    """
    one, other = (torch.tensor(m)[None, None] for m in (x, y))
    contrast = multiscale_structural_similarity_index_measure(
        one, other, data_range=data_range, betas=(0.0448, 0.2856, 0.3001, 0.2363, 0.0)
    ).item()
    coarse = [torch.nn.functional.avg_pool2d(m, 16)[0, 0].numpy() for m in (one, other)]
    fifth = structural_similarity(
        *coarse, data_range=data_range, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False,
    )  # fmt: skip
    return contrast * max(0, fifth) ** 0.1333


KINDS_OF_MAPS = ("smooth", "noise", "opposite", "almost opposite", "blob", "steps", "equal")


def maps_of_kind(kind, seed, shape):
    random = np.random.default_rng(seed)
    one, other = (m[0] for m in pair(seed, (1, *shape)))
    y, x = np.mgrid[: shape[0], : shape[1]]
    blob = np.exp(-(((y - 60) / 12) ** 2 + ((x - 70) / 12) ** 2))
    return {
        "smooth": (one, other),
        "noise": tuple(random.random((2, *shape))),
        "opposite": (one, 1 - one),
        "almost opposite": (one, 0.8 * (1 - one) + 0.2 * random.random(shape)),
        "blob": (blob, np.roll(blob, 9, axis=1)),
        "steps": (np.round(3 * one) / 3, np.round(3 * other) / 3),
        "equal": (one, one),
    }[kind]


@pytest.mark.parametrize("kind", KINDS_OF_MAPS)
def test_multi_scale_ssim_is_that_of_its_paper_and_of_libraries(kind):
    """On even and odd sizes, with the plain and the published range of values."""
    for seed, (shape, data_range) in enumerate(
        [((176, 176), 1.0), ((177, 190), 1.0), ((191, 179), 2.0), ((223, 201), 1.0)]
    ):
        one, other = maps_of_kind(kind, seed, shape)
        found = MultiScaleSSIM(data_range=data_range)(one[None], other[None])[0]
        assert found == pytest.approx(of_wang(one, other, data_range), abs=1e-9)
        assert found == pytest.approx(of_libraries(one, other, data_range), abs=1e-6)
        if kind in ("opposite", "blob"):
            assert (found == 0) == (kind == "opposite")


@pytest.mark.parametrize(("window", "least"), [("gaussian", 176), ("uniform", 112)])
def test_multi_scale_ssim_needs_a_window_at_the_coarsest_scale(window, least):
    """Sixteen times the window; one pixel less and the fifth scale has no window."""
    for shape, defined in (
        ((least, least), True),
        ((least - 1, least), False),
        ((least, least - 1), False),
    ):
        one, other = pair(2, (1, *shape))
        assert np.isfinite(MultiScaleSSIM(window)(one, other)[0]) == defined


def test_multi_scale_ssim_of_single_precision_is_that_of_double():
    one, other = pair(6, (2, 180, 177), np.float32)
    double = MultiScaleSSIM()(one.astype(float), other.astype(float))
    np.testing.assert_allclose(MultiScaleSSIM()(one, other), double, atol=1e-12)


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


def highest(values, k):
    """Each pixel's share in the k highest: those that tie at the k-th place share what is left."""
    kth = sorted(values, reverse=True)[k - 1]
    left = k - sum(value > kth for value in values)
    ties = sum(value == kth for value in values)
    return [
        Fraction(1) if value > kth else Fraction(left, ties) if value == kth else Fraction(0)
        for value in values
    ]


def intersection(one, other, k):
    shares = zip(highest(one, k), highest(other, k), strict=True)
    return float(sum(min(a, b) for a, b in shares) / k)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(1, 9), st.integers(2, 13)),
    levels=st.sampled_from([2, 3, 6, 10_000]),
    share=st.sampled_from([0.001, 0.02, 0.11, 0.3, 0.83, 0.999]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_top_k_is_its_definition(seed, shape, levels, share, dtype):
    """With few levels most pixels tie; signed values count as they are."""
    random = np.random.default_rng(seed)
    one, other = (random.integers(-levels, levels, (2, 1, *shape)) / 7).astype(dtype)
    k = max(1, round(share * shape[0] * shape[1]))
    found = TopK(share)(one, other)[0]
    flat = one.ravel().tolist(), other.ravel().tolist()
    if len(set(flat[0])) == 1 or len(set(flat[1])) == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(intersection(*flat, k), abs=1e-12)


def every_choice(values, k):
    """All sets of the k highest pixels, whichever of those that tie are taken."""
    kth = sorted(values, reverse=True)[k - 1]
    above = {i for i, value in enumerate(values) if value > kth}
    ties = [i for i, value in enumerate(values) if value == kth]
    return [above | set(chosen) for chosen in combinations(ties, k - len(above))]


def test_top_k_is_ghorbanis_and_with_ties_no_order_of_pixels_goes_beyond_it():
    """Ghorbani et al.: the size of the intersection of the two sets, over k."""
    random, tied = np.random.default_rng(0), 0
    for _ in range(60):
        one, other = random.integers(0, int(random.choice([3, 5, 1000])), (2, 10)).astype(float)
        k = int(random.integers(1, 6))
        sets = [every_choice(values.tolist(), k) for values in (one, other)]
        found = TopK(k / 10)(one[None, None], other[None, None])[0]
        overlaps = [len(a & b) / k for a in sets[0] for b in sets[1]]
        if min(np.ptp(one), np.ptp(other)) == 0:
            continue
        tied += len(overlaps) > 1
        assert min(overlaps) - 1e-12 <= found <= max(overlaps) + 1e-12
        if len(overlaps) == 1:
            assert found == pytest.approx(overlaps[0])
    assert 10 < tied < 50


def test_the_default_share_is_the_thousand_pixels_of_ghorbani():
    """k = 1,000 of 224 x 224: of maps that share their 500 highest alone, half of k is common."""
    one = np.random.default_rng(1).permutation(224 * 224).astype(float)
    other = one.copy()
    order = np.argsort(-one)
    k = round(0.02 * 224 * 224)
    other[order[500:k]] = -1
    assert abs(k - 1000) < 5
    assert TopK()(one.reshape(1, 224, 224), other.reshape(1, 224, 224))[0] == 500 / k


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
