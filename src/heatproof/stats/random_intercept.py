"""A line with a level of its own for every patient: the linear mixed model with a random intercept.

    y = X b + u[patient] + e,    u ~ N(0, r s^2),  e ~ N(0, s^2)

fitted by restricted maximum likelihood (Laird & Ware 1982).  With one random effect everything but
r has a closed form, and what is left is a search in one dimension, r = 0 (patients do not differ)
included.  That end is the usual one where patients have few images; a general optimizer takes a
second for it and warns of singular matrices.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize_scalar

_HIGHEST = 1 - 1e-6  # r / (1 + r): patients a thousand times as far apart as their images


@dataclass(frozen=True)
class RandomIntercept:
    """The fitted model.

    Attributes:
        coefficients: One per column of the design.
        errors: Standard errors of the coefficients, given r.
        ratio: r, the variance between patients by that within.
    """

    coefficients: Float[np.ndarray, " p"]
    errors: Float[np.ndarray, " p"]
    ratio: float


def random_intercept(
    design: Float[np.ndarray, "n p"],
    response: Float[np.ndarray, " n"],
    members: Int[np.ndarray, " n"],
) -> RandomIntercept:
    """Fit a line with an intercept of its own for each patient.

    Args:
        design: A matrix of full rank, with fewer columns than rows.
        response: One number per row.
        members: The number of each row's patient, from 0.
    """
    rows, parameters = design.shape
    sizes = np.bincount(members)
    sums = np.zeros((len(sizes), parameters))
    # `np.add.at` adds every row of a patient, where `sums[members] += design` would add only one.
    np.add.at(sums, members, design)
    total = np.bincount(members, response)

    # The share r / (1 + r) is searched instead of the ratio r, since it is bounded.
    def fitted(share: float) -> tuple[float, np.ndarray, np.ndarray]:
        """Twice the negative likelihood, coefficients, and their covariance."""
        ratio = share / (1 - share)
        pull = ratio / (1 + ratio * sizes)  # the inverse of I + r 1 1' is I - pull 1 1'
        information = design.T @ design - (sums * pull[:, None]).T @ sums
        moments = design.T @ response - sums.T @ (pull * total)
        coefficients = np.linalg.solve(information, moments)
        residual = response - design @ coefficients
        apart = np.bincount(members, residual)
        variance = float(residual @ residual - pull @ apart**2) / (rows - parameters)
        # Restricted likelihood counts rows less coefficients, since plain likelihood makes
        # variances too small.
        unlikely = (rows - parameters) * np.log(variance) + np.log1p(ratio * sizes).sum()
        return (
            float(unlikely + np.linalg.slogdet(information)[1]),
            coefficients,
            variance * np.linalg.inv(information),
        )

    optimum = minimize_scalar(
        lambda share: fitted(share)[0], bounds=(0, _HIGHEST), method="bounded"
    )
    # The bounded search never tries the ends of its interval, and 0 is the usual optimum.
    share = 0.0 if fitted(0.0)[0] <= optimum.fun else float(optimum.x)
    _, coefficients, covariance = fitted(share)
    return RandomIntercept(coefficients, np.sqrt(np.diag(covariance)), share / (1 - share))
