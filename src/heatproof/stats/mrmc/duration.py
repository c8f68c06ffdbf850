"""Do readers take longer with maps, and are they surer?

Seconds are spread over orders of magnitude, so their logarithms are compared, and the result is a
ratio of geometric means.  Confidence is compared as it stands.  Readers and cases are random: a
full design is analysed by analysis of variance (``dorfman_berbaum_metz`` of the numbers
themselves), another one by ``one_shot`` with ``mle``, whose intervals are rather
too wide.
"""

from dataclasses import dataclass, replace
from math import exp

import numpy as np

from heatproof.errors import DataError
from heatproof.stats.mrmc.analysis import Analysis
from heatproof.stats.mrmc.dorfman_berbaum_metz import dorfman_berbaum_metz
from heatproof.stats.mrmc.figures import mean_rating
from heatproof.stats.mrmc.one_shot import one_shot
from heatproof.stats.mrmc.ratings import Ratings


@dataclass(frozen=True)
class Ratio:
    """The geometric mean of one modality by that of another.

    Attributes:
        first: The modality above.
        second: The modality below.
        value: Such as 1.2 where the first takes a fifth longer.
        low: Lower end of the interval.
        high: Upper end of the interval.
        p: Of the hypothesis that it is 1.
    """

    first: str
    second: str
    value: float
    low: float
    high: float
    p: float


def numbers(readings: Ratings, level: float = 0.95) -> Analysis:
    """Compare the means of any number of each reading, such as confidence.

    Args:
        readings: The number, in place of ratings; nan where there is none.
        level: Coverage of the intervals.
    """
    if readings.is_factorial and len(readings.readers) > 1:
        return dorfman_berbaum_metz(readings.values, readings.modalities, level=level)
    # Of a design with holes the unbiased variance may come out below 0, and then tells nothing.
    return one_shot(mean_rating(readings), readings.modalities, "mle", level)


def durations(seconds: Ratings, level: float = 0.95) -> tuple[Ratio, ...]:
    """Compare times of every two modalities.

    Args:
        seconds: Of each reading, in place of ratings; nan where there is none.
        level: Coverage of the intervals.

    Raises:
        DataError: A time is 0 or less.
    """
    if (seconds.values[seconds.read] <= 0).any():
        raise DataError("a reading took 0 seconds or less; expected times above 0, or none")
    found = numbers(replace(seconds, values=np.log(seconds.values)), level)
    return tuple(
        Ratio(
            each.first,
            each.second,
            exp(each.inference.estimate),
            exp(each.inference.low),
            exp(each.inference.high),
            each.inference.p,
        )
        for each in found.differences
    )
