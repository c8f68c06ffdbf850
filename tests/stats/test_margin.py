"""Conclusions about a margin."""

import pytest

from heatproof.stats.margin import UNTESTED, Conclusion, Tails, conclude
from heatproof.types import Estimate

NAN = float("nan")


@pytest.mark.parametrize(
    ("low", "high", "conclusion"),
    [
        (0.01, 0.10, Conclusion.SUPERIOR),
        (-0.04, 0.10, Conclusion.NON_INFERIOR),
        (-0.04, -0.01, Conclusion.NON_INFERIOR),  # worse for sure, by less than matters
        (-0.10, 0.10, Conclusion.UNDECIDED),
        (-0.05, 0.10, Conclusion.UNDECIDED),  # the margin itself is not excluded
        (-0.20, -0.06, Conclusion.INFERIOR),
        (NAN, NAN, Conclusion.UNDECIDED),
    ],
)
def test_where_the_interval_lies_decides(low: float, high: float, conclusion: Conclusion) -> None:
    assert conclude(Estimate(0.0, low, high, 0.95, 20, ""), 0.05) == conclusion


def test_a_margin_is_a_loss() -> None:
    with pytest.raises(ValueError, match=r"margin = -0\.05; expected a loss above 0"):
        conclude(Estimate(0.0, -1.0, 1.0, 0.95, 20, ""), -0.05)


def test_too_few_patients_conclude_nothing() -> None:
    sure = Estimate(0.5, 0.4, 0.6, 0.95, 19, "", hindrance="19 of the 20 patients")
    assert conclude(sure, 0.05) is Conclusion.UNDECIDED


@pytest.mark.parametrize(
    ("superior", "non_inferior", "inferior", "conclusion"),
    [
        (0.01, 0.001, 0.999, Conclusion.SUPERIOR),
        (0.025, 0.001, 0.999, Conclusion.SUPERIOR),
        (0.03, 0.01, 0.99, Conclusion.NON_INFERIOR),
        (0.9, 0.03, 0.97, Conclusion.UNDECIDED),  # .03 is above the tail of a 95% interval
        (1.0, 0.99, 0.01, Conclusion.INFERIOR),
    ],
)
def test_the_strongest_statement_with_a_small_enough_tail_is_made(
    superior: float, non_inferior: float, inferior: float, conclusion: Conclusion
) -> None:
    assert Tails(superior, non_inferior, inferior).conclusion(0.95) is conclusion
    assert UNTESTED.conclusion(0.95) is Conclusion.UNDECIDED


def test_a_lower_level_concludes_more() -> None:
    tails = Tails(0.9, 0.04, 0.96)
    assert tails.conclusion(0.95) is Conclusion.UNDECIDED
    assert tails.conclusion(0.9) is Conclusion.NON_INFERIOR
