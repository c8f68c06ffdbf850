"""Automation bias, times and confidence: rates counted by hand, and truths that were put in."""

from dataclasses import replace

import numpy as np
import pytest

from heatproof.errors import DataError
from heatproof.stats.mrmc.automation_bias import automation_bias
from heatproof.stats.mrmc.duration import durations, numbers
from heatproof.stats.mrmc.ratings import Ratings
from tests.stats.mrmc.studies import drawn, names


def decided(seed: int, follows: float) -> tuple[Ratings, np.ndarray]:
    """Decisions that are right 7 times of 10; aided ones take the suggestion at times."""
    generator = np.random.default_rng(seed)
    truth = np.arange(80) % 2 == 0
    suggestion = np.where(generator.random(80) < 0.7, truth, ~truth)
    own = np.where(generator.random((2, 6, 80)) < 0.7, truth, ~truth)
    taken = generator.random((6, 80)) < follows
    own[1] = np.where(taken, suggestion, own[1])
    _, readers, cases = names(2, 6, 80)
    return Ratings(own.astype(float), truth, ("alone", "map"), readers, cases), suggestion


def test_rates_are_counted_among_wrong_suggestions():
    decisions, suggestion = decided(1, 0.5)
    found = automation_bias(decisions, suggestion, "alone", "map")
    wrong = suggestion != decisions.truth
    follows = (decisions.values == suggestion)[..., wrong]
    assert found.wrong.cases == wrong.sum()
    assert found.wrong.unaided.estimate == pytest.approx(follows[0].mean())
    assert found.wrong.aided.estimate == pytest.approx(follows[1].mean())
    assert found.wrong.difference.low > 0.15  # the truth is 0.35
    assert found.right.difference.estimate > 0
    assert found.wrong.log_odds_ratio.low > 0


def test_who_does_not_look_is_not_misled():
    decisions, suggestion = decided(2, 0.0)
    found = automation_bias(decisions, suggestion, "alone", "map")
    assert found.wrong.difference.low < 0 < found.wrong.difference.high


def test_other_values_and_names_are_told():
    decisions, suggestion = decided(3, 0.2)
    with pytest.raises(DataError, match="no modality is named 'aided'"):
        automation_bias(decisions, suggestion, "alone", "aided")
    with pytest.raises(DataError, match="expected 0 and 1"):
        automation_bias(replace(decisions, values=decisions.values * 3), suggestion, "alone", "map")
    with pytest.raises(DataError, match="0 suggestions are wrong"):
        automation_bias(decisions, decisions.truth, "alone", "map")


@pytest.mark.parametrize("holes", [0.0, 0.2])
def test_a_fifth_more_time_is_a_ratio_of_a_fifth(holes):
    generator = np.random.default_rng(4)
    study = drawn(5, shape=(2, 5, 40), holes=holes)
    base = np.exp(generator.normal(2, 0.3, (1, 5, 40)) + generator.normal(0, 0.1, (2, 5, 40)))
    values = np.where(study.read, base * np.array([1.2, 1.0])[:, None, None], np.nan)
    (found,) = durations(replace(study, values=values))
    assert found.low < 1.2 < found.high
    if not holes:
        assert found.p < 0.001
        logs = np.log(values).mean((1, 2))
        assert found.value == pytest.approx(np.exp(logs[0] - logs[1]))
    with pytest.raises(DataError, match="0 seconds"):
        durations(replace(study, values=0 * values))


def test_two_readings_of_equal_confidence_do_not_differ():
    study = drawn(6, shape=(2, 3, 20))
    same = replace(study, values=np.broadcast_to(study.values[:1], study.values.shape).copy())
    (found,) = numbers(same).differences
    assert found.inference.estimate == pytest.approx(0)
