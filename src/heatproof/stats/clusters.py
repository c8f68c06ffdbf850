"""Clusters: what is independent, such as patients, and which of them each image belongs to."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Int


def membership(clusters: Sequence[str]) -> tuple[Int[np.ndarray, " n"], int]:
    """The number of each image's cluster, and how many clusters there are.

    Numbers go by first appearance, so that renaming patients changes no interval.
    """
    return _membership(tuple(clusters))


@lru_cache(maxsize=64)  # metric after metric is asked for the same patients
def _membership(clusters: tuple[str, ...]) -> tuple[Int[np.ndarray, " n"], int]:
    numbers: dict[str, int] = {}
    members = np.array(
        [numbers.setdefault(cluster, len(numbers)) for cluster in clusters], dtype=np.intp
    )
    members.setflags(write=False)
    return members, len(numbers)
