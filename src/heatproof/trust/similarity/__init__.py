"""Similarity of two maps: how much alike are they, pixel by pixel or in structure?

A similarity takes maps in pairs, at one size, and gives one number per pair; it is pure.  Undefined
is ``nan``, as between maps that are constant where the similarity needs a spread.

What is compared is named by two steps before it: the *frame* (every map brought over the film and
to one size, see ``heatproof.data.geometry``) and the *normalization*:

    min_max:    (M - min M) / (max M - min M), what the published similarities were taken of;
    magnitude:  the same of |M|, so that evidence for and against count alike;
    none:       M itself.

Of a constant map ``min_max`` and ``magnitude`` are undefined, and not finite.  A pair with a value
that is not finite has no similarity.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from heatproof.registry import Registry

Normalization = Literal["min_max", "magnitude", "none"]


@runtime_checkable
class Similarity(Protocol):
    """Compares maps in pairs.

    Attributes:
        title: Its name, for people.
        undefined: When it is undefined, as the end of a sentence.
        span: The least and the greatest value.
        itself: Its value for a map and itself: 1, or 0 of an error, which is less between maps
            that are more alike.
    """

    title: ClassVar[str]
    undefined: ClassVar[str]
    span: ClassVar[tuple[float, float]]
    itself: ClassVar[float]

    def __call__(
        self, one: Float[np.ndarray, "n y x"], other: Float[np.ndarray, "n y x"]
    ) -> Float[np.ndarray, " n"]:
        """One number for each of one or more pairs of finite maps; ``nan`` where undefined."""
        ...


similarities: Registry[Similarity] = Registry("similarity", __name__, "heatproof.similarities")


def compare(
    one: Float[np.ndarray, "n y x"],
    other: Float[np.ndarray, "n y x"],
    measures: Mapping[str, Similarity],
    normalization: Normalization = "min_max",
    threads: int | None = None,
) -> dict[str, Float[np.ndarray, " n"]]:
    """Every similarity of every pair, by spec; ``nan`` where undefined.

    Args:
        one: Maps, over the same frame as ``other``.
        other: The map that each is compared with.
        measures: Similarities by spec.
        normalization: See the top of this module.
        threads: Pairs are compared side by side; as many as there are cores unless told.
    """
    threads = max(1, min(threads or os.cpu_count() or 1, len(one)))
    parts = [slice(*ends) for ends in pairwise(np.linspace(0, len(one), threads + 1).astype(int))]
    # SSIM is compiled to run without the GIL, so threads work side by side on shared maps.
    with ThreadPoolExecutor(threads) as pool:
        results = list(
            pool.map(lambda part: _compared(one[part], other[part], measures, normalization), parts)
        )
    return {spec: np.concatenate([result[spec] for result in results]) for spec in measures}


def _compared(
    one: Float[np.ndarray, "n y x"],
    other: Float[np.ndarray, "n y x"],
    measures: Mapping[str, Similarity],
    normalization: Normalization,
) -> dict[str, Float[np.ndarray, " n"]]:
    one, other = normalized(one, normalization), normalized(other, normalization)
    finite = np.isfinite(one).all((1, 2)) & np.isfinite(other).all((1, 2))
    # Similarities are promised one or more pairs of finite maps, so that none has to check.
    if not finite.all():
        one, other = one[finite], other[finite]
    values = {spec: np.full(len(finite), np.nan) for spec in measures}
    for spec, measure in measures.items() if len(one) else ():
        values[spec][finite] = measure(one, other)
    return values


def normalized(
    maps: Float[np.ndarray, "n y x"], normalization: Normalization
) -> Float[np.ndarray, "n y x"]:
    """Each map by its own minimum and maximum; not finite where that is undefined."""
    if normalization == "none":
        return maps
    values = np.abs(maps) if normalization == "magnitude" else maps
    low = values.min(axis=(1, 2), keepdims=True)
    high = values.max(axis=(1, 2), keepdims=True)
    # A constant map becomes 0 / 0 here, by which it is found to have no similarity.
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled: np.ndarray = (values - low) / (high - low)
    return scaled
