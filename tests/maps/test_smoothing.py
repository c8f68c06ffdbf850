"""Smoothing: the published curve, boxes pixel by pixel, and tables of kernels."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heatproof.errors import DataError, SpecError
from heatproof.localize import specialize
from heatproof.localize.metrics.iou import IoU
from heatproof.maps.binarize import Fixed, Otsu, binarizers, redrawn
from heatproof.maps.smoothing import JetSmoothed, Smoothed, TunedSmoothing, through_jet


def mirrored(index: int, length: int) -> int:
    """Without repeating the edge."""
    while not 0 <= index < length:
        index = -index if index < 0 else 2 * (length - 1) - index
    return index


def boxed(values: np.ndarray, kernel: int) -> np.ndarray:
    """The mean over a box whose middle is kernel // 2, pixel by pixel."""
    height, width = values.shape
    found = np.zeros(values.shape)
    for row, column in np.ndindex(values.shape):
        rows = [mirrored(row + i - kernel // 2, height) for i in range(kernel)]
        columns = [mirrored(column + i - kernel // 2, width) for i in range(kernel)]
        found[row, column] = values[np.ix_(rows, columns)].mean()
    return found


@pytest.mark.parametrize("sign", ["absolute", "positive", "signed"])
@given(seed=st.integers(0, 1000), kernel=st.integers(1, 5))
@settings(max_examples=20)
def test_cuts_the_mean_over_a_box(sign: str, seed: int, kernel: int) -> None:
    saliency = np.random.default_rng(seed).normal(size=(9, 11)).astype(np.float32)
    before = {"absolute": abs, "positive": lambda v: np.maximum(v, 0), "signed": lambda v: v}
    smooth = boxed(before[sign](saliency.astype(np.float64)), kernel)
    scaled = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    found = Smoothed(kernel, sign, Fixed(0.4))(saliency)  # type: ignore[arg-type]
    assert found is not None
    near = np.abs(scaled - 0.4) < 1e-5
    assert np.array_equal(found[~near], scaled[~near] > 0.4)


def test_the_published_curve() -> None:
    """Spec 10 and 5.1.4: what 255 minus the grey of JET makes of 8 bits; it is not monotonic."""
    curve = {
        0: 217, 16: 198, 32: 179, 48: 141, 64: 104, 80: 66, 96: 29, 112: 41, 128: 53, 160: 78,
        176: 116, 192: 153, 208: 191, 224: 226, 255: 240,
    }  # fmt: skip
    levels = np.array([list(curve)], np.uint8)
    assert (255 - through_jet(levels)).tolist() == [list(curve.values())]


def test_jet_smoothing_step_by_step() -> None:
    """Curve, box in 8 bits, inversion and Otsu; the background comes out bright."""
    generator = np.random.default_rng(3)
    saliency = cv2.GaussianBlur(generator.random((60, 70)).astype(np.float32), (0, 0), 6)
    scaled = (saliency - saliency.min()) / (saliency.max() - saliency.min())
    levels = np.floor(scaled * np.float32(255)).astype(np.uint8)
    curve = through_jet(np.arange(256, dtype=np.uint8)[None])[0]
    grey = boxed(curve[levels].astype(float), 5)
    inverted = 255 - np.rint(grey).astype(np.uint8)
    best, threshold = -1.0, 0
    for t in range(256):
        low, high = inverted[inverted <= t], inverted[inverted > t]
        if low.size and high.size:
            between = low.size * high.size * (low.mean() - high.mean()) ** 2
            if between > best * (1 + 1e-12):
                best, threshold = between, t
    found = JetSmoothed(5)(saliency)
    assert found is not None
    assert np.array_equal(found, redrawn(inverted > threshold))
    assert found.mean() > 0.05


@pytest.mark.parametrize("part", [Smoothed(3), JetSmoothed(3)])
def test_a_constant_map_has_no_mask(part: Smoothed | JetSmoothed) -> None:
    assert part(np.ones((5, 6), np.float32)) is None
    broken = np.eye(5, 6, dtype=np.float32)
    broken[0, 0] = np.nan
    assert part(broken) is None


def test_a_box_of_one_changes_nothing() -> None:
    saliency = np.random.default_rng(0).random((20, 30)).astype(np.float32)
    assert np.array_equal(Smoothed(1)(saliency), Otsu()(saliency))  # type: ignore[arg-type]


def test_a_table_of_kernels(tmp_path: Path) -> None:
    (tmp_path / "kernels.csv").write_text("kernel,task\n100,Edema\n50,Nodule\n")
    part = TunedSmoothing(tmp_path / "kernels.csv", "positive")
    assert specialize(IoU(part), "Nodule") == IoU(Smoothed(50, "positive"))
    with pytest.raises(DataError, match="no kernel for 'Oedema'"):
        part.at("Oedema")
    with pytest.raises(SpecError, match="differ between findings"):
        part(np.eye(3, dtype=np.float32))


@pytest.mark.parametrize("spec", ["smoothed(kernel=100)", "jet_smoothed(kernel=80)"])
def test_is_spelled_by_its_options(spec: str) -> None:
    assert binarizers.spec(binarizers.parse(spec)) == spec
    with pytest.raises(SpecError, match=r"kernel = 0 .*at least 1\b"):
        binarizers.parse(f"{spec.partition('=')[0]}=0)")


@pytest.mark.parametrize(("sign", "low"), [("absolute", -0.7), ("positive", -5.1)])
def test_what_has_one_value_before_it_is_smoothed_has_no_mask(sign: str, low: float) -> None:
    """As a map of one size and both signs, of which only sizes count."""
    saliency = np.full((90, 70), abs(low) if sign == "absolute" else -0.1, np.float32)
    saliency[20:40] = low
    assert Smoothed(9, sign)(saliency) is None  # type: ignore[arg-type]
    assert Smoothed(9, "signed")(saliency) is not None
