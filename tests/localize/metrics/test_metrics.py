"""Localization metrics: definitions, invariances, scikit-learn, and spec.md section 10."""

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score

from heatproof.data.geometry import Squash
from heatproof.errors import SpecError
from heatproof.localize import (
    DatasetMetric,
    LocalizationMetric,
    empty_is_zero,
    lower_is_better,
    metrics,
    rate_of_pixels,
    regions_overlap,
    sees_negatives,
    specialize,
    unbounded,
    zero_matters,
)
from heatproof.localize.metrics.auprc import AUPRC
from heatproof.localize.metrics.auroc import AUROC
from heatproof.localize.metrics.boxed import Boxed, boxed
from heatproof.localize.metrics.cnr import CNR
from heatproof.localize.metrics.dice import Dice
from heatproof.localize.metrics.hit_rate import HitRate, peak
from heatproof.localize.metrics.iou import IoU
from heatproof.localize.metrics.pixel_rates import PixelSpecificity
from heatproof.localize.metrics.relevance_mass import RelevanceMass
from heatproof.localize.metrics.surface_distance import SurfaceDistance
from heatproof.maps.binarize import Fixed, Tuned

NAMES = [name for name in metrics.names() if not isinstance(metrics.parse(name), DatasetMetric)]
ALL: list[LocalizationMetric] = [
    *(metrics.parse(name) for name in NAMES),
    AUPRC(rule="trapezoid"),
    HitRate(ties="first"),
    HitRate(tolerance=1.5),
    IoU(empty="full"),
    IoU(empty="true_positive"),
    Dice(empty="full"),
    RelevanceMass(sign="absolute"),
    SurfaceDistance(statistic="hausdorff"),
    SurfaceDistance(statistic="hausdorff95"),
]
# With specs for ids, ``-k name`` runs the tests of one metric.
every_metric = pytest.mark.parametrize("metric", ALL, ids=[metrics.spec(part) for part in ALL])
OF_REGIONS = [metric for metric in ALL if regions_overlap(metric)]

shapes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=8)
grids = st.shared(shapes, key="grid")
maps = hnp.arrays(np.float32, grids, elements=st.integers(-5, 5).map(float))  # many ties
masks = hnp.arrays(bool, grids)


def as_map(mask: np.ndarray) -> np.ndarray:
    return mask.astype(np.float32)


class TestEveryMetric:
    @every_metric
    def test_is_undefined_where_nothing_is_marked(self, metric: LocalizationMetric) -> None:
        saliency = np.arange(12, dtype=np.float32).reshape(3, 4)
        value = metric(saliency, np.zeros((3, 4), bool))
        if sees_negatives(metric):
            assert value == 0
        elif isinstance(metric, PixelSpecificity):
            assert value == 0.5  # there, all pixels are to be left out
        else:
            assert np.isnan(value)

    @every_metric
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_is_undefined_for_a_map_that_is_not_finite(
        self, metric: LocalizationMetric, value: float
    ) -> None:
        saliency = np.arange(12, dtype=np.float32).reshape(3, 4)
        saliency[1, 1] = value
        mask = np.zeros((3, 4), bool)
        mask[0, 0] = True
        assert np.isnan(metric(saliency, mask))

    @every_metric
    @given(saliency=maps, mask=masks)
    @settings(max_examples=40)
    def test_is_between_0_and_1_and_ignores_scale(
        self, metric: LocalizationMetric, saliency: np.ndarray, mask: np.ndarray
    ) -> None:
        value = metric(saliency, mask)
        assert np.isnan(value) or unbounded(metric) or 0 <= value <= 1
        shift = 0 if zero_matters(metric) else 1
        assert metric(4 * saliency + shift, mask) == pytest.approx(value, nan_ok=True)

    @every_metric
    @given(saliency=maps, mask=masks)
    @settings(max_examples=20)
    def test_mirrors_with_the_image(
        self, metric: LocalizationMetric, saliency: np.ndarray, mask: np.ndarray
    ) -> None:
        if isinstance(metric, HitRate):
            assume((saliency == saliency.max()).sum() == 1)  # ties are broken in reading order
        mirrored = metric(saliency[:, ::-1], mask[:, ::-1])
        assert mirrored == pytest.approx(metric(saliency, mask), nan_ok=True)

    @every_metric
    @given(mask=masks)
    @settings(max_examples=20)
    def test_the_mask_itself_is_a_perfect_map(
        self, metric: LocalizationMetric, mask: np.ndarray
    ) -> None:
        if isinstance(metric, Boxed):
            mask = boxed(boxed(boxed(mask)))  # whose own boxes it is, almost always
            assume(np.array_equal(boxed(mask), mask))
        assume(mask.any() and not mask.all())
        if isinstance(metric, CNR):
            assert np.isnan(metric(as_map(mask), mask))  # which has no noise
            return
        assert metric(as_map(mask), mask) == (0 if lower_is_better(metric) else 1)

    @pytest.mark.parametrize("name", NAMES)
    def test_explains_itself(self, name: str) -> None:
        part = metrics.parse(name)
        assert part.title
        assert part.undefined
        assert part.chance in (None, 0.5)
        assert metrics.spec(part) == name
        assert isinstance(part, LocalizationMetric)

    @pytest.mark.parametrize("metric", OF_REGIONS, ids=[metrics.spec(part) for part in OF_REGIONS])
    @given(saliency=masks, mask=masks)
    @settings(max_examples=20)
    def test_is_0_where_regions_that_it_compares_do_not_overlap(
        self, metric: LocalizationMetric, saliency: np.ndarray, mask: np.ndarray
    ) -> None:
        assume(saliency.any() and not saliency.all() and mask.any())
        value = metric(as_map(saliency), mask)
        assert np.isnan(value) or (value == 0) == (not (saliency & mask).any())

    @every_metric
    @given(saliency=masks, mask=masks)
    @settings(max_examples=20)
    def test_is_the_rate_of_pixels_that_it_says(
        self, metric: LocalizationMetric, saliency: np.ndarray, mask: np.ndarray
    ) -> None:
        assume(saliency.any() and not saliency.all() and mask.any())
        if role := rate_of_pixels(metric):
            share = (saliency & mask).sum() / (saliency if role.kind == "precision" else mask).sum()
            assert metric(as_map(saliency), mask) == pytest.approx(share)

    @every_metric
    def test_is_0_of_an_empty_film_or_undefined_where_it_says_so(
        self, metric: LocalizationMetric
    ) -> None:
        value = metric(np.arange(12, dtype=np.float32).reshape(3, 4), np.zeros((3, 4), bool))
        assert not empty_is_zero(metric) or np.isnan(value) or value == 0

    @every_metric
    def test_knows_what_chance_is(self, metric: LocalizationMetric) -> None:
        if metric.chance is None:
            return
        generator = np.random.default_rng(0)
        mask = np.zeros((200, 200), bool)
        mask[50:120, 60:110] = True
        noise = generator.normal(size=mask.shape)
        assert metric(noise, mask) == pytest.approx(metric.chance, abs=0.02)


class TestIoU:
    @given(masks, masks)
    def test_is_symmetric_and_equals_sets(self, one: np.ndarray, other: np.ndarray) -> None:
        assume(one.any() and other.any() and not one.all() and not other.all())
        first, second = set(np.flatnonzero(one)), set(np.flatnonzero(other))
        value = IoU()(as_map(one), other)
        assert value == pytest.approx(len(first & second) / len(first | second))
        assert value == IoU()(as_map(other), one)

    @pytest.mark.parametrize(
        ("empty", "prediction", "reference", "both"),
        [
            ("reference_positive", 0, np.nan, np.nan),
            ("full", 0, 0, np.nan),
            ("true_positive", np.nan, np.nan, np.nan),
        ],
    )
    def test_empty_masks(
        self, empty: str, prediction: float, reference: float, both: float
    ) -> None:
        @dataclasses.dataclass(frozen=True)
        class Nothing:
            def __call__(self, saliency: np.ndarray) -> np.ndarray:
                return np.zeros(saliency.shape, bool)

        saliency = np.arange(6, dtype=np.float32).reshape(2, 3)
        marked, unmarked = saliency > 3, np.zeros((2, 3), bool)
        nothing = IoU(binarize=Nothing(), empty=empty)  # type: ignore[arg-type]
        something = IoU(empty=empty)  # type: ignore[arg-type]
        same = {"nan_ok": True}
        assert nothing(saliency, marked) == pytest.approx(prediction, **same)
        assert something(saliency, unmarked) == pytest.approx(reference, **same)
        assert nothing(saliency, unmarked) == pytest.approx(both, **same)

    def test_a_constant_map_is_undefined_and_no_miss(self) -> None:
        mask = np.ones((2, 3), bool)
        assert np.isnan(IoU(empty="full")(np.ones((2, 3), np.float32), mask))


class TestHitRate:
    def test_a_plateau_points_at_its_middle(self) -> None:
        """Spec 10: 10 x 10 with 1 in the last cell, by 320 x 320 to 2320 x 2828."""
        cells = np.zeros((10, 10), np.float32)
        cells[-1, -1] = 1
        frame = Squash(320, 320)
        saliency = frame.back(frame.back(cells, (320, 320)), (2320, 2828))
        assert (saliency == 1).sum() == 15_344
        assert peak(saliency, "first") == (2208, 2691)
        assert peak(saliency) == ((2208 + 2319) // 2, (2691 + 2827) // 2)

    @given(maps)
    def test_the_peak_is_a_maximum_whatever_the_shape_of_the_plateau(
        self, saliency: np.ndarray
    ) -> None:
        for ties in ("centroid", "first"):
            point = peak(saliency, ties)  # type: ignore[arg-type]
            if saliency.min() == saliency.max():
                assert point is None
            else:
                assert point is not None
                assert saliency[point] == saliency.max()

    @given(maps, masks, st.floats(0, 5))
    @settings(max_examples=60)
    def test_a_tolerance_is_the_distance_to_the_nearest_marked_pixel(
        self, saliency: np.ndarray, mask: np.ndarray, tolerance: float
    ) -> None:
        point = peak(saliency)
        assume(mask.any() and point is not None)
        nearest = min(np.hypot(*(place - point)) for place in np.argwhere(mask))
        assert HitRate(tolerance=tolerance)(saliency, mask) == (nearest <= tolerance)

    @pytest.mark.parametrize("tolerance", [-1.0, np.nan, np.inf])
    def test_refuses_a_tolerance_that_is_none(self, tolerance: float) -> None:
        with pytest.raises(SpecError, match="expected pixels"):
            HitRate(tolerance=tolerance)

    def test_two_plateaus_do_not_point_between_them(self) -> None:
        saliency = np.zeros((1, 9), np.float32)
        saliency[0, [0, 1, 7, 8]] = 1
        assert peak(saliency) == (0, 1)


class TestRanking:
    """AUPRC and AUROC against their definitions."""

    @given(maps, masks)
    @settings(max_examples=50)
    def test_equals_scikit_learn(self, saliency: np.ndarray, mask: np.ndarray) -> None:
        truth, values = mask.ravel(), saliency.ravel()
        assume(truth.any())
        precision, recall, _ = precision_recall_curve(truth, values)
        assert abs(AUPRC()(saliency, mask) - average_precision_score(truth, values)) < 1e-12
        assert abs(AUPRC("trapezoid")(saliency, mask) - auc(recall, precision)) < 1e-12
        if not truth.all():
            assert abs(AUROC()(saliency, mask) - roc_auc_score(truth, values)) < 1e-12

    def test_equals_scikit_learn_on_a_large_image(self) -> None:
        generator = np.random.default_rng(0)
        mask = np.zeros((400, 500), bool)
        mask[100:220, 200:330] = True
        saliency = (generator.normal(size=mask.shape) + mask).astype(np.float32)
        saliency[::2] = np.round(saliency[::2], 1)  # some tied, some not
        truth, values = mask.ravel(), saliency.ravel()
        assert abs(AUPRC()(saliency, mask) - average_precision_score(truth, values)) < 1e-12
        assert abs(AUROC()(saliency, mask) - roc_auc_score(truth, values)) < 1e-12

    @pytest.mark.parametrize("metric", [AUPRC(), AUPRC("trapezoid"), AUROC()])
    @given(saliency=maps, mask=masks)
    @settings(max_examples=40)
    def test_only_ranks_matter(
        self, metric: LocalizationMetric, saliency: np.ndarray, mask: np.ndarray
    ) -> None:
        squeezed = np.exp(saliency.astype(np.float64)) ** 3
        assert metric(squeezed, mask) == pytest.approx(metric(saliency, mask), nan_ok=True)

    @given(maps, masks)
    @settings(max_examples=50)
    def test_auroc_of_the_opposite_is_the_complement(
        self, saliency: np.ndarray, mask: np.ndarray
    ) -> None:
        assume(mask.any() and not mask.all())
        value = AUROC()(saliency, mask)
        assert AUROC()(-saliency, mask) == pytest.approx(1 - value)
        assert AUROC()(saliency, ~mask) == pytest.approx(1 - value)

    @pytest.mark.parametrize(
        ("chosen", "trapezoid", "step", "area"),
        [
            (slice(0, 0), 0.55, 0.10, 0.5),
            (slice(0, 50), 0.775, 0.55, 0.75),
            (slice(0, 500), 0.60, 0.20, 0.7778),
            (slice(50, 150), 0.525, 0.30, 0.7222),
            (slice(500, 600), 0.05, 0.10, 0.4444),
        ],
    )
    def test_golden_vectors(
        self, chosen: slice, trapezoid: float, step: float, area: float
    ) -> None:
        """Spec 10: 1000 pixels, the first 100 marked, some predicted."""
        mask, saliency = np.zeros((1, 1000), bool), np.zeros((1, 1000), np.float32)
        mask[0, :100] = True
        saliency[0, chosen] = 1
        assert AUPRC("trapezoid")(saliency, mask) == pytest.approx(trapezoid, abs=1e-12)
        assert AUPRC()(saliency, mask) == pytest.approx(step, abs=1e-12)
        assert AUROC()(saliency, mask) == pytest.approx(area, abs=5e-5)


class TestSpecialize:
    def test_replaces_what_differs_between_findings(self, tmp_path) -> None:  # type: ignore[no-untyped-def]
        table = tmp_path / "tuned.csv"
        table.write_text("threshold,task\n0.4,Edema\n0.2,Nodule\n")
        metric = IoU(binarize=Tuned(table), empty="full")
        assert specialize(metric, "Nodule") == IoU(binarize=Fixed(0.2), empty="full")
        assert metric == IoU(binarize=Tuned(table), empty="full")

    def test_tells_a_metric_of_lengths_the_spacing_of_the_film(self) -> None:
        metric = SurfaceDistance(unit="mm")
        assert specialize(metric, "Edema", (0.2, 0.1)) == SurfaceDistance(
            unit="mm", spacing=(0.2, 0.1)
        )
        assert specialize(metric, "Edema") == metric
        told = SurfaceDistance(unit="mm", spacing=(1.0, 1.0))
        assert specialize(told, "Edema", (0.2, 0.1)) == told

    @every_metric
    def test_leaves_the_rest_alone(self, metric: LocalizationMetric) -> None:
        assert specialize(metric, "Edema") == metric
