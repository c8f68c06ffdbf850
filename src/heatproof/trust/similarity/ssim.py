"""SSIM, the structural similarity.  Wang et al., IEEE TIP 2004, https://doi.org/10.1109/TIP.2003.819861.

In each window, with means u, variances s^2 and covariance s_xy of its pixels,

    S = (2 u_x u_y + C1) (2 s_xy + C2) / ((u_x^2 + u_y^2 + C1) (s_x^2 + s_y^2 + C2)),
    C1 = (0.01 L)^2,  C2 = (0.03 L)^2,  L = data_range;

SSIM is the mean over all windows that lie in the map.  A window is 7 x 7 pixels of equal weight
with the sample covariance (factor 49/48), as scikit-image's default and the published studies have
it, or ``gaussian``, 11 x 11 of standard deviation 1.5 with the plain covariance, as in the paper.

Maps scaled to [0, 1] have L = 1.  scikit-image up to 0.19 took L = 2 of any floating-point image,
and so did Arun et al. 2021 and Venkatesh et al. 2024: that raises the similarity of everything
(two maps of noise from .003 to .019).  The preset ``published`` reproduces it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, no_type_check

import numpy as np
from jaxtyping import Float
from numba import njit
from scipy.ndimage import correlate1d

from heatproof.errors import SpecError
from heatproof.trust.similarity import similarities

Window = Literal["uniform", "gaussian"]
UNIFORM = 7
GAUSSIAN, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03


@similarities.register("ssim")
@dataclass(frozen=True)
class SSIM:
    """Luminance, contrast and structure alike in every small window: between -1 and 1.

    Attributes:
        window: ``uniform`` (7 x 7) or ``gaussian`` (11 x 11).
        data_range: L, the range that values may take.
    """

    window: Window = "uniform"
    data_range: float = 1.0
    presets: ClassVar[Mapping[str, str]] = {"published": "data_range=2.0"}
    title: ClassVar[str] = "SSIM"
    undefined: ClassVar[str] = "a map is constant, or smaller than the window"
    span: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    itself: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        check_range(self.data_range)

    def __call__(
        self, one: Float[np.ndarray, "n y x"], other: Float[np.ndarray, "n y x"]
    ) -> Float[np.ndarray, " n"]:
        """The mean over windows."""
        return structure(one, other, self.window, self.data_range)[0]


def check_range(data_range: float) -> None:
    """Raises SpecError."""
    if not 0 < data_range < float("inf"):
        raise SpecError(f"data_range={data_range}; expected above 0, such as 1 for scaled maps")


def structure(
    one: Float[np.ndarray, "n y x"],
    other: Float[np.ndarray, "n y x"],
    window: Window,
    data_range: float,
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """SSIM, and its factor for contrast and structure alone; ``nan`` for maps below the window."""
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    whole, contrast = np.full(len(one), np.nan), np.full(len(one), np.nan)
    if min(one.shape[1:]) < (UNIFORM if window == "uniform" else GAUSSIAN):
        return whole, contrast
    if window == "uniform":
        # Numba compiles anew for each memory layout, so maps always come in one.
        _uniform(np.ascontiguousarray(one), np.ascontiguousarray(other), c1, c2, whole, contrast)
        return whole, contrast
    for index, (x, y) in enumerate(zip(one.astype(float), other.astype(float), strict=True)):
        ux, uy = _smooth(x), _smooth(y)
        variances = _smooth(x * x) - ux * ux + _smooth(y * y) - uy * uy
        structural = (2 * (_smooth(x * y) - ux * uy) + c2) / (variances + c2)
        luminous = (2 * ux * uy + c1) / (ux * ux + uy * uy + c1)
        whole[index], contrast[index] = (luminous * structural).mean(), structural.mean()
    return whole, contrast


def _smooth(values: Float[np.ndarray, "y x"]) -> Float[np.ndarray, "v u"]:
    """Weighted means over the Gaussian windows that lie in the map."""
    radius = GAUSSIAN // 2
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / SIGMA) ** 2)
    weights /= weights.sum()
    both = correlate1d(correlate1d(values, weights, axis=0), weights, axis=1)
    inside: np.ndarray = both[radius:-radius, radius:-radius]
    return inside


@njit(cache=True, nogil=True)
@no_type_check
def _uniform(one: Any, other: Any, c1: Any, c2: Any, whole: Any, contrast: Any) -> None:
    """Sums over columns follow the window down; rows of pixels are short enough for the cache."""
    n, height, width = one.shape
    columns, share = width - UNIFORM + 1, 1 / UNIFORM**2
    of_x, of_y, squares, products = (
        np.empty(width),
        np.empty(width),
        np.empty(width),
        np.empty(width),
    )
    in_x, in_y, in_squares, in_products = (
        np.empty(columns),
        np.empty(columns),
        np.empty(columns),
        np.empty(columns),
    )
    wholes, contrasts = np.empty(columns), np.empty(columns)
    # This is 49 / 48, which turns the plain covariance into that of a sample.
    sample = 1 / (1 - share)
    for index in range(n):
        for sums in (of_x, of_y, squares, products, wholes, contrasts):
            sums[:] = 0
        for row in range(height):
            _add(one[index, row], other[index, row], 1.0, of_x, of_y, squares, products)
            if row >= UNIFORM:
                gone = row - UNIFORM
                _add(one[index, gone], other[index, gone], -1.0, of_x, of_y, squares, products)
            if row < UNIFORM - 1:
                continue
            _across(of_x, in_x)
            _across(of_y, in_y)
            _across(squares, in_squares)
            _across(products, in_products)
            for c in range(columns):
                ux, uy = in_x[c] * share, in_y[c] * share
                means, product = ux * ux + uy * uy, ux * uy
                structural = (2 * sample * (in_products[c] * share - product) + c2) / (
                    sample * (in_squares[c] * share - means) + c2
                )
                contrasts[c] += structural
                wholes[c] += structural * (2 * product + c1) / (means + c1)
        windows = (height - UNIFORM + 1) * columns
        whole[index], contrast[index] = wholes.sum() / windows, contrasts.sum() / windows


@njit(cache=True, nogil=True)
@no_type_check
def _add(x: Any, y: Any, sign: Any, of_x: Any, of_y: Any, squares: Any, products: Any) -> None:
    """A row of pixels comes into the window, or leaves it.  SSIM needs both squares as one sum."""
    for c in range(len(x)):
        # Rows are added to these sums and taken off again, in which errors of float32 would add up.
        a, b = np.float64(x[c]), np.float64(y[c])
        of_x[c] += sign * a
        of_y[c] += sign * b
        squares[c] += sign * (a * a + b * b)
        products[c] += sign * (a * b)


@njit(cache=True, nogil=True)
@no_type_check
def _across(d: Any, sums: Any) -> None:
    """Seven neighbours each, written out: a loop over them is four times slower."""
    for c in range(len(sums)):
        sums[c] = ((d[c] + d[c + 1]) + (d[c + 2] + d[c + 3])) + ((d[c + 4] + d[c + 5]) + d[c + 6])
