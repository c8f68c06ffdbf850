"""Subgroups: means, differences to the rest, and what is not judged."""

import numpy as np
import pytest

from heatproof.diagnose.subgroups import subgroups

PATIENTS = [f"p{index // 2}" for index in range(120)]
SEX = ["F" if (index // 2) % 2 else "M" for index in range(120)]


def scores(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(120)


def test_a_group_is_compared_with_all_others() -> None:
    values = scores() + np.where(np.array(SEX) == "F", 0.5, 0)
    women, men = subgroups(values, PATIENTS, {"sex": SEX})
    inside = np.array(SEX) == "F"
    assert (women.attribute, women.group, men.group) == ("sex", "F", "M")
    assert women.mean.value == pytest.approx(values[inside].mean())
    assert women.difference is not None
    assert women.difference.value == pytest.approx(values[inside].mean() - values[~inside].mean())
    assert women.difference.low > 0.3
    assert women.p < 0.001
    assert men.difference is not None
    assert men.difference.value == pytest.approx(-women.difference.value)


def test_numbers_are_cut_at_their_tertiles() -> None:
    ages = [float(20 + index // 2) for index in range(120)]
    found = subgroups(scores(), PATIENTS, {"age": ages})
    assert [group.mean.cases for group in found] == [40, 40, 40]
    assert [group.group.split(" to ")[0] for group in found] == ["20", "39.6667", "59.3333"]


def test_films_of_unknown_value_are_in_no_group_and_not_among_the_others() -> None:
    known = [None if index < 40 else sex for index, sex in enumerate(SEX)]
    values = np.where(np.arange(120) < 40, 100.0, scores())
    women, _ = subgroups(values, PATIENTS, {"sex": known})
    assert women.difference is not None
    assert abs(women.difference.value) < 1
    assert women.difference.cases == 80


def test_small_groups_are_counted_and_not_judged() -> None:
    scanner = ["A"] * 115 + ["B"] * 5
    large, small = subgroups(scores(), PATIENTS, {"scanner": scanner})
    assert small.mean.cases == 5
    assert small.difference is None
    assert large.difference is None  # there are not enough others
    assert np.isnan(small.p)


def test_an_attribute_without_two_groups_says_nothing() -> None:
    assert subgroups(scores(), PATIENTS, {"view": ["PA"] * 120, "age": [None] * 120}) == ()


def test_looking_at_many_groups_finds_nothing_where_there_is_nothing() -> None:
    generator = np.random.default_rng(0)
    attributes = {f"a{k}": [str(v) for v in generator.integers(0, 3, 120)] for k in range(7)}
    found = subgroups(scores(3), PATIENTS, attributes)
    assert len(found) == 21
    assert min(group.p for group in found) > 0.05
