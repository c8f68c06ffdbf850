"""Regressions: by how much does a measurement change with a feature?

===================== ==========================================================================
``linear``            least squares, intervals by Student's t that take all rows for independent
                      and equally spread: what Saporta et al. 2022 publish
``linear_by_cluster`` the same line, with errors that allow rows of one patient to resemble each
                      other (Liang & Zeger 1986; t with one degree of freedom less than patients)
``mixed``             a line, and for each patient a level of its own that is drawn from a normal
                      distribution (REML): the sounder model of many rows per patient
``logistic``          for an outcome that is 0 or 1, such as hit or miss: the slope is a log odds
                      ratio, with errors by patient
===================== ==========================================================================

``factor`` gives every one of its levels an own intercept, so that the slope is one *within* levels:
with the finding as a factor, confidence explains nothing by findings that are easy.

Rows with a ``nan`` are left out.  Undefined (``nan``, the reason in ``Estimate.method``) where the
rows cannot tell: fewer rows than parameters, a feature that does not vary (within levels), an
outcome that a threshold separates, a fit that does not converge.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from statsmodels.discrete.discrete_model import Logit
from statsmodels.regression.linear_model import OLS
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.tools.sm_exceptions import ConvergenceWarning, PerfectSeparationWarning

from heatproof.stats.bootstrap import membership
from heatproof.types import Estimate


@dataclass(frozen=True)
class Slope:
    """One slope.

    Attributes:
        estimate: Change of the response for one unit of the feature; ``cases`` are rows.
        p: Of the hypothesis that it is 0, uncorrected.
        intercept: Response where the feature is 0; nan where a factor has several.
    """

    estimate: Estimate
    p: float
    intercept: float


def min_max(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """From 0 (the least) to 1 (the largest defined value); constants stay as they are."""
    defined = values[np.isfinite(values)]
    if defined.size == 0 or defined.min() == defined.max():
        return values
    return np.asarray((values - defined.min()) / (defined.max() - defined.min()))


def z_score(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Standard deviations (of the sample) from the mean; constants stay as they are."""
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
    """Ordinary least squares."""
    rows = _Rows.of(feature, response, None, factor)
    return _slope(rows, lambda: OLS(rows.response, rows.design).fit(), level, "least squares")


def linear_by_cluster(
    feature: Float[np.ndarray, " n"],
    response: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    factor: Sequence[str] | None = None,
    level: float = 0.95,
) -> Slope:
    """Ordinary least squares with errors by cluster."""
    rows = _Rows.of(feature, response, clusters, factor)

    def fit() -> Any:
        by_cluster = {"groups": rows.members, "df_correction": True}
        return OLS(rows.response, rows.design).fit(
            cov_type="cluster", cov_kwds=by_cluster, use_t=True
        )

    what = f"least squares, errors by {rows.size} clusters"
    reason = "fewer than two clusters" if rows.size < 2 else ""  # noqa: PLR2004
    return _slope(rows, fit, level, what, reason)


def mixed(
    feature: Float[np.ndarray, " n"],
    response: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    factor: Sequence[str] | None = None,
    level: float = 0.95,
) -> Slope:
    """A level of its own for each cluster, drawn from a normal distribution."""
    rows = _Rows.of(feature, response, clusters, factor)
    alone = rows.size == len(rows.response)
    reason = "no cluster has two rows" if alone else ""
    if rows.size < 2:  # noqa: PLR2004
        reason = "fewer than two clusters"
    what = f"mixed model, {rows.size} clusters"
    return _slope(
        rows, lambda: MixedLM(rows.response, rows.design, rows.members).fit(), level, what, reason
    )


def logistic(
    feature: Float[np.ndarray, " n"],
    outcome: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    factor: Sequence[str] | None = None,
    level: float = 0.95,
) -> Slope:
    """Log odds ratio of an outcome that is 0 or 1.

    Levels of the factor in which all outcomes are equal say nothing about the slope and are left
    out.
    """
    rows = _Rows.of(feature, outcome, clusters, factor, both_outcomes=True)

    def fit() -> Any:
        by_cluster = {"groups": rows.members, "df_correction": True}
        return Logit(rows.response, rows.design).fit(
            disp=False, cov_type="cluster", cov_kwds=by_cluster
        )

    what = f"logistic, errors by {rows.size} clusters"
    reason = "all outcomes are equal" if len(np.unique(rows.response)) < 2 else ""  # noqa: PLR2004
    if rows.size < 2:  # noqa: PLR2004
        reason = "fewer than two clusters"
    return _slope(rows, fit, level, what, reason or _separated(rows))


@dataclass(frozen=True)
class _Rows:
    """What a model is fitted to: the feature is the second column of the design."""

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
        _, levels = np.unique(levels[kept], return_inverse=True)
        own = np.eye(count)[levels][:, 1 : levels.max(initial=0) + 1]
        design = np.column_stack([np.ones(len(levels)), feature[kept], own])
        return cls(design, response[kept], members, size, levels)

    @property
    def flaw(self) -> str:
        """Why no slope can be had; empty where one can."""
        rows, parameters = self.design.shape
        if rows <= parameters:
            return f"{rows} rows for {parameters} parameters"
        if np.linalg.matrix_rank(self.design) < parameters:
            return "the feature does not vary within levels"
        return ""


def _slope(rows: _Rows, fit: Callable[[], Any], level: float, what: str, reason: str = "") -> Slope:
    nan, cases = float("nan"), len(rows.response)
    reason = rows.flaw or reason
    if not reason:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PerfectSeparationWarning)
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is asked below
            try:
                found = fit()
            except (PerfectSeparationWarning, np.linalg.LinAlgError) as error:
                reason = f"not fitted: {error}"
            else:
                converged = getattr(found, "converged", True)
                reason = "" if converged and np.isfinite(found.bse[1]) else "did not converge"
    if reason:
        return Slope(Estimate(nan, nan, nan, level, cases, f"{what}: {reason}"), nan, nan)
    low, high = np.asarray(found.conf_int(alpha=1 - level))[1]
    intercept = nan if rows.levels.any() else float(found.params[0])
    value = Estimate(float(found.params[1]), float(low), float(high), level, cases, what)
    return Slope(value, float(found.pvalues[1]), intercept)


def _separated(rows: _Rows) -> str:
    """Whether the feature alone tells the outcomes apart, so that no slope is steep enough."""
    if len(rows.response) == 0 or rows.flaw:
        return ""
    hits = rows.response == 1
    feature = rows.design[:, 1]
    for first, second in ((hits, ~hits), (~hits, hits)):
        if all(
            feature[first & (rows.levels == one)].min()
            >= feature[second & (rows.levels == one)].max()
            for one in np.unique(rows.levels)
        ):
            return "the feature separates the outcomes"
    return ""
