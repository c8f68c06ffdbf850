"""What a map is was settled when it was made: no score hangs on digits of its enlargement."""

from dataclasses import dataclass

import numpy as np
import pytest

from heatproof.data.geometry import FILM, Geometry, Letterbox, Squash
from heatproof.data.geometry.enlarging import Enlargement
from heatproof.localize import DatasetMetric, Reference, metrics, zero_matters
from heatproof.localize.controls import as_map
from heatproof.localize.marks import marks
from heatproof.localize.measure import Values, measure_map, measures
from heatproof.localize.metrics.froc import found_by
from heatproof.localize.metrics.hit_rate import HitRate
from heatproof.maps.binarize import Otsu
from heatproof.maps.store import StoredMap
from heatproof.types import Validity

SPECS = [
    *metrics.names(),
    "auprc(rule='trapezoid')",
    "hit_rate(ties='first')",
    "hit_rate(tolerance=15)",
    *(
        f"iou(binarize={binarize})"
        for binarize in (
            "otsu(contour_fill=True)",
            "fixed(threshold=0.5)",
            "percentile(q=90)",
            "smoothed(kernel=9)",
            "smoothed(kernel=9, sign='positive')",
            "jet_smoothed(kernel=9)",
        )
    ),
    "miou(cutoff=0.5)",
    "pointwise_ap(ties='first')",
]
METRICS = {spec: metrics.parse(spec) for spec in SPECS}
ALL = measures(METRICS)("finding", (0.2, 0.2))
SIZE = (250, 200)
MASK = np.zeros(SIZE, bool)
MASK[30:130, 20:80] = True
SHARE = float(MASK.mean())
REFERENCE = Reference(MASK)
OF_RANKS = {  # of a map of one value: every pixel ties with every other
    "auroc": 0.5,
    "auprc": SHARE,
    "auprc(rule='trapezoid')": (1 + SHARE) / 2,
    "relevance_rank": SHARE,
}


@dataclass(frozen=True)
class Rough(Squash):
    """A geometry of somebody else's, with rounding of its own."""

    def back(
        self,
        saliency: np.ndarray,
        size: tuple[int, int],
        frame: tuple[int, int] | None = None,
    ) -> np.ndarray:
        whole = super().back(saliency, size, frame)
        rounding = np.random.default_rng(0).integers(-2, 3, whole.shape)
        return (whole * (1 + rounding * 2.0**-23)).astype(np.float32)

    def enlargement(self, *_: object, **__: object) -> object:
        raise NotImplementedError


GEOMETRIES = [Squash(224, 224), Letterbox(224, 224), Letterbox(100, 320), FILM]


def measured(values: np.ndarray, geometry: Geometry, validity: Validity | None = None) -> Values:
    made = as_map(values.astype(np.float32))
    if validity is not None:
        made = StoredMap(made.values, validity)
    return measure_map(ALL, made, geometry, REFERENCE)


def assert_equal(found: Values, expected: Values, tolerance: float = 0.0) -> None:
    assert found.keys() == expected.keys()
    for spec, columns in expected.items():
        for name, value in columns.items():
            message = f"{spec}, {name}"
            np.testing.assert_allclose(
                found[spec][name], value, rtol=0, atol=tolerance, err_msg=message
            )


def smooth(seed: int, grid: tuple[int, int] = (7, 7)) -> np.ndarray:
    """Cells that are whole numbers of 1/64, of both signs."""
    return np.round(np.random.default_rng(seed).normal(size=grid) * 64) / 64


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("value", [0.3, 0.7, 5.1, -0.7, 1e-9, 1e9, 1 / 3, 0.0])
@pytest.mark.parametrize("grid", [(7, 7), (1, 1), (224, 224)])
@pytest.mark.parametrize("noise", [False, True])
def test_a_map_of_one_value_points_nowhere(
    geometry: Geometry, value: float, grid: tuple[int, int], *, noise: bool
) -> None:
    values = np.full(grid, value, np.float32)
    if noise:  # as a network makes it
        values[::2] = np.nextafter(values[::2], np.float32(np.inf)) if value else 0
    found = measured(values, geometry)
    for spec, part in METRICS.items():
        expected = OF_RANKS.get(spec, np.nan)
        if spec == "relevance_mass" and value > 0:
            expected = SHARE
        assert found[spec]["value"] == pytest.approx(expected, nan_ok=True, abs=1e-12), spec
        assert ("constant" in part.undefined) == (spec not in {*OF_RANKS, "relevance_mass"})
        if isinstance(part, DatasetMetric):
            assert np.isnan(found[spec]["seen"][0]), spec


@pytest.mark.parametrize("validity", [Validity.CONSTANT, Validity.ZERO])
def test_nor_does_it_under_a_geometry_that_rounds(validity: Validity) -> None:
    value = 0.7 * (validity is Validity.CONSTANT)
    rough, fine = (
        measured(np.full((7, 7), value), geometry, validity)
        for geometry in (Rough(224, 224), Squash(224, 224))
    )
    assert_equal(rough, fine)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("power", [-60, -20, -1, 1, 20, 60])
def test_the_unit_of_a_map_does_not_matter(geometry: Geometry, power: int) -> None:
    values = smooth(0)
    assert_equal(measured(values * 2.0**power, geometry), measured(values, geometry))


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("shift", [-3.0, 0.5, 100.0])
@pytest.mark.parametrize("seed", range(3))
def test_nor_does_its_zero_unless_a_metric_says_so(
    geometry: Geometry, shift: float, seed: int
) -> None:
    """But for pixels whose last digit single precision does not hold beside a large number."""
    asked = [
        spec
        for spec, part in METRICS.items()
        if not zero_matters(part) and "smoothed" not in spec and spec != "pooled_auroc"
    ]
    before, after = (measured(smooth(seed) + by, geometry) for by in (0.0, shift))
    for spec in asked:
        value = after[spec]["value"]
        assert value == pytest.approx(before[spec]["value"], abs=2e-4, nan_ok=True), spec


def exactly(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Another way to the same pixels: matrices of shares, down and then across."""
    for axis, pixels in enumerate(size):
        cells = values.shape[axis]
        places = ((2 * np.arange(pixels) + 1) * cells - pixels) / (2 * pixels)
        places = np.clip(places, 0, cells - 1)[:, None]
        shares = np.maximum(1 - np.abs(places - np.arange(cells)), 0)
        values = np.moveaxis(np.tensordot(shares, values, (1, axis)), 0, axis)
    return values


PLATEAUS = {
    "in a corner": [[1, 1, 0], [1, 1, 0], [0, 0, 0]],
    "apart": [[0.7, 0, 0], [0, 0, 0], [0, 0, 0.7]],
    "two rows": [[0.3, 0.3, 0.3], [0.7, 0.7, 0.7], [0.7, 0.7, 0.7]],
    "cross": [[0, 0.7, 0], [0.7, 0.7, 0.7], [0, 0.7, 0]],
    "three values": [[0.3, 0.5, 0.7], [0.5, 0.5, 0.5], [0.3, 0.5, 0.7]],
}


@pytest.mark.parametrize("cells", [*PLATEAUS.values(), smooth(1)], ids=[*PLATEAUS, "smooth"])
def test_the_way_to_the_pixels_does_not_matter(cells: list[list[float]]) -> None:
    values = np.array(cells, np.float32)
    by_hand = exactly(values.astype(float), SIZE).astype(np.float32)
    found = measured(values, Squash(224, 224))
    over_film = measured(by_hand, FILM)
    for spec, columns in found.items():
        if not spec.startswith("pointwise"):  # points with a cell, which here are pixels
            expected = over_film[spec]["value"]
            assert columns["value"] == pytest.approx(expected, abs=1e-6, nan_ok=True), spec


@pytest.mark.parametrize("size", [(1000, 800), (997, 801), (224, 224)])
@pytest.mark.parametrize("shift", [0.0, 0.1, 3.0])
def test_equal_peaks_are_equal_over_the_film(size: tuple[int, int], shift: float) -> None:
    values = np.full((7, 7), shift, np.float32)
    values[1, 2] = values[5, 4] = shift + 0.7
    whole = Squash(224, 224).back(values, size)
    upper, lower = np.zeros(size, bool), np.zeros(size, bool)
    upper[: size[0] // 2], lower[size[0] // 2 :] = True, True
    # Both are as near to their middle, and the first in reading order counts.
    assert [HitRate()(whole, mask) for mask in (upper, lower)] == [1, 0]
    found = marks(whole, Otsu())
    assert found is not None
    assert len(found.strength) == 2
    assert (found.strength == 1).all()
    assert found_by(found, Reference(upper))[1].tolist() in ([1, -1], [-1, 1])


@pytest.mark.parametrize("corner", [(0, 0), (0, 6), (6, 0), (6, 6)])
@pytest.mark.parametrize("value", [0.7, 5.1])
@pytest.mark.parametrize("geometry", [Squash(224, 224), Letterbox(224, 224)])
def test_a_border_cell_is_pointed_at_in_its_middle(
    corner: tuple[int, int], value: float, geometry: Geometry
) -> None:
    """Its plateau reaches from the border of the film to the centre of the cell."""
    values = np.zeros((7, 7), np.float32)
    values[corner] = value
    size = (1000, 1000)
    reach = 1000 / 7 / 2  # of the plateau
    middle = [reach / 2 if at == 0 else 1000 - reach / 2 for at in corner]
    whole = geometry.back(values, size)
    [point] = HitRate().pointed(Enlargement.whole(whole)) or []
    np.testing.assert_allclose(point, np.array(middle) - 0.5, atol=1)
