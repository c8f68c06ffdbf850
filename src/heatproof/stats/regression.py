"""Regressions: by how much does a measurement change with a feature?

===================== ==========================================================================
``linear``            least squares, intervals by Student's t that take all rows for independent
                      and equally spread: what Saporta et al. 2022 publish
``linear_by_cluster`` the same line, with errors that allow rows of one patient to resemble each
                      other: from the slopes without each patient (the jackknife, CR3: Bell &
                      McCaffrey 2002), t with one degree of freedom less than patients.  The
                      usual errors by cluster (Liang & Zeger 1986) are too small for few
``mixed``             a line, and for each patient a level of its own (``random_intercept.py``): the
                      sounder model of many rows per patient
``logistic``          for an outcome that is 0 or 1, such as hit or miss: the slope is a log odds
                      ratio, with errors by patient
===================== ==========================================================================

``factor`` gives every one of its levels an own intercept, so that the slope is one *within* levels:
with the finding as a factor, confidence explains nothing by findings that are easy.

Rows with a ``nan`` are left out.  Undefined (``nan``, the reason in ``Estimate.method``) where the
rows cannot tell: no more rows (or clusters, where they count) than parameters, a feature that does
not vary (within levels), a response that is exactly on a line, an outcome that a threshold
separates, a fit that does not converge.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import norm, t
from statsmodels.discrete.discrete_model import Logit
from statsmodels.regression.linear_model import OLS

from heatproof.stats.clusters import membership
from heatproof.stats.contributions import centred
from heatproof.stats.random_intercept import random_intercept
from heatproof.types import Estimate

_SINGULAR = 1e-10
"""The determinant below which a cluster alone decides a coefficient."""


@dataclass(frozen=True)
class Slope:
    """The slope of one regression, with its interval and test.

    Attributes:
        estimate: Change of the response for one unit of the feature; ``cases`` are rows.
        p: The p-value of the hypothesis that the slope is 0, uncorrected for multiple tests.
        intercept: Response where the feature is 0; nan where a factor has several.
    """

    estimate: Estimate
    p: float
    intercept: float


def min_max(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The values scaled from 0 (the least) to 1 (the largest defined value); constants stay as they
    are.
    """
    defined = values[np.isfinite(values)]
    if defined.size == 0 or defined.min() == defined.max():
        return values
    return np.asarray((values - defined.min()) / (defined.max() - defined.min()))


def z_score(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The distance from the mean in standard deviations (of the sample); constants stay as they
    are.
    """
    defined = values[np.isfinite(values)]
    if defined.size == 0 or defined.min() == defined.max():
        return values
    return np.asarray((values - defined.mean()) / defined.std(ddof=1))


def linear(
    feature: Float[np.ndarray, " n"],
    response: Float[np.ndarray, " n"],
    factor: Sequence[str] | None = None,
    level: float = 0.95,
) -> Slope:
    """The slope by ordinary least squares."""
    rows = _Rows.of(feature, response, None, factor)

    def fit() -> _Line:
        return _Line.of_fit(OLS(rows.response, rows.design).fit(), level)

    return _slope(rows, fit, level, "least squares", rows.flaw)


def linear_by_cluster(
    feature: Float[np.ndarray, " n"],
    response: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    factor: Sequence[str] | None = None,
    level: float = 0.95,
) -> Slope:
    """The slope by ordinary least squares, with standard errors by cluster.

    Undefined also where there is no slope without one of the clusters.
    """
    rows = _Rows.of(feature, response, clusters, factor)

    def fit() -> _Line:
        coefficients, without = _without_clusters(rows)
        slope, freedom = float(coefficients[1]), rows.size - 1
        pseudo = centred(slope, without)
        # Without all of the slopes there is no error, and no interval.
        error = sqrt(float(pseudo @ pseudo) / rows.size / freedom) if len(pseudo) else float("nan")
        low, high = t.interval(level, freedom, slope, error)
        p = 2 * t.sf(abs(slope) / error, freedom)
        return _Line(float(coefficients[0]), slope, float(low), float(high), float(p))

    how = f"least squares, errors by {rows.size} clusters"
    return _slope(rows, fit, level, how, rows.flaw or rows.alone)


def mixed(
    feature: Float[np.ndarray, " n"],
    response: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    factor: Sequence[str] | None = None,
    level: float = 0.95,
) -> Slope:
    """The slope of a linear mixed model, in which each cluster has an intercept drawn from a normal
    distribution.
    """
    rows = _Rows.of(feature, response, clusters, factor)
    # With one row per cluster, the level of a cluster and the error of its row cannot be told
    # apart.
    single = "no cluster has two rows" if rows.size == len(rows.response) else ""

    def fit() -> _Line:
        model = random_intercept(rows.design, rows.response, rows.members)
        value, error = float(model.coefficients[1]), float(model.errors[1])
        low, high = norm.interval(level, value, error)
        p = 2 * norm.sf(abs(value) / error)
        return _Line(float(model.coefficients[0]), value, float(low), float(high), float(p))

    how = f"random intercept of {rows.size} clusters"
    return _slope(rows, fit, level, how, rows.flaw or rows.alone or single)


def logistic(
    feature: Float[np.ndarray, " n"],
    outcome: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    factor: Sequence[str] | None = None,
    level: float = 0.95,
) -> Slope:
    """The log odds ratio of an outcome that is 0 or 1.

    Levels of the factor in which all outcomes are equal say nothing about the slope and are left
    out.
    """
    rows = _Rows.of(feature, outcome, clusters, factor, both_outcomes=True)

    def fit() -> _Line:
        model = Logit(rows.response, rows.design)
        quiet = {"disp": False, "warn_convergence": False}  # the result says so itself
        return _Line.of_fit(model.fit(**quiet, **rows.by_cluster), level)

    how = f"logistic, errors by {rows.size} clusters"
    # `equal` comes before `separated`, which takes extremes of both outcomes and needs some of
    # each.
    return _slope(rows, fit, level, how, rows.equal or rows.flaw or rows.alone or rows.separated)


def _without_clusters(
    rows: "_Rows",
) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " clusters"]]:
    """The coefficients, and the slope without each cluster in turn; nan where there is none."""
    inverse = np.linalg.inv(rows.design.T @ rows.design)
    coefficients = inverse @ (rows.design.T @ rows.response)
    residuals = rows.response - rows.design @ coefficients
    order = np.argsort(rows.members, kind="stable")
    sizes = np.bincount(rows.members)
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    slopes = np.full(rows.size, np.nan)
    # Clusters of equally many rows are solved together.
    for size in np.unique(sizes):
        same = np.flatnonzero(sizes == size)
        own = order[starts[same][:, None] + np.arange(size)]
        design = rows.design[own]
        # What the cluster's own rows add to the fit (Cook's formula for more than one row).
        leverage = np.eye(size) - design @ inverse @ design.transpose(0, 2, 1)
        solvable = np.linalg.det(leverage) > _SINGULAR
        pulled = np.linalg.solve(leverage[solvable], residuals[own][solvable][..., None])
        moved = inverse @ design[solvable].transpose(0, 2, 1) @ pulled
        slopes[same[solvable]] = coefficients[1] - moved[:, 1, 0]
    return coefficients, slopes


@dataclass(frozen=True)
class _Line:
    """The intercept of a fitted model, and the slope of its feature with interval and p-value."""

    intercept: float
    slope: float
    low: float
    high: float
    p: float

    @classmethod
    def of_fit(cls, result: Any, level: float) -> "_Line":
        """The line that statsmodels fitted; ``nan`` where it did not converge."""
        if not getattr(result, "converged", True):
            return cls(*[float("nan")] * 5)
        ends = np.asarray(result.conf_int(alpha=1 - level))[1]
        values = (*result.params[:2], *ends, result.pvalues[1])
        return cls(*(float(value) for value in values))


@dataclass(frozen=True)
class _Rows:
    """The rows that a model is fitted to; the feature is the second column of the design."""

    design: Float[np.ndarray, "n p"]
    response: Float[np.ndarray, " n"]
    members: Int[np.ndarray, " n"]
    size: int
    levels: Int[np.ndarray, " n"]

    @classmethod
    def of(
        cls,
        feature: Float[np.ndarray, " n"],
        response: Float[np.ndarray, " n"],
        clusters: Sequence[str] | None,
        factor: Sequence[str] | None,
        both_outcomes: bool = False,
    ) -> "_Rows":
        kept = np.isfinite(feature) & np.isfinite(response)
        every = [""] * len(kept) if factor is None else factor
        levels, count = membership(every)
        if both_outcomes and factor is not None:
            ones = np.bincount(levels[kept], response[kept], count)
            kept &= ((ones > 0) & (ones < np.bincount(levels[kept], minlength=count)))[levels]
        names = every if clusters is None else clusters
        members, size = membership([n for n, keep in zip(names, kept, strict=True) if keep])
        # Levels are numbered anew, since some may have lost all of their rows.
        _, levels = np.unique(levels[kept], return_inverse=True)
        # The first level has no dummy, since all dummies add up to the constant column.
        dummies = np.eye(count)[levels][:, 1 : levels.max(initial=0) + 1]
        design = np.column_stack([np.ones(len(levels)), feature[kept], dummies])
        return cls(design, response[kept], members, size, levels)

    @property
    def by_cluster(self) -> dict[str, Any]:
        """The arguments that make statsmodels compute standard errors by cluster."""
        kwds = {"groups": self.members, "df_correction": True}
        return {"cov_type": "cluster", "cov_kwds": kwds}

    @property
    def flaw(self) -> str:
        """Why no line can be fitted; empty where one can be, here and below."""
        rows, parameters = self.design.shape
        if rows <= parameters:
            return f"{rows} rows for {parameters} parameters"
        line, _, rank, _ = np.linalg.lstsq(self.design, self.response)
        if rank < parameters:
            return "the feature does not vary within levels"
        # Residuals of rounding alone would make a standard error near 0 and any slope significant.
        if np.allclose(self.design @ line, self.response, rtol=0, atol=1e-12):
            return "all rows lie on one line"
        return ""

    @property
    def alone(self) -> str:
        """Why standard errors by cluster cannot be computed."""
        parameters = self.design.shape[1]
        few = f"{self.size} clusters for {parameters} parameters"
        return few if self.size <= parameters else ""

    @property
    def equal(self) -> str:
        """Why the outcomes allow no regression: all are equal."""
        return "all outcomes are equal" if len(np.unique(self.response)) < 2 else ""  # noqa: PLR2004

    @property
    def separated(self) -> str:
        """Why no slope is steep enough: the feature separates the outcomes."""
        levels = [self.levels == level for level in np.unique(self.levels)]
        feature, hits = self.design[:, 1], self.response == 1
        # The outcomes may be separated by a rising feature or by a falling one.
        for first, second in ((hits, ~hits), (~hits, hits)):
            if all(
                feature[first & rows_of_level].min() >= feature[second & rows_of_level].max()
                for rows_of_level in levels
            ):
                return "the feature separates the outcomes"
        return ""


def _slope(rows: _Rows, fit: Callable[[], _Line], level: float, how: str, reason: str) -> Slope:
    nan, cases = float("nan"), len(rows.response)
    line = _Line(nan, nan, nan, nan, nan)
    if not reason:
        # A fit that fails shows in numbers that are not finite, so NumPy need not warn as well.
        with np.errstate(all="ignore"):
            line = fit()
        reason = "" if np.isfinite([line.slope, line.low, line.high]).all() else "did not converge"
    how = f"{how}: {reason}" if reason else how
    estimate = Estimate(line.slope, line.low, line.high, level, cases, how)
    return Slope(estimate, line.p, nan if rows.levels.any() else line.intercept)
