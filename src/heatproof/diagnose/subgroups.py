"""Does a map fail on some patients more than on others?

The mean score of each group (sex, age, view, scanner, kind of abnormality), and its difference to
all other films, with errors by patient and p corrected (Holm) over all groups that were looked at:
who looks at twenty groups finds one that differs.  Numbers such as age are cut at their tertiles.
Groups of fewer than ``fewest`` defined scores are counted and not judged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from heatproof.stats import estimates
from heatproof.stats.multiple import adjusted
from heatproof.types import Estimate

AttributeValue = str | float | None


@dataclass(frozen=True)
class Subgroup:
    """The result in one group of films.

    Attributes:
        attribute: Name of the attribute, such as ``"sex"``.
        group: Value of the attribute, such as ``"F"``, or a range such as ``"54 to 67"``.
        mean: Mean score of the group.
        difference: Mean score minus that of the other films whose attribute is known; None where
            either side has too few defined scores.
        p: p-value of that difference, corrected; nan where there is none.
    """

    attribute: str
    group: str
    mean: Estimate
    difference: Estimate | None
    p: float


def subgroups(
    scores: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    attributes: Mapping[str, Sequence[AttributeValue]],
    fewest: int = 10,
    level: float = 0.95,
) -> tuple[Subgroup, ...]:
    """The result in each group of each attribute; an attribute without two groups is left out.

    Args:
        scores: One per film; ``nan`` where undefined.
        clusters: What is independent, such as ``Sample.cluster``.
        attributes: By name, one value per film; None where it is unknown.
        fewest: Defined scores that a group needs, and the others too.
        level: Confidence level of the intervals.
    """
    rows: list[tuple[str, str, Estimate, Estimate | None]] = []
    for name, values in attributes.items():
        groups = _groups(values)
        # A film of unknown value belongs neither to a group nor to the others.
        is_known = np.any(list(groups.values()), axis=0)
        for group, inside in groups.items() if len(groups) > 1 else ():
            of_group = np.where(inside, scores, np.nan)
            mean = estimates.mean(of_group, clusters, level)
            rest = int(np.isfinite(scores[is_known & ~inside]).sum())
            gap = None
            if min(mean.cases, rest) >= fewest:
                gap = estimates.contrast(scores, inside, is_known & ~inside, clusters, level)
            rows.append((name, group, mean, gap))
    # A difference that nothing is concluded from is no test.
    p = adjusted(np.array([gap.p if gap and not gap.hindrance else np.nan for *_, gap in rows]))
    return tuple(
        Subgroup(name, group, mean, gap, float(corrected))
        for (name, group, mean, gap), corrected in zip(rows, p, strict=True)
    )


def _groups(values: Sequence[AttributeValue]) -> dict[str, Bool[np.ndarray, " n"]]:
    """The films of each group, groups in order; a film of unknown value is in none."""
    defined = [value for value in values if value is not None]
    numbers = [value for value in defined if isinstance(value, int | float)]
    if len(numbers) < len(defined):
        names = sorted({str(value) for value in defined})
        return {
            name: np.array([value is not None and str(value) == name for value in values])
            for name in names
        }
    ends = np.quantile(numbers, [0, 1 / 3, 2 / 3, 1]) if numbers else np.zeros(0)
    by_value = np.array([np.nan if value is None else value for value in values], float)
    groups = {}
    for place, (low, high) in enumerate(pairwise(ends)):
        # A value on a boundary is in the lower group alone; only the first holds its least value.
        inside = (by_value > low if place else by_value >= low) & (by_value <= high)
        # Many equal values make tertiles equal, and the group between them empty.
        if inside.any():
            groups[f"{low:g} to {high:g}"] = inside
    return groups
