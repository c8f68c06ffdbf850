"""Conclusions about a margin."""

import pytest

from heatproof.stats.margin import Conclusion, conclude
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
