"""How sure is a mean, or any number of all films?  Leave patients out, and see how far it moves.

Clusters (patients, or images where the caller passes image ids) are what is independent: all images
of a cluster are left out together.  What each cluster adds to the number (``contributions.py``)
makes its interval (``hall.py``); nothing is drawn by chance, so equal data have equal intervals.

Values that are ``nan`` are left out; their clusters add nothing.  Fewer than two clusters with a
defined value make no interval: ``nan``.  From few clusters an interval is given, and nothing is
concluded: ``Estimate.hindrance`` says why.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from heatproof.stats.clusters import membership
from heatproof.stats.contributions import Contributions, centred
from heatproof.stats.hall import PATIENTS, Certainty, certainty
from heatproof.stats.margin import UNTESTED, Tails
from heatproof.types import Estimate

TO_CONCLUDE = 20
"""Clusters behind a conclusion: with fewer, intervals of skewed scores err too often (measured by
``benchmarks/verdicts.py``)."""
TO_DIFFER = 6
"""Clusters that must add something else than most do.

If all that differ, and fewer than six do, point the same way, a fair coin does so in more than 5%
of trials (two-sided sign test: 2 / 2**5); and what happens to few patients may happen to none of
these.
"""
Statistic = Callable[[Float[np.ndarray, "b n"]], Float[np.ndarray, " b"]]
"""A function of how often each image counts, one row per count, to one number per row."""
Bounds = tuple[float, float]
UNBOUNDED: Bounds = (-float("inf"), float("inf"))
_BLOCK = 1 << 20  # numbers held at once: 8 MB
_GROUPS = 1000  # clusters, or groups of them, that a statistic of all films is computed without
_FEWEST = 200  # of many images: the standard error is then known to 5%
_WORK = 10_000_000  # images, times groups, that a statistic of all films looks at
_NAN = float("nan")


def mean(
    values: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    level: float = 0.95,
    bounds: Bounds = UNBOUNDED,
) -> Estimate:
    """The mean of the defined values.

    Args:
        values: One per image; ``nan`` where undefined.
        clusters: What is independent, such as ``Sample.cluster``.
        level: Coverage of the interval, such as 0.95.
        bounds: What the mean cannot exceed; the interval ends there.
    """
    return macro(values[:, None], clusters, level, bounds)


def macro(
    values: Float[np.ndarray, "n k"],
    clusters: Sequence[str],
    level: float = 0.95,
    bounds: Bounds = UNBOUNDED,
) -> Estimate:
    """The mean over findings of the mean of each, so that rare findings count as much as common.

    A finding without a defined value is left out.

    Args:
        values: One row per image, one column per finding; ``nan`` where undefined.
        clusters: As in ``mean``.
        level: As in ``mean``.
        bounds: As in ``mean``.
    """
    known, names = defined_rows(values, clusters)
    whole, without = means_without(known, names)
    left_out = len(values) - len(known)
    return estimated(
        float(row_means(whole)[0]),
        row_means(without),
        cases=int(np.isfinite(known).sum()),
        informative=len(without),
        level=level,
        bounds=bounds,
        note=f"; {left_out} undefined left out" if left_out else "",
    )


def macro_tails(values: Float[np.ndarray, "n k"], clusters: Sequence[str], margin: float) -> Tails:
    """One-sided p-values about a margin, of a macro average of differences, as ``paired`` has it.

    Args:
        values: As ``gaps`` in ``paired``.
        clusters: As in ``mean``.
        margin: The largest loss that would not matter, above 0.
    """
    whole, without = means_without(*defined_rows(*_of_shares(values, clusters)))
    value = float(row_means(whole)[0])
    pseudo = centred(value, row_means(without)) if np.isfinite(value) else np.empty(0)
    if not len(pseudo):
        return UNTESTED
    zero, lost = (
        certainty(Contributions(value + shift, {PATIENTS: pseudo})) for shift in (0.0, margin)
    )
    return Tails(zero.above, lost.above, lost.below)


def paired(
    gaps: Float[np.ndarray, "n k"], clusters: Sequence[str], level: float = 0.95
) -> Estimate:
    """The macro average of paired differences.

    Where all are differences of shares (-1, 0 or 1) the interval is made with two patients more,
    one who gains and one who loses (Bonett & Price, Stat Med 2012, 31:1515): of few pairs that
    differ it would end too early.

    Args:
        gaps: First minus second, one row per image, one column per finding; ``nan`` where either
            is undefined.
        clusters: As in ``mean``.
        level: As in ``mean``.
    """
    estimate = macro(gaps, clusters, level)
    wider = macro(*_of_shares(gaps, clusters), level)
    if np.isnan(estimate.low) or np.isnan(wider.low):
        return estimate
    ends = min(wider.low, estimate.value), max(wider.high, estimate.value)
    return replace(estimate, low=ends[0], high=ends[1], p=wider.p)


def difference(
    first: Float[np.ndarray, " n"],
    second: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    level: float = 0.95,
) -> Estimate:
    """The mean of first minus second, image by image; a pair counts where both are defined.

    Args:
        first: One value per image.
        second: The same for the other side, of the same images in the same order.
        clusters: As in ``mean``.
        level: As in ``mean``.
    """
    return paired((first - second)[:, None], clusters, level)


def _of_shares(
    gaps: Float[np.ndarray, "n k"], clusters: Sequence[str]
) -> tuple[Float[np.ndarray, "m k"], Sequence[str]]:
    """Gaps of shares with a patient who gains and one who loses; all others as they are."""
    if not np.isin(gaps[np.isfinite(gaps)], (-1, 0, 1)).all():
        return gaps, clusters
    more = np.array([1.0, -1.0])[:, None] * np.ones(gaps.shape[1])
    # A finding that nobody has must not get cases.
    more[:, ~np.isfinite(gaps).any(axis=0)] = np.nan
    return np.concatenate([gaps, more]), [*clusters, "\0who gains", "\0who loses"]


def contrast(
    values: Float[np.ndarray, " n"],
    inside: Bool[np.ndarray, " n"],
    outside: Bool[np.ndarray, " n"],
    clusters: Sequence[str],
    level: float = 0.95,
) -> Estimate:
    """The mean of one group of images minus that of another; a patient may have images in both.

    Args:
        values: One per image; ``nan`` where undefined.
        inside: The images of the group.
        outside: The images that it is compared with.
        clusters: As in ``mean``.
        level: As in ``mean``.
    """
    groups = np.stack([np.where(group, values, np.nan) for group in (inside, outside)], axis=1)
    known, names = defined_rows(groups, clusters)
    whole, without = means_without(known, names)
    defined = np.isfinite(known)
    # The smaller group decides how much is known.
    informative = min(_informative(column, names) for column in defined.T)
    return estimated(
        float(whole[0, 0] - whole[0, 1]),
        without[:, 0] - without[:, 1],
        cases=int(defined.sum()),
        informative=informative,
        level=level,
    )


def statistic(
    compute: Statistic,
    cases: Bool[np.ndarray, " n"],
    clusters: Sequence[str],
    level: float = 0.95,
    bounds: Bounds = UNBOUNDED,
) -> Estimate:
    """A number that is defined over all images only, such as an average precision.

    It is computed anew without each cluster; of more than 1,000 clusters, without each of 1,000
    groups of them, and of more than 10,000 images, of fewer groups the more images there are, but
    at least 200.

    Args:
        compute: The number; ``nan`` where undefined.
        cases: Images that stand behind the number; the others, such as films without the finding,
            are left out in turn as well.
        clusters: As in ``mean``, one per image.
        level: As in ``mean``.
        bounds: As in ``mean``.
    """
    members, size = membership(clusters)
    value = float(compute(np.ones((1, len(members))))[0])
    groups = min(_GROUPS, max(_FEWEST, _WORK // max(len(members), 1)))
    if size > _GROUPS:
        # Dealt in a seeded order, so that groups are alike whatever the order of the films is.
        members = (np.random.default_rng(0).permutation(size) % groups)[members]
        size = groups
    rows = max(1, _BLOCK // max(len(members), 1))
    parts = [
        compute((members != np.arange(start, min(start + rows, size))[:, None]).astype(float))
        for start in range(0, size, rows)
    ]
    return estimated(
        value,
        np.concatenate(parts) if parts else np.empty(0),
        cases=int(cases.sum()),
        informative=_informative(cases, clusters),
        level=level,
        bounds=bounds,
    )


def estimated(
    value: float,
    without: Float[np.ndarray, " u"],
    cases: int,
    informative: int,
    level: float = 0.95,
    bounds: Bounds = UNBOUNDED,
    note: str = "",
) -> Estimate:
    """A number with its interval, from what it is without each cluster in turn.

    Args:
        value: The number.
        without: The number without each cluster; one that is ``nan`` makes no interval.
        cases: Images that stand behind the number.
        informative: Clusters that stand behind the number.
        level: As in ``mean``.
        bounds: As in ``mean``.
        note: What else is said of the interval.
    """
    pseudo = centred(value, without) if informative > 1 and np.isfinite(value) else np.empty(0)
    sure = certainty(Contributions(value, {PATIENTS: pseudo} if len(pseudo) else {}), level)
    low, high = np.clip((sure.low, sure.high), *bounds)
    return Estimate(
        value,
        float(low),
        float(high),
        level,
        cases,
        f"skewness-corrected t of {informative} clusters{note}",
        p=_two_sided(sure),
        hindrance=hindrance(pseudo, informative),
    )


def hindrance(pseudo: Float[np.ndarray, " u"], informative: int) -> str:
    """Why nothing is concluded from an interval, as a clause; empty where something may be.

    Args:
        pseudo: What each cluster adds; empty without an interval.
        informative: Clusters that stand behind the number.
    """
    if informative < TO_CONCLUDE:
        return (
            f"{informative} of the {TO_CONCLUDE} patients (or films of unknown patients) that a"
            " conclusion needs"
        )
    if not len(pseudo):
        return "without one patient the number is undefined"
    _, counts = np.unique(pseudo.round(12), return_counts=True)
    differing = len(pseudo) - int(counts.max())
    if differing < TO_DIFFER:
        size = len(pseudo)
        return f"{differing} of {size} differ from the others; a conclusion needs {TO_DIFFER}"
    return ""


def defined_rows(
    values: Float[np.ndarray, "n k"], clusters: Sequence[str]
) -> tuple[Float[np.ndarray, "m k"], list[str]]:
    """The rows with a defined value, and their clusters.

    A patient without one is no patient of the mean: counted, such patients would pass for values
    that do not vary, and make an interval of few look like one of many.
    """
    defined = np.isfinite(values).any(axis=1)
    return values[defined], [name for name, known in zip(clusters, defined, strict=True) if known]


def means_without(
    values: Float[np.ndarray, "n k"], clusters: Sequence[str]
) -> tuple[Float[np.ndarray, "1 k"], Float[np.ndarray, "clusters k"]]:
    """The mean of each column's defined values (``nan`` without any), and without each cluster."""
    members, size = membership(clusters)
    defined = np.isfinite(values)
    # An undefined value adds 0 to the sum and to the count.
    sums, counts = (
        np.stack([np.bincount(members, column, size) for column in table.T], axis=1).astype(float)
        for table in (np.where(defined, values, 0), defined)
    )
    total, number = sums.sum(axis=0, keepdims=True), counts.sum(axis=0, keepdims=True)
    return _ratio(total, number), _ratio(total - sums, number - counts)


def row_means(table: Float[np.ndarray, "b k"]) -> Float[np.ndarray, " b"]:
    """The mean of each row's defined values; ``nan`` without any."""
    defined = np.isfinite(table)
    rows: np.ndarray = np.full(len(table), np.nan)
    counts = defined.sum(axis=1)
    np.divide(np.where(defined, table, 0).sum(axis=1), counts, out=rows, where=counts > 0)
    return rows


def _informative(defined: Bool[np.ndarray, " n"], clusters: Sequence[str]) -> int:
    return len({name for name, known in zip(clusters, defined, strict=True) if known})


def _two_sided(sure: Certainty) -> float:
    return _NAN if np.isnan(sure.low) else min(1.0, 2 * min(sure.above, sure.below))


def _ratio(
    sums: Float[np.ndarray, "clusters k"], counts: Float[np.ndarray, "clusters k"]
) -> Float[np.ndarray, "clusters k"]:
    ratios: np.ndarray = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=ratios, where=counts > 0.5)  # noqa: PLR2004  counts are whole
    return ratios
