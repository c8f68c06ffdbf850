"""XRAI's regions, their order and values beside PAIR's, to the last bit."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from torch import Tensor

from heatproof.data.datasets.phantom import Phantom
from heatproof.errors import MapError, SpecError
from heatproof.models import Model
from heatproof.saliency import explain, methods, segments
from heatproof.saliency.methods.xrai import XRAI, _sum, regions
from heatproof.saliency.segments import Segments, segments_of
from heatproof.types import Validity
from tests.saliency.conftest import SIDE, make

ALGORITHMS = ["full", "fast"]


def picture(kind: str, side: int = SIDE) -> np.ndarray:
    """As networks see it, ``h w c``."""
    if kind == "phantom":
        film = Phantom(size=side)[1].pixels.read()
        return np.stack([(film - mean) / 0.225 for mean in (0.4, 0.45, 0.5)], axis=2)
    noise = np.random.default_rng(3).standard_normal((side, side, 3))
    return gaussian_filter(noise, (side / 30, side / 30, 0)).astype(np.float32)


def attribution(kind: str, side: int) -> np.ndarray:
    rough = np.random.default_rng(5).standard_normal((side, side))
    return {
        "rough": rough,
        "smooth": gaussian_filter(rough, side / 20),
        "of few values": np.round(rough),
        "almost constant": 1 + 1e-13 * rough,
        "constant": np.full((side, side), 0.1),
        "mostly zero": np.where(rough > 2, rough, 0.0),
        "of all magnitudes": rough * 10.0 ** (8 * gaussian_filter(rough, 2)),
    }[kind]


def masks_of(found: Segments) -> np.ndarray:
    """``m h w``, from the masks of each piece."""
    member = np.zeros((len(found), len(found.piece_stops)), bool)
    for piece, masks in enumerate(np.split(found.piece_masks, found.piece_stops[:-1])):
        member[masks, piece] = True
    return np.stack([found.spread(pieces) for pieces in member])


def pairs(values, masks, algorithm, min_area=50, area_threshold=1.0):
    """Values, and ranks of the regions by their gains, of PAIR."""
    pair = pytest.importorskip("saliency.core.xrai")
    run = pair.XRAI._xrai if algorithm == "full" else pair.XRAI._xrai_fast
    found = run(values, list(masks), min_pixel_diff=min_area, area_perc_th=area_threshold)
    return found[0], found[1]


def agree(values, masks, found: Segments, algorithm, min_area=50, area_threshold=1.0) -> None:
    order, gains = regions(values, found, algorithm, min_area, area_threshold)
    expected, ranks = pairs(values, masks, algorithm, min_area, area_threshold)
    np.testing.assert_array_equal(gains[order], expected)
    # PAIR ranks regions by their gains afterwards, the first taken first, and the rest last.
    taken = np.argsort(-gains[:-1], kind="stable")
    rank = np.append(np.argsort(taken), len(taken)) + 1
    np.testing.assert_array_equal(rank[order], ranks)


@pytest.mark.parametrize("size", [*range(1, 40), 127, 128, 129, 136, 257, 1000, 4099, 100_003])
def test_sums_are_numpys(size: int) -> None:
    values = np.random.default_rng(size).standard_normal(size) + size % 7
    assert _sum(values) == values.sum()


@pytest.mark.parametrize(
    ("kind", "side", "dilation"),
    [
        *(("phantom", 48, 5), ("noise", 48, 0), ("noise", 97, 3)),
        pytest.param("phantom", 320, 5, marks=pytest.mark.slow),
        pytest.param("noise", 320, 5, marks=pytest.mark.slow),
    ],
)
def test_segments_are_pairs(kind: str, side: int, dilation: int) -> None:
    pair = pytest.importorskip("saliency.core.xrai")
    image = picture(kind, side)
    expected = pair._get_segments_felzenszwalb(image, dilation_rad=dilation)
    np.testing.assert_array_equal(masks_of(segments_of(image, dilation)), expected)


def test_segments_of_an_image_that_is_not_square() -> None:
    pair = pytest.importorskip("saliency.core.xrai")
    image = picture("noise", 90)[:60]
    expected = pair._get_segments_felzenszwalb(image)
    np.testing.assert_array_equal(masks_of(segments_of(image, 5)), expected)


@pytest.mark.parametrize("kind", ["rough", "smooth", "of few values", "of all magnitudes"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("image", ["phantom", "noise"])
def test_regions_are_pairs(image: str, algorithm: str, kind: str) -> None:
    found = segments_of(picture(image, 150), 5)
    agree(attribution(kind, 150), masks_of(found), found, algorithm)


@pytest.mark.parametrize("kind", ["almost constant", "constant", "mostly zero"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_ties_are_broken_as_pairs(algorithm: str, kind: str) -> None:
    found = segments_of(picture("phantom"), 5)
    agree(attribution(kind, SIDE), masks_of(found), found, algorithm)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_regions_are_pairs_at_full_size(algorithm: str) -> None:
    found = segments_of(picture("phantom", 320), 5)
    for kind in ("rough", "smooth"):
        agree(attribution(kind, 320), masks_of(found), found, algorithm)


@given(st.data())
def test_any_masks(data) -> None:
    """Few pixels and few values, so that there are many ties, duplicates and gaps."""
    height, width = data.draw(st.integers(2, 12)), data.draw(st.integers(2, 12))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    count = data.draw(st.integers(1, 12))
    masks = random.random((count, height, width)) < data.draw(st.sampled_from([0.05, 0.3, 0.8]))
    masks = masks[random.integers(0, count, 2 * count)]
    values = random.integers(-3, 4, (height, width)) / data.draw(st.sampled_from([1.0, 3.0, 7.0]))
    if data.draw(st.booleans()):
        values = values + 1e-15 * random.standard_normal((height, width))
    found = Segments.of(masks)
    np.testing.assert_array_equal(masks_of(found), masks)
    for algorithm in ALGORITHMS:
        agree(values, masks, found, algorithm, data.draw(st.integers(1, 6)))
    agree(values, masks, found, "full", 2, data.draw(st.floats(0, 1)))


def test_two_overlapping_squares_by_hand() -> None:
    masks = np.zeros((2, 4, 6), bool)
    masks[0, :, :3] = masks[1, :, 2:5] = True
    values = np.tile([1.0, 1.0, 4.0, 2.0, 2.0, -1.0], (4, 1))
    # Means are 2 and 8/3: the second first, and the first with what it still adds.
    order, gains = regions(values, Segments.of(masks), "full", 1)
    assert order.tolist() == [[1, 1, 0, 0, 0, 2]] * 4
    assert gains.tolist() == [8 / 3, 1.0, -1.0]
    order, gains = regions(values, Segments.of(masks), "full", 9)  # the first adds only 8 pixels
    assert order.tolist() == [[1, 1, 0, 0, 0, 1]] * 4
    assert gains == pytest.approx([8 / 3, 1 / 3])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_whole_method_is_pairs(images: Tensor, algorithm: str) -> None:
    pair = pytest.importorskip("saliency.core.xrai")
    model, images = make("resnet10t + linear").eval().double(), images[:1].double()
    base = "integrated_gradients(steps=4, baseline='extremes', rule='pair', channels='max')"
    spec = f"xrai(base={base}, algorithm='{algorithm}')"
    maps = explain({"it": methods.parse(spec)}, model, images, [2, 0]).maps["it"].values.numpy()

    def gradients(batch, call_model_args=None, expected_keys=None):
        points = torch.from_numpy(batch).permute(0, 3, 1, 2).requires_grad_()
        (slope,) = torch.autograd.grad(model(points)[:, call_model_args].sum(), points)
        return {pair.IntegratedGradients.expected_keys[0]: slope.permute(0, 2, 3, 1).numpy()}

    settings = pair.XRAIParameters(steps=4, algorithm=algorithm)
    for image, found in zip(images.permute(0, 2, 3, 1).numpy(), maps, strict=True):
        for target, ours in zip([2, 0], found, strict=True):
            expected = pair.XRAI().GetMask(
                image, gradients, target, batch_size=4, extra_parameters=settings
            )
            # Its integrated gradients are summed in float32.
            np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6 * np.ptp(expected))


def test_the_map_is_the_mean_of_its_base_per_region(model: Model, images: Tensor) -> None:
    base = "integrated_gradients(steps=2, baseline='extremes')"
    specs = [base, f"xrai(base={base})"]
    found = explain(methods.parts(specs), model.double(), images.double(), [2, 0])
    attributions, maps = (found.maps[spec] for spec in specs)
    np.testing.assert_array_equal(maps.residual, attributions.residual)
    assert maps.tolerance == attributions.tolerance
    for n, image in enumerate(images.double()):
        cut = segments_of(image.permute(1, 2, 0).numpy(), 5)
        for k in range(2):
            values = attributions.values[n, k].numpy()
            order, gains = regions(values, cut)
            np.testing.assert_array_equal(maps.values[n, k], gains[order])
            # Whatever the regions: each pixel lies in one, so the sum stays.
            assert float(maps.values[n, k].sum()) == pytest.approx(values.sum(), rel=1e-8)


def test_an_image_is_segmented_once(images: Tensor, monkeypatch) -> None:
    segments._cache.clear()
    asked = []
    cut = segments.labels_of
    monkeypatch.setattr(segments, "labels_of", lambda image: asked.append(1) or cut(image))
    method = {"it": XRAI(base=methods.parse("integrated_gradients(steps=1)"))}
    for seed in range(2):
        model = make("adapted")
        explain(method, model, images, [0, 1, 2][seed:])
    assert len(asked) == len(images)
    wider = {"it": XRAI(base=methods.parse("integrated_gradients(steps=1)"), dilation=2)}
    explain(wider, model, images[:1], [0])
    assert len(asked) == len(images) + 1


def test_old_segments_are_forgotten(monkeypatch) -> None:
    segments._cache.clear()
    image = picture("noise", 24)
    size = segments_of(image, 5).nbytes
    monkeypatch.setattr(segments, "CACHE_BYTES", 2.5 * size)
    for shift in (1, 2, 3):
        segments_of(np.roll(image, shift, axis=0), 5)
    assert 1 <= len(segments._cache) <= 3
    kept = segments_of(np.roll(image, 3, axis=0), 5)
    assert kept is list(segments._cache.values())[-1]


def test_a_constant_image_is_one_region(images: Tensor) -> None:
    spec = "xrai(base=integrated_gradients(steps=2))"
    found = explain(methods.parts([spec]), make("adapted"), torch.ones_like(images[:1]), [0])
    assert found.validity[spec] in {((Validity.CONSTANT,),), ((Validity.ZERO,),)}
    assert len(segments_of(np.ones((48, 48, 3)), 5)) == len(segments.SCALES)


def test_a_base_that_is_not_finite_has_no_regions(images: Tensor) -> None:
    model = make("adapted")
    model.network.last[1].weight.data[0, 0] = torch.nan  # type: ignore[union-attr]
    spec = "xrai(base=integrated_gradients(steps=1))"
    found = explain(methods.parts([spec]), model, images[:1], [0])
    assert found.validity[spec] == ((Validity.NOT_FINITE,),)


def test_a_coarse_base_is_refused(images: Tensor) -> None:
    with pytest.raises(MapError, match=r"xrai adds up its base by the pixels.*grad_cam"):
        explain(methods.parts(["xrai(base=grad_cam)"]), make("resnet10t + linear"), images, [0])


@pytest.mark.parametrize(
    "options",
    [
        "min_area=0",
        "dilation=-1",
        "area_threshold=1.5",
        "area_threshold=0.5, algorithm='fast'",
        "algorithm='faster'",
    ],
)
def test_impossible_options_are_refused(options: str) -> None:
    with pytest.raises(SpecError, match=options.partition("=")[0]):
        methods.parse(f"xrai({options})")
