"""From map to mask: definitions, an independent Otsu, and what is undefined."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.filters import threshold_otsu

from heatproof.errors import DataError, SpecError
from heatproof.maps.binarize import (
    Binarizer,
    Fixed,
    Otsu,
    Percentile,
    PerFinding,
    Tuned,
    binarizers,
)
from heatproof.registry import relative_to

PARTS: list[Binarizer] = [Otsu(), Otsu(contour_fill=True), Fixed(0.5), Percentile(90.0)]

maps = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=12),
    elements=st.integers(-50, 50).map(float),
)


def otsu_by_definition(levels: np.ndarray) -> list[int]:
    """Spec 5.1.8: maximize q0 q1 (mu0 - mu1)^2 over t, foreground above t.

    Of equal maxima the first counts, but for rounding, by which OpenCV may take any of them.
    """
    between = np.zeros(256)
    for t in range(256):
        low, high = levels[levels <= t].astype(float), levels[levels > t].astype(float)
        if low.size and high.size:
            between[t] = low.size * high.size * (low.mean() - high.mean()) ** 2
    return np.flatnonzero(between >= between.max() * (1 - 1e-9)).tolist()


TIED = np.array(  # two thresholds divide these equally well
    [[0] * 6, [1, -7, -7, 10, 11, 15], [-17, 40, 42, 42, -46, -50]], np.float32
)


@given(maps)
@example(TIED)
def test_otsu_is_what_its_definition_says(saliency: np.ndarray) -> None:
    mask = Otsu()(saliency)
    if saliency.min() == saliency.max():
        assert mask is None
        return
    spread = saliency.max() - saliency.min()
    levels = np.floor(np.float32(255) * ((saliency - saliency.min()) / spread)).astype(int)
    assert any(np.array_equal(mask, levels > t) for t in otsu_by_definition(levels))


def test_otsu_agrees_with_scikit_image() -> None:
    levels = np.random.default_rng(0).beta(2, 5, (200, 200))
    levels = np.rint(255 * (levels - levels.min()) / np.ptp(levels))
    witness = levels > threshold_otsu(levels.astype(np.uint8))
    assert np.array_equal(Otsu()(levels.astype(np.float32)), witness)


@pytest.mark.parametrize("part", PARTS)
@given(saliency=maps, scale=st.sampled_from([0.25, 2.0, 1024.0]), shift=st.integers(-8, 8))
@settings(max_examples=30)
def test_masks_ignore_scale_and_shift(
    part: Binarizer, saliency: np.ndarray, scale: float, shift: int
) -> None:
    moved = part(saliency * np.float32(scale) + np.float32(shift))
    assert np.array_equal(part(saliency), moved)  # type: ignore[arg-type]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("value", [0.0, 3.0, np.nan, np.inf])
def test_a_constant_or_infinite_map_has_no_mask(part: Binarizer, value: float) -> None:
    assert part(np.full((4, 5), value, np.float32)) is None
    one = np.zeros((4, 5), np.float32)
    one[1, 2] = value
    assert (part(one) is None) == (value != 3.0)


@pytest.mark.parametrize("part", PARTS)
def test_maps_are_left_as_they_were(part: Binarizer) -> None:
    saliency = np.random.default_rng(0).normal(size=(9, 7)).astype(np.float32)
    before = saliency.copy()
    part(saliency)
    assert np.array_equal(saliency, before)


def test_fixed_is_strictly_above() -> None:
    saliency = np.array([[0, 1, 2, 3, 4]], np.float32)
    assert np.array_equal(Fixed(0.5)(saliency), [[False, False, False, True, True]])
    assert np.array_equal(Fixed(0.0)(saliency), [[False, True, True, True, True]])


def test_percentile_keeps_the_share_that_it_says() -> None:
    saliency = np.random.default_rng(0).permutation(1000).reshape(20, 50).astype(np.float32)
    for q in (50.0, 90.0, 99.0):
        mask = Percentile(q)(saliency)
        assert mask is not None
        assert mask.sum() == (100 - q) * 10
        assert saliency[mask].min() > saliency[~mask].max()


def test_contour_fill_fills_holes_and_drops_single_pixels() -> None:
    saliency = np.zeros((12, 12), np.float32)
    saliency[2:7, 2:7] = 1
    saliency[4, 4] = 0
    saliency[10, 10] = 1
    plain, redrawn = Otsu()(saliency), Otsu(contour_fill=True)(saliency)
    assert plain is not None
    assert redrawn is not None
    assert plain.sum() == 25
    expected = np.zeros((12, 12), bool)
    expected[2:7, 2:7] = True
    assert np.array_equal(redrawn, expected)


def test_tuned_knows_a_threshold_for_each_finding(tmp_path: Path) -> None:
    (tmp_path / "tuned.csv").write_text("threshold,task\n0.4,Edema\n0.2,Cardiomegaly\n")
    part = binarizers.parse("tuned(table='tuned.csv')")
    assert isinstance(part, PerFinding)
    found = relative_to(part, tmp_path)
    assert isinstance(found, Tuned)
    assert found.at("Edema") == Fixed(0.4)
    assert found.at("Cardiomegaly") == Fixed(0.2)
    with pytest.raises(DataError, match="no threshold for 'Oedema'; did you mean Edema"):
        found.at("Oedema")
    with pytest.raises(SpecError, match=r"\.at\(finding\)"):
        found(np.zeros((2, 2), np.float32))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t,task\n0.4,Edema\n", r"line 1: found columns \['t', 'task'\], expected threshold"),
        ("threshold,task\n0.4,Edema\nhigh,Nodule\n", "line 3: threshold 'high' is not a number"),
        ("threshold,task\n40,Edema\n", r"tuned.csv, Edema: threshold=40.0 is not in \[0, 1\)"),
        ("threshold,task\n\xff,\x00", "line 2|cannot read"),
        (None, "cannot read the table"),
    ],
)
def test_a_bad_table_says_where(tmp_path: Path, text: str | None, message: str) -> None:
    table = tmp_path / "tuned.csv"
    if text is not None:
        table.write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=message):
        Tuned(table).at("Edema")


@pytest.mark.parametrize("spec", ["otsu", "otsu(contour_fill=True)", "fixed(threshold=0.4)"])
def test_specs_round_trip(spec: str) -> None:
    assert binarizers.spec(binarizers.parse(spec)) == spec


@pytest.mark.parametrize(
    "spec", ["fixed(threshold=1.0)", "fixed(threshold=-0.1)", "percentile(q=100)"]
)
def test_options_out_of_range_are_refused(spec: str) -> None:
    with pytest.raises(SpecError, match="is not in"):
        binarizers.parse(spec)
