"""Pointwise detection: thresholds walked by hand, the simulation of spec 3.3, and invariances."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import average_precision_score

from heatproof.data.geometry import Geometry, Letterbox, Squash
from heatproof.errors import SpecError
from heatproof.localize import DatasetMetric, Detections, LocalizationMetric, Reference, metrics
from heatproof.localize.metrics.pointwise_detection import PointwiseAP
from heatproof.stats import estimates
from heatproof.stats.contributions import Contributions
from heatproof.stats.hall import certainty

VARIANTS = ("image", "box", "sk_append", "qtim")
NAN = math.nan
EVERY = pytest.mark.parametrize("variant", VARIANTS)
# Film: what its map did (None: it lacks the finding), regions marked, probability; many ties.
film = st.tuples(
    st.sampled_from([None, 0.0, 1.0, NAN]),
    st.integers(1, 3),
    st.integers(1, 7).map(lambda n: n / 8),
)
films = st.lists(film, max_size=12)
Film = tuple[float | None, int, float]


def detections(rows: list[Film]) -> Detections:
    return drawn(
        np.array([NAN if seen is None else seen for seen, _, _ in rows], float),
        np.array([0 if seen is None else regions for seen, regions, _ in rows], int),
        np.array([p for _, _, p in rows], float),
    )


def drawn(seen: np.ndarray, regions: np.ndarray, probabilities: np.ndarray) -> Detections:
    has = regions > 0
    return Detections(seen[:, None], regions, probabilities, annotated=has, agreed=has)


def of(rows: list[Film], variant: str = "image") -> float:
    metric = PointwiseAP(variant)  # type: ignore[arg-type]
    return float(metric.of_dataset(detections(rows), np.ones((1, len(rows))))[0])


def by_hand(rows: list[Film], variant: str) -> float:
    """The table of spec 3.3, then precision and gain in recall at every threshold."""
    listed: list[tuple[bool, float]] = []
    sought = 0
    for seen, regions, p in rows:
        if seen is None:
            listed.append((False, p))
            continue
        if math.isnan(seen):
            continue
        sought += regions if variant == "box" else 1
        if seen:
            listed.append((True, p))
        elif variant == "qtim":
            listed += [(False, 1.0), (True, 0.0)]
        else:
            listed.append((False, p))
            if variant == "sk_append":
                listed.append((True, -1.0))  # below any probability
    if not sought:
        return NAN
    area = before = 0.0
    for threshold in sorted({score for _, score in listed}, reverse=True):
        retrieved = [right for right, score in listed if score >= threshold]
        recall = sum(retrieved) / sought
        area += (recall - before) * sum(retrieved) / len(retrieved)
        before = recall
    return area


class TestTheSet:
    @EVERY
    @given(rows=films)
    def test_is_precision_summed_over_gains_in_recall(self, variant: str, rows: list[Film]) -> None:
        assert of(rows, variant) == pytest.approx(by_hand(rows, variant), nan_ok=True)

    @given(films)
    def test_the_compat_lists_are_what_scikit_learn_is_fed(self, rows: list[Film]) -> None:
        rows = [row for row in rows if row[0] is None or not math.isnan(row[0])]
        assume(any(seen is not None for seen, _, _ in rows))
        for variant, wrong, last in (("sk_append", None, -1.0), ("qtim", 1.0, 0.0)):
            truth, scores = [], []
            for seen, _, p in rows:
                truth += [1] if seen else [0]
                scores.append(p if seen is None or seen or wrong is None else wrong)
                if seen == 0:
                    truth.append(1)
                    scores.append(last)
            assert of(rows, variant) == pytest.approx(average_precision_score(truth, scores))

    @given(films)
    def test_without_ties_it_is_the_mean_precision_at_the_rank_of_a_hit(
        self, rows: list[Film]
    ) -> None:
        rows = [(seen, regions, (i + 1) / 20) for i, (seen, regions, _) in enumerate(rows)]
        ranked = [seen for seen, _, _ in reversed(rows) if seen is None or not math.isnan(seen)]
        positives = [seen for seen in ranked if seen is not None]
        assume(positives)
        precisions = [
            sum(s == 1 for s in ranked[: rank + 1]) / (rank + 1)
            for rank, seen in enumerate(ranked)
            if seen == 1
        ]
        assert of(rows) == pytest.approx(sum(precisions) / len(positives))

    @EVERY
    def test_is_undefined_without_a_film_that_can_be_hit(self, variant: str) -> None:
        assert math.isnan(of([], variant))
        assert math.isnan(of([(None, 0, 0.3), (NAN, 1, 0.9)], variant))

    @pytest.mark.parametrize(
        ("rate", "image", "appended", "qtim"),
        [
            (0.0, 0.000, 0.288, 0.288), (0.2, 0.040, 0.285, 0.266), (0.4, 0.151, 0.349, 0.285),
            (0.5, 0.247, 0.416, 0.318), (0.55, 0.296, 0.452, 0.339), (0.6, 0.367, 0.504, 0.372),
            (0.65, 0.426, 0.549, 0.403), (0.7, 0.491, 0.598, 0.447), (0.8, 0.633, 0.709, 0.542),
            (0.9, 0.793, 0.833, 0.689),
        ],
    )  # fmt: skip
    def test_the_simulation_of_the_specification(
        self, rate: float, image: float, appended: float, qtim: float
    ) -> None:
        """Spec 3.3: 601 positives, 885 negatives, AUC .988, hits independent of the score."""
        generator = np.random.default_rng(0)
        apart = math.sqrt(2) * norm.ppf(0.988)
        regions = np.repeat([1, 0], [601, 885])
        found = []
        for _ in range(20):
            scores = norm.cdf(generator.normal(size=1486) + apart * regions - apart / 2)
            seen = np.where(regions > 0, generator.random(1486) < rate, NAN)
            simulated = drawn(seen, regions, scores)
            found.append(
                [
                    PointwiseAP(variant).of_dataset(simulated, np.ones((1, 1486)))[0]  # type: ignore[arg-type]
                    for variant in ("image", "sk_append", "qtim")
                ]
            )
        mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(20)
        # Two simulations of 20 draws each; the table is rounded to three decimals.
        assert (np.abs(mean - [image, appended, qtim]) < 3 * math.sqrt(2) * error + 1e-3).all()

    def test_regions_beyond_the_first_of_a_film_stay_unfound(self) -> None:
        """Spec 3.3: with all 601 films hit and ranked first, 973 boxes allow 601/973."""
        rows: list[Film] = [(1.0, 1 + (i < 372), 0.9) for i in range(601)]
        rows += [(None, 0, 0.1)] * 885
        assert of(rows, "box") == pytest.approx(601 / 973)
        assert of(rows, "image") == 1

    @EVERY
    @given(rows=films)
    def test_only_the_order_of_probabilities_matters(self, variant: str, rows: list[Film]) -> None:
        squeezed = [(seen, regions, p**3 / 2) for seen, regions, p in rows]
        assert of(squeezed, variant) == pytest.approx(of(rows, variant), nan_ok=True)

    @EVERY
    @given(rows=films, order=st.randoms(use_true_random=False))
    def test_the_order_of_films_does_not_matter_even_among_ties(
        self, variant: str, rows: list[Film], order
    ) -> None:
        shuffled = order.sample(rows, len(rows))
        assert of(shuffled, variant) == pytest.approx(of(rows, variant), nan_ok=True)

    @pytest.mark.parametrize("variant", ["image", "box"])
    @given(rows=films)
    def test_a_hit_in_place_of_a_miss_never_lowers_it(self, variant: str, rows: list[Film]) -> None:
        for index, (seen, regions, p) in enumerate(rows):
            if seen == 0:
                better = [*rows[:index], (1.0, regions, p), *rows[index + 1 :]]
                assert of(better, variant) >= of(rows, variant) - 1e-12

    @pytest.mark.parametrize("variant", ["image", "box", "sk_append"])
    @given(rows=films)
    def test_a_perfect_hit_never_lowers_it(self, variant: str, rows: list[Film]) -> None:
        before = of(rows, variant)
        assume(not math.isnan(before))
        assert of([*rows, (1.0, 1, 0.99)], variant) >= before - 1e-12

    @EVERY
    @given(rows=films)
    def test_a_film_that_counts_twice_is_two_films(self, variant: str, rows: list[Film]) -> None:
        weights = np.array([[(i * 7) % 3 for i in range(len(rows))]], float)
        repeated = [row for row, n in zip(rows, weights[0], strict=True) for _ in range(int(n))]
        metric = PointwiseAP(variant)  # type: ignore[arg-type]
        [value] = metric.of_dataset(detections(rows), weights)
        assert value == pytest.approx(by_hand(repeated, variant), nan_ok=True)

    @given(films)
    def test_lies_between_0_and_the_hit_rate(self, rows: list[Film]) -> None:
        seen = [seen for seen, _, _ in rows if seen in (0, 1)]
        assume(seen)
        assert 0 <= of(rows) <= sum(seen) / len(seen) + 1e-12
        assert of(rows, "box") <= of(rows) + 1e-12 <= of(rows, "sk_append") + 2e-12

    def test_the_compat_lists_pay_for_misses(self) -> None:
        rows: list[Film] = [(0.0, 1, 0.9), (0.0, 1, 0.8), (None, 0, 0.1)]
        assert [of(rows, v) for v in VARIANTS] == pytest.approx([0, 0, 2 / 5, 2 / 5])
        missed: list[Film] = [(None, 0, 0.5), (None, 0, 0.5), (0.0, 1, 0.5), (0.0, 1, 0.5)]
        hit: list[Film] = [*missed[:3], (1.0, 1, 0.5)]
        assert of(hit, "sk_append") < of(missed, "sk_append")
        assert of(hit, "image") > of(missed, "image")


class TestTheInterval:
    def test_is_that_of_leaving_each_patient_out_by_hand(self) -> None:
        generator = np.random.default_rng(0)
        rows: list[Film] = [
            (generator.choice([None, 0.0, 1.0, NAN]), 2, float(p))
            for p in generator.integers(1, 9, 24) / 10
        ]
        patients = [f"p{i // 2}" for i in range(24)]
        cases = np.array([seen in (0, 1) for seen, _, _ in rows])
        for variant in VARIANTS:
            whole = by_hand(rows, variant)
            without = np.array([
                by_hand([row for i, row in enumerate(rows) if i // 2 != patient], variant)
                for patient in range(12)
            ])  # fmt: skip
            expected = certainty(
                Contributions(whole, {"patients": 11 * (without.mean() - without)})
            )
            metric = PointwiseAP(variant)
            found = estimates.statistic(
                lambda weights, metric=metric: metric.of_dataset(detections(rows), weights),
                cases,
                patients,
            )
            assert found.value == pytest.approx(whole)
            assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
            assert found.cases == cases.sum()


cells = st.tuples(st.integers(1, 6), st.integers(1, 6))


def pointing(cell: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    saliency = np.zeros(shape, np.float32)
    saliency[cell] = 1
    return saliency


def hits(
    saliency: np.ndarray,
    geometry: Geometry,
    mask: np.ndarray,
    metric: PointwiseAP = PointwiseAP(),  # noqa: B008 - it is a value
) -> float:
    return metric.alone(metric.of_map(saliency, geometry, Reference(mask)))


class TestOneMap:
    @pytest.mark.parametrize("geometry", [Squash(64, 48), Letterbox(64, 48), Squash(1, 1)])
    @given(
        size=st.tuples(st.integers(5, 40), st.integers(5, 40)),
        shape=cells.filter(lambda shape: shape != (1, 1)),
        place=st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True)),
    )
    @settings(max_examples=50)
    def test_points_at_the_middle_of_its_strongest_cell(
        self,
        geometry: Geometry,
        size: tuple[int, int],
        shape: tuple[int, int],
        place: tuple[float, float],
    ) -> None:
        """The pixels there are those whose corners, put on the canvas, hold that middle."""
        cell = int(place[0] * shape[0]), int(place[1] * shape[1])
        saliency = pointing(cell, shape)
        x = (cell[1] + 0.5) * geometry.width / shape[1]
        y = (cell[0] + 0.5) * geometry.height / shape[0]
        mask = np.zeros(size, bool)
        for row, column in itertools.product(*map(range, size)):
            left, top = geometry.point(float(column), float(row), size)
            right, bottom = geometry.point(column + 1.0, row + 1.0, size)
            inside = left - 1e-9 <= x <= right + 1e-9 and top - 1e-9 <= y <= bottom + 1e-9
            mask[row, column] = inside
        for row, column in np.argwhere(mask):
            one = np.zeros(size, bool)
            one[row, column] = True
            assert hits(saliency, geometry, one) == 1
        assert hits(saliency, geometry, ~mask) == 0
        outside = not mask.any()  # on the black border of a letterbox
        assert not (outside and isinstance(geometry, Squash))

    def test_a_point_on_the_black_border_is_a_miss(self) -> None:
        everywhere = np.ones((20, 40), bool)
        frame = Letterbox(40, 40)
        assert hits(pointing((0, 1), (4, 4)), frame, everywhere) == 0
        assert hits(pointing((1, 1), (4, 4)), frame, everywhere) == 1

    @pytest.mark.parametrize(
        ("left", "right", "tolerance", "hit"),
        [
            (48, 80, 0, 1), (16, 48, 0, 1), (49, 80, 0, 0), (16, 47, 0, 0),
            (49, 80, 1, 1), (16, 47, 1, 1), (50, 80, 1.5, 0), (66, 80, 18, 1), (67, 80, 18, 0),
        ],
    )  # fmt: skip
    def test_edges_are_inside_and_the_tolerance_widens_the_box(
        self, left: int, right: int, tolerance: float, hit: float
    ) -> None:
        """Cells of 32 px: the middle of the second column is x = 48, the edge of both boxes."""
        saliency, frame = pointing((1, 1), (10, 10)), Squash(320, 320)
        metric = PointwiseAP(tolerance=float(tolerance))
        across = np.zeros((320, 320), bool)
        across[:, left:right] = True
        assert hits(saliency, frame, across, metric) == hit
        assert hits(saliency, frame, across.T.copy(), metric) == hit

    def test_rounding_does_not_move_a_point_off_an_edge(self) -> None:
        """Of every cell of 7, on films of 7 n pixels: the middle of an even n is an edge."""
        for pixels, cell in itertools.product((14, 98, 350, 2002), range(7)):
            edge = (2 * cell + 1) * pixels // 14
            saliency = pointing((0, cell), (1, 7))
            for before in (edge - 1, edge):
                mask = np.zeros((1, pixels), bool)
                mask[0, before] = True
                for geometry in (Squash(224, 224), Squash(299, 299), Squash(1, 1)):
                    assert hits(saliency, geometry, mask) == 1

    @pytest.mark.parametrize("value", [0.0, 3.0, NAN, math.inf])
    def test_a_map_that_points_nowhere_is_undefined_and_no_miss(self, value: float) -> None:
        saliency = np.full((4, 4), value, np.float32)
        assert math.isnan(hits(saliency, Squash(8, 8), np.ones((8, 8), bool)))

    def test_a_plateau_points_at_its_middle_or_its_first_cell(self) -> None:
        saliency = np.zeros((4, 4), np.float32)
        saliency[0:3, 0:3] = 1
        mask = np.zeros((8, 8), bool)
        mask[2:4, 2:4] = True  # cell (1, 1)
        assert hits(saliency, Squash(8, 8), mask) == 1
        assert hits(saliency, Squash(8, 8), mask, PointwiseAP(ties="first")) == 0

    @given(
        size=st.tuples(st.integers(8, 30), st.integers(8, 30)),
        seed=st.integers(0, 100),
        tolerance=st.floats(0, 4),
    )
    def test_a_wider_tolerance_and_a_larger_region_never_lose_a_hit(
        self, size: tuple[int, int], seed: int, tolerance: float
    ) -> None:
        generator = np.random.default_rng(seed)
        saliency = generator.random((3, 5)).astype(np.float32)
        mask = generator.random(size) < 0.1
        larger = mask | (generator.random(size) < 0.1)
        frame = Squash(96, 96)
        narrow, wide = PointwiseAP(tolerance=tolerance), PointwiseAP(tolerance=tolerance + 1)
        hit = hits(saliency, frame, mask, narrow)
        assert hits(saliency, frame, mask, wide) >= hit
        assert hits(saliency, frame, larger, narrow) >= hit


class TestThePart:
    def test_is_a_metric_of_data_sets_and_none_of_maps(self) -> None:
        part = metrics.parse("pointwise_ap")
        assert isinstance(part, DatasetMetric)
        assert not isinstance(part, LocalizationMetric)

    def test_is_spelled_by_its_options(self) -> None:
        part = metrics.parse("pointwise_ap(variant='box', tolerance=18)")
        assert part == PointwiseAP("box", 18.0)
        assert metrics.parse(metrics.spec(part)) == part
        assert metrics.spec(replace(part, variant="image", tolerance=0.0)) == "pointwise_ap"

    @pytest.mark.parametrize("tolerance", [-1.0, NAN, math.inf])
    def test_refuses_a_tolerance_that_is_none(self, tolerance: float) -> None:
        with pytest.raises(SpecError, match="expected pixels"):
            PointwiseAP(tolerance=tolerance)
