"""Odds of a decision, with a level of its own for every reader and every case.

    logit P(y = 1) = X b + u[reader] + v[case],    u ~ N(0, s_r^2),  v ~ N(0, s_c^2),

readers and cases crossed, whoever decided what.  Fitted by maximum likelihood with the integral
over u and v by Laplace's method, as ``glmer`` of lme4 does (Bates et al., J Stat Softw 2015,
doi:10.18637/jss.v067.i01); statsmodels has crossed random effects of binary outcomes only as a
variational approximation, whose errors are too small.  Odds ratios are those of one reader and one
case, and so farther from 1 than ratios of the rates of all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.special import expit

from heatproof.errors import DataError
from heatproof.stats.mrmc.inference import Inference

_STEPS, _CLOSE = 100, 1e-10
_APART = 15.0  # a log odds (ratio) beyond this is that of a design that separates the outcomes


@dataclass(frozen=True)
class MixedLogistic:
    """The fitted model.

    Attributes:
        coefficients: Log odds (ratios), by the name of each column; exponentiate for odds ratios.
        reader_sd: Standard deviation between readers, in log odds.
        case_sd: Between cases.
        log_likelihood: By Laplace's method.
    """

    coefficients: dict[str, Inference]
    reader_sd: float
    case_sd: float
    log_likelihood: float


def mixed_logistic(
    outcome: Bool[np.ndarray, " k"],
    design: Float[np.ndarray, "k p"],
    names: Sequence[str],
    reader: Int[np.ndarray, " k"],
    case: Int[np.ndarray, " k"],
    level: float = 0.95,
) -> MixedLogistic:
    """Fit the model.

    Args:
        outcome: One decision a row.
        design: A matrix of full rank, with a column of ones for the intercept.
        names: Of its columns.
        reader: The number of each row's reader, from 0.
        case: The number of each row's case, from 0.
        level: Coverage of the intervals.

    Raises:
        DataError: The design has no full rank, or a column of it decides the outcome.
    """
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise DataError("columns of the design say the same; expected that they are independent")
    laplace = _Laplace(outcome.astype(float), design, reader, case)
    columns = design.shape[1]
    start = np.concatenate([np.zeros(columns), [0.5, 0.5]])
    bounds = [(None, None)] * columns + [(0.0, None)] * 2
    found = minimize(laplace.deviance, start, bounds=bounds, method="L-BFGS-B")
    if np.abs(found.x[:columns]).max() > _APART:
        raise DataError(
            "a column of the design (nearly) decides the outcome, so that its odds ratio is"
            " infinite; are there decisions of both kinds in every group?"
        )
    # Errors allow for what is not known of the standard deviations, but for one that is 0.
    free = np.array([*[True] * columns, *(found.x[columns:] > 1e-3)])  # noqa: PLR2004
    covariance = np.linalg.inv(_curvature(laplace.deviance, found.x, free) / 2)
    errors = np.sqrt(np.maximum(np.diag(covariance)[:columns], 0))
    return MixedLogistic(
        {
            name: Inference(float(found.x[i]), float(errors[i]), inf, level)
            for i, name in enumerate(names)
        },
        float(found.x[columns]),
        float(found.x[columns + 1]),
        float(-found.fun / 2),
    )


class _Laplace:
    """Minus twice the log likelihood, and the levels at which its integrand is highest."""

    def __init__(
        self, outcome: np.ndarray, design: np.ndarray, reader: np.ndarray, case: np.ndarray
    ) -> None:
        self.outcome, self.design = outcome, design
        self.readers = int(reader.max()) + 1
        self.reader, self.case = reader, self.readers + case
        self.levels = np.zeros(self.readers + int(case.max()) + 1)  # kept, as a start

    def deviance(self, parameters: np.ndarray) -> float:
        fixed, scale = self.design @ parameters[:-2], np.full(len(self.levels), parameters[-1])
        scale[: self.readers] = parameters[-2]
        levels, joint = self.levels, inf
        for _ in range(_STEPS):
            gradient, curvature, value = self._at(fixed, scale, levels)
            step = cho_solve(cho_factor(curvature), gradient)
            if (value - joint) > -_CLOSE and float(np.abs(step).max()) < _CLOSE**0.5:
                break
            joint, levels = value, levels - step
        self.levels = levels
        _, curvature, value = self._at(fixed, scale, levels)
        return float(value + np.linalg.slogdet(curvature)[1])

    def _at(
        self, fixed: np.ndarray, scale: np.ndarray, levels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Gradient and curvature of half the penalized deviance by the levels, and the whole."""
        effect = scale * levels
        linear = fixed + effect[self.reader] + effect[self.case]
        p = expit(linear)
        residual, weight = p - self.outcome, p * (1 - p)
        gradient, curvature = levels.copy(), np.eye(len(levels))
        for own in (self.reader, self.case):
            gradient += scale * np.bincount(own, residual, len(levels))
            curvature[np.diag_indices(len(levels))] += scale**2 * np.bincount(
                own, weight, len(levels)
            )
        crossed = np.zeros_like(curvature)
        np.add.at(crossed, (self.reader, self.case), weight)
        crossed *= np.outer(scale, scale)
        # log(1 + exp(x)) - y x, the deviance of a decision, without overflow
        deviance = 2 * (np.logaddexp(0, linear) - self.outcome * linear).sum()
        return gradient, curvature + crossed + crossed.T, float(deviance + levels @ levels)


def _curvature(function, at: np.ndarray, free: np.ndarray) -> Float[np.ndarray, "f f"]:  # type: ignore[no-untyped-def]
    """Second derivatives by the parameters that are free, from central differences."""
    places = np.flatnonzero(free)
    steps = 1e-3 * np.maximum(np.abs(at), 0.1)
    curvature = np.zeros((len(places), len(places)))
    for i, a in enumerate(places):
        for j, b in enumerate(places[: i + 1]):
            total = 0.0
            for s, u in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                moved = at.copy()
                moved[a] += s * steps[a]
                moved[b] += u * steps[b]
                total += s * u * function(moved)
            curvature[i, j] = curvature[j, i] = total / (4 * steps[a] * steps[b])
    return curvature
