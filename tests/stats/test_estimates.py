"""Intervals of means, and of numbers of all films: by definition, invariances, error rates."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp, ttest_ind

from heatproof.stats import estimates
from heatproof.stats.clusters import membership
from heatproof.stats.contributions import Contributions
from heatproof.stats.hall import certainty
from heatproof.stats.margin import UNTESTED, Conclusion, conclude

NAN = float("nan")
values = st.lists(
    st.tuples(st.one_of(st.just(NAN), st.floats(0, 1)), st.sampled_from("abcdef")), max_size=20
)


def split(rows: list[tuple[float, str]]) -> tuple[np.ndarray, list[str]]:
    return np.array([value for value, _ in rows], float), [name for _, name in rows]


def each(count: int) -> list[str]:
    return [str(index) for index in range(count)]


def by_hand(compute, clusters: list[str], level: float = 0.95) -> tuple[float, float, float]:
    """Value and ends of a number of the rows, from what it is without each cluster in turn."""
    names = np.array(clusters)
    whole = compute(np.ones(len(names), bool))
    without = np.array([compute(names != name) for name in dict.fromkeys(clusters)])
    pseudo = len(without) * whole - (len(without) - 1) * without
    found = certainty(Contributions(whole, {"patients": pseudo - pseudo.mean()}), level)
    return whole, found.low, found.high


@given(values)
def test_the_value_is_the_mean_of_what_is_defined(rows: list[tuple[float, str]]) -> None:
    numbers, clusters = split(rows)
    found = estimates.mean(numbers, clusters)
    defined = numbers[np.isfinite(numbers)]
    assert found.cases == len(defined)
    expected = math.fsum(defined) / len(defined) if len(defined) else math.nan
    assert found.value == pytest.approx(expected, nan_ok=True)
    informative = {name for value, name in rows if math.isfinite(value)}
    assert math.isnan(found.low) == math.isnan(found.high) == (len(informative) < 2)
    assert math.isnan(found.p) == (len(informative) < 2)
    if len(informative) > 1:
        assert found.low <= found.value + 1e-12
        assert found.value <= found.high + 1e-12
    undefined = len(numbers) - len(defined)
    assert (f"{undefined} undefined left out" in found.method) == (undefined > 0)
    assert f"{len(informative)} clusters" in found.method


@given(values)
def test_it_is_what_leaving_patients_out_by_hand_gives(rows: list[tuple[float, str]]) -> None:
    numbers, clusters = split([row for row in rows if math.isfinite(row[0])])
    if len(set(clusters)) < 2:
        return
    expected = by_hand(lambda kept: numbers[kept].mean(), clusters, 0.9)
    found = estimates.mean(*split(rows), level=0.9)
    assert (found.value, found.low, found.high) == pytest.approx(expected)


@given(values, st.integers(1, 5))
def test_patients_without_a_value_are_no_patients(rows: list[tuple[float, str]], more: int) -> None:
    """Else few patients among many would look like many."""
    numbers, clusters = split(rows)
    undefined = [(NAN, f"new {number}") for number in range(more)]
    one, other = estimates.mean(numbers, clusters), estimates.mean(*split(rows + undefined))
    for name in ("value", "low", "high", "p", "cases"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), nan_ok=True)
    assert one.hindrance == other.hindrance


def test_order_and_names_do_not_matter_and_equal_data_have_equal_intervals() -> None:
    numbers = np.random.default_rng(0).random(60)
    clusters = [f"p{index // 3}" for index in range(60)]
    found = estimates.mean(numbers, clusters)
    assert found == estimates.mean(numbers, clusters)
    assert found == estimates.mean(numbers, [name[::-1] + "x" for name in clusters])
    order = np.random.default_rng(1).permutation(60)
    moved = estimates.mean(numbers[order], [clusters[place] for place in order])
    assert (moved.low, moved.high, moved.p) == pytest.approx((found.low, found.high, found.p))


def test_of_symmetric_values_it_is_students_t() -> None:
    half = np.random.default_rng(0).normal(size=12)
    numbers = np.concatenate((half, -half)) + 0.2
    found, students = estimates.mean(numbers, each(24)), ttest_1samp(numbers, 0)
    assert (found.low, found.high) == pytest.approx(tuple(students.confidence_interval()))
    assert found.p == pytest.approx(students.pvalue)


def test_images_of_one_patient_make_the_interval_wider() -> None:
    numbers = np.repeat(np.random.default_rng(0).random(20), 10)
    patients = [str(index // 10) for index in range(200)]
    wide, narrow = estimates.mean(numbers, patients), estimates.mean(numbers, each(200))
    assert wide.high - wide.low > 2.5 * (narrow.high - narrow.low)
    once = estimates.mean(numbers[::10], each(20))  # a film ten times is one film
    assert (wide.low, wide.high) == pytest.approx((once.low, once.high))


def test_the_interval_ends_at_the_bounds() -> None:
    numbers = np.array([0.0] * 8 + [1.0])
    free, bound = (
        estimates.mean(numbers, each(9), bounds=bounds)
        for bounds in (estimates.UNBOUNDED, (0.0, 0.5))
    )
    assert free.high > 0.5
    assert (bound.low, bound.high) == (max(free.low, 0.0), 0.5)


def test_a_difference_is_paired() -> None:
    generator = np.random.default_rng(0)
    hard = generator.random(40)
    first, second = hard + 0.1, hard.copy()
    second[3] = np.nan
    found = estimates.difference(first, second, each(40))
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert found.cases == 39
    other = estimates.difference(second, first, each(40))
    assert other.value == pytest.approx(-found.value)
    both = estimates.difference(hard, generator.random(40), each(40))
    assert both.high - both.low > 0.1


@pytest.mark.parametrize("effect", np.linspace(0, 0.3, 7))
def test_a_difference_is_significant_just_when_its_interval_leaves_0_out(effect: float) -> None:
    numbers = np.random.default_rng(1).gamma(0.5, size=30) * 0.3 - 0.15 + effect
    found = estimates.mean(numbers, each(30))
    assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


class TestMacro:
    def table(self) -> tuple[np.ndarray, list[str]]:
        generator = np.random.default_rng(0)
        table = generator.random((60, 3))
        table[generator.random((60, 3)) < 0.5] = NAN
        return table, [f"p{index // 2}" for index in range(60)]

    def test_rare_findings_count_as_much_as_common_ones(self) -> None:
        table = np.full((30, 2), NAN)
        table[:, 0], table[:3, 1] = 0.2, 0.8
        assert estimates.macro(table, each(30)).value == pytest.approx(0.5)

    def test_it_is_what_leaving_patients_out_of_all_findings_gives(self) -> None:
        table, clusters = self.table()
        rows = np.isfinite(table).any(axis=1)
        kept, names = table[rows], [n for n, k in zip(clusters, rows, strict=True) if k]
        expected = by_hand(lambda chosen: np.nanmean(kept[chosen], axis=0).mean(), names)
        found = estimates.macro(table, clusters)
        assert (found.value, found.low, found.high) == pytest.approx(expected)
        assert found.cases == np.isfinite(table).sum()

    def test_a_finding_without_a_value_is_left_out(self) -> None:
        table, clusters = self.table()
        wider = np.column_stack((table, np.full(60, NAN)))
        assert estimates.macro(wider, clusters) == estimates.macro(table, clusters)

    @pytest.mark.parametrize("shift", [-0.6, -0.35, -0.2, 0.0, 0.2])
    def test_its_tails_say_what_its_interval_says(self, shift: float) -> None:
        table, clusters = self.table()
        gaps = table - 0.5 + shift
        margin = 0.2
        found = estimates.macro(gaps, clusters)
        tails = estimates.macro_tails(gaps, clusters, margin)
        assert tails.conclusion(0.95) == conclude(found, margin)
        assert tails.superior >= tails.non_inferior
        assert tails.non_inferior + tails.inferior == pytest.approx(1)
        moved = estimates.macro_tails(gaps + margin, clusters, margin)
        assert moved.superior == pytest.approx(tails.non_inferior)

    @pytest.mark.parametrize("lost", [2, 4, 8, 12, 16])
    def test_tails_of_shares_say_what_their_interval_says(self, lost: int) -> None:
        """Of hits gained and lost by 60 patients, 4 gained."""
        gaps = np.zeros((60, 1))
        gaps[:4], gaps[4 : 4 + lost] = 1, -1
        for sign, margin in product((1, -1), (0.02, 0.1, 0.25)):
            tails = estimates.macro_tails(sign * gaps, each(60), margin)
            found = estimates.paired(sign * gaps, each(60))
            assert tails.conclusion(0.95) == conclude(found, margin)
            assert 2 * min(tails.superior, 1 - tails.superior) == pytest.approx(found.p)

    def test_of_one_patient_nothing_is_tested(self) -> None:
        table, _ = self.table()
        for one in (table, np.full((60, 3), NAN)):
            assert np.isnan(estimates.macro_tails(one, ["p"] * 60, 0.1)).all()
        assert np.isnan(UNTESTED).all()


class TestContrast:
    def test_it_is_the_difference_of_two_means_with_patients_in_both(self) -> None:
        generator = np.random.default_rng(0)
        numbers = generator.random(80)
        numbers[generator.random(80) < 0.2] = NAN
        inside = generator.random(80) < 0.4
        outside = ~inside & (generator.random(80) < 0.9)
        clusters = [f"p{index // 3}" for index in range(80)]
        rows = np.isfinite(numbers) & (inside | outside)
        kept, of = numbers[rows], inside[rows]
        names = [n for n, k in zip(clusters, rows, strict=True) if k]
        expected = by_hand(lambda k: kept[k & of].mean() - kept[k & ~of].mean(), names)
        found = estimates.contrast(numbers, inside, outside, clusters)
        assert (found.value, found.low, found.high) == pytest.approx(expected)
        assert found.cases == rows.sum()

    def test_of_two_large_groups_it_is_nearly_welchs(self) -> None:
        numbers = np.random.default_rng(0).normal(size=400)
        inside = np.arange(400) % 4 == 0
        numbers[inside] *= 2
        found = estimates.contrast(numbers, inside, ~inside, each(400))
        welch = ttest_ind(numbers[inside], numbers[~inside], equal_var=False)
        assert (found.low, found.high) == pytest.approx(
            tuple(welch.confidence_interval()), abs=0.02
        )
        assert found.p == pytest.approx(welch.pvalue, abs=0.02)

    def test_exchanged_groups_mirror_it(self) -> None:
        numbers, inside = np.random.default_rng(0).random(50), np.arange(50) < 22
        one = estimates.contrast(numbers, inside, ~inside, each(50))
        other = estimates.contrast(numbers, ~inside, inside, each(50))
        assert (other.value, other.low, other.high) == pytest.approx(
            (-one.value, -one.high, -one.low)
        )
        assert other.p == pytest.approx(one.p, abs=1e-6)

    def test_the_smaller_group_decides_whether_anything_is_concluded(self) -> None:
        numbers, inside = np.random.default_rng(0).random(100), np.arange(100) < 19
        found = estimates.contrast(numbers, inside, ~inside, each(100))
        assert found.hindrance.startswith("19 of the 20 patients")
        lone = estimates.contrast(numbers, np.arange(100) < 1, ~inside, each(100))
        assert math.isnan(lone.low)


class TestHindrance:
    def test_twenty_patients_conclude_and_nineteen_do_not(self) -> None:
        numbers = np.random.default_rng(0).random(40) + 1
        few = estimates.mean(numbers, [str(index % 19) for index in range(40)])
        assert few.hindrance == (
            "19 of the 20 patients (or films of unknown patients) that a conclusion needs"
        )
        assert few.low > 0  # the interval is told all the same
        assert conclude(few, 0.05) is Conclusion.UNDECIDED
        enough = estimates.mean(numbers, [str(index % 20) for index in range(40)])
        assert enough.hindrance == ""
        assert conclude(enough, 0.05) is Conclusion.SUPERIOR

    @pytest.mark.parametrize("differ", [0, 5, 6])
    def test_six_patients_must_differ_from_the_others(self, differ: int) -> None:
        numbers = np.zeros(30)
        numbers[:differ] = 0.3
        found = estimates.mean(numbers, each(30))
        expected = "" if differ > 5 else f"{differ} of 30 differ from the others"
        assert found.hindrance.startswith(expected)
        assert bool(found.hindrance) == (differ < 6)

    def test_a_number_that_hangs_on_one_patient_says_so(self) -> None:
        alone = np.zeros(30)
        alone[0] = 1
        found = estimates.statistic(
            lambda weights: np.where(weights @ alone > 0, 0.5, NAN), np.ones(30, bool), each(30)
        )
        assert found.value == 0.5
        assert math.isnan(found.low)
        assert found.hindrance == "without one patient the number is undefined"


def weighted_mean(numbers: np.ndarray) -> estimates.Statistic:
    def compute(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return weights @ numbers / weights.sum(axis=1)

    return compute


class TestStatistics:
    @given(values)
    def test_a_statistic_that_is_a_mean_has_the_interval_of_the_mean(
        self, rows: list[tuple[float, str]]
    ) -> None:
        numbers, clusters = split([row for row in rows if math.isfinite(row[0])])
        cases = np.ones(len(numbers), bool)
        found = estimates.statistic(weighted_mean(numbers), cases, clusters, bounds=(0.1, 0.9))
        mean = estimates.mean(numbers, clusters, bounds=(0.1, 0.9))
        for name in ("value", "low", "high", "cases"):
            assert getattr(found, name) == pytest.approx(getattr(mean, name), nan_ok=True)
        assert found.hindrance == mean.hindrance

    def test_it_is_the_same_in_small_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        numbers = np.random.default_rng(0).random(12)
        clusters = [str(index // 2) for index in range(12)]
        whole = estimates.statistic(weighted_mean(numbers), np.ones(12, bool), clusters)
        rows: list[int] = []

        def counted(weights: np.ndarray) -> np.ndarray:
            rows.append(len(weights))
            return weighted_mean(numbers)(weights)

        monkeypatch.setattr(estimates, "_BLOCK", 30)
        found = estimates.statistic(counted, np.ones(12, bool), clusters)
        assert (found.low, found.high) == pytest.approx((whole.low, whole.high))
        assert rows == [1, 2, 2, 2]

    def test_many_patients_are_left_out_in_a_thousand_groups(self) -> None:
        """Of nearly equal size: the interval is about that of patients, and order is no matter."""
        numbers = np.random.default_rng(0).gamma(0.5, size=5000)
        sizes: list[int] = []

        def counted(weights: np.ndarray) -> np.ndarray:
            sizes.extend((weights == 0).sum(axis=1).tolist())
            return weighted_mean(numbers)(weights)

        found = estimates.statistic(counted, np.ones(5000, bool), each(5000))
        assert sizes == [0] + [5] * 1000  # all films once, then without five each
        exact = estimates.mean(numbers, each(5000))
        assert found.value == pytest.approx(exact.value)
        width = exact.high - exact.low
        assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=width / 15)
        ordered = np.sort(numbers)  # films that resemble their neighbours
        again = estimates.statistic(weighted_mean(ordered), np.ones(5000, bool), each(5000))
        assert (again.low, again.high) == pytest.approx((exact.low, exact.high), abs=width / 15)
        assert "5000 clusters" in found.method

    def test_of_many_images_fewer_groups_are_left_out(self) -> None:
        numbers = np.random.default_rng(0).gamma(0.5, size=40_000)
        exact = estimates.mean(numbers, each(40_000))
        sizes: list[int] = []

        def counted(weights: np.ndarray) -> np.ndarray:
            sizes.extend((weights == 0).sum(axis=1).tolist())
            return weighted_mean(numbers)(weights)

        found = estimates.statistic(counted, np.ones(40_000, bool), each(40_000))
        assert sizes == [0] + [160] * 250  # ten million images are looked at
        width = exact.high - exact.low
        assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=width / 8)

    def test_films_without_a_case_vary_too(self) -> None:
        """A share of positives: negatives have no case, and still make it uncertain."""
        labels = np.arange(60) < 30
        found = estimates.statistic(weighted_mean(labels.astype(float)), labels, each(60))
        assert found.cases == 30
        assert "30 clusters" in found.method
        plain = estimates.mean(labels.astype(float), each(60))
        assert (found.low, found.high) == pytest.approx((plain.low, plain.high))


class TestErrors:
    def test_rare_large_losses_are_seldom_called_no_worse(self) -> None:
        """Losses at the margin, of a finding that 20 of 500 patients have."""
        losses = np.random.default_rng(0).gamma(0.5, 0.1, size=(400, 20))
        patients, wrong = each(500), 0
        for gaps in losses:
            among = np.full(500, NAN)
            among[::25] = -gaps
            found = estimates.mean(among, patients)
            wrong += conclude(found, 0.05) in (Conclusion.NON_INFERIOR, Conclusion.SUPERIOR)
        assert wrong / 400 <= 0.04

    def test_intervals_of_patients_hold_the_truth_and_those_of_their_images_do_not(self) -> None:
        """60 patients with one to five images that resemble each other; truth 0."""
        generator = np.random.default_rng(0)
        patients = [str(p) for p in range(60) for _ in range(1 + p % 5)]
        images, trials = each(len(patients)), 300
        held = {"patient": 0, "image": 0}
        for _ in range(trials):
            own = generator.normal(size=60)
            numbers = np.array([own[int(p)] for p in patients]) + generator.normal(size=len(images))
            for by, clusters in (("patient", patients), ("image", images)):
                found = estimates.mean(numbers, clusters)
                held[by] += found.low <= 0 <= found.high
        assert 0.92 <= held["patient"] / trials <= 0.98
        assert held["image"] / trials < 0.9


def test_numbers_of_clusters_go_by_first_appearance() -> None:
    members, size = membership(["b", "a", "b", "c"])
    assert (members.tolist(), size) == ([0, 1, 0, 2], 3)
    assert membership([])[1] == 0


def test_of_hits_gained_and_lost_the_interval_has_two_patients_more() -> None:
    """Bonett and Price 2012: with n + 2 pairs, one gained and one lost more."""
    gaps = np.array([1.0] * 7 + [-1.0] * 3 + [0.0] * 20)
    names = [str(number) for number in range(30)]
    first, second = np.maximum(gaps, 0), np.maximum(-gaps, 0)
    found = estimates.difference(first, second, names)
    more = estimates.mean(np.append(gaps, (1.0, -1.0)), [*names, "one", "other"])
    assert found.value == pytest.approx(4 / 30)
    assert (found.low, found.high) == (more.low, more.high)
    assert estimates.difference(first, np.zeros(30), names[:30]).low > 0


def test_of_hits_gained_and_lost_better_is_said_as_seldom_as_claimed() -> None:
    rng, names, called = np.random.default_rng(0), [str(number) for number in range(40)], 0
    for _ in range(600):
        first, second = rng.random((2, 40)) < 0.3
        found = estimates.difference(first.astype(float), second.astype(float), names)
        called += not found.hindrance and (found.low > 0 or found.high < 0)
    assert called / 600 <= 0.065  # 5%, and two standard errors
