"""Which maps are compared: of which two models, and of which two films.

A criterion between models varies one thing alone.  What it finds for one film across models means
little by itself, since similar films have similar maps: so it stands beside the similarity of the
maps of *different films*, of different patients, by the same two models and method.  What a
randomization test calls degraded is as similar as *random pairs* of films, of which each film is in
one pair.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import combinations

import numpy as np

from heatproof.types import Sample

SAME, DIFFERENT, RANDOM = "same film", "different films", "random pairs"


@dataclass(frozen=True)
class Origin:
    """What made a model, as far as criteria tell models apart.

    Attributes:
        name: As the experiment calls it.
        architecture: The backbone, or a whole localizer.
        head: Spec of the head.
        data: What it was trained on.
        seed: Seed of its training.
        fraction: Share of the training patients that it saw.
        prevalence: Prevalence of the finding in what it saw; None for that of the data.
        permuted: Whether it learned labels that were dealt out anew.
        settings: All settings of its training but the seed.
    """

    name: str
    architecture: str
    head: str = ""
    data: str = ""
    seed: int = 0
    fraction: float = 1.0
    prevalence: float | None = None
    permuted: bool = False
    settings: str = ""


def differing(
    models: Sequence[Origin], field: str, free: Sequence[str] = ()
) -> list[tuple[Origin, Origin]]:
    """Every two models that differ in one field, and in no other that is not free."""
    # Every model has a name of its own, which says nothing of how it came about.
    fixed = {f.name for f in fields(Origin)} - {"name", field, *free}
    return [
        (first, second)
        for first, second in combinations(models, 2)
        if getattr(first, field) != getattr(second, field)
        and all(getattr(first, name) == getattr(second, name) for name in fixed)
    ]


def different_films(films: Sequence[Sample], seed: int) -> list[tuple[Sample, Sample]]:
    """Each film with the next film of another patient, in a seeded cyclic order.

    Empty where all films are of one patient.
    """
    order = _shuffled(films, seed)
    pairs = []
    for position, film in enumerate(order):
        following = (*order[position + 1 :], *order[:position])
        other = next((other for other in following if other.cluster != film.cluster), None)
        if other is not None:
            pairs.append((film, other))
    return pairs


def random_pairs(films: Sequence[Sample], seed: int, most: int) -> list[tuple[Sample, Sample]]:
    """Seeded pairs of films of different patients; no film is in two of them."""
    left = list(_shuffled(films, seed))
    pairs: list[tuple[Sample, Sample]] = []
    while left and len(pairs) < most:
        film = left.pop(0)
        other = next((other for other in left if other.cluster != film.cluster), None)
        if other is not None:
            left.remove(other)
            pairs.append((film, other))
    return pairs


def _shuffled(films: Sequence[Sample], seed: int) -> tuple[Sample, ...]:
    # A permutation reaches every film, while the published code never drew the last.
    order = np.random.default_rng(seed).permutation(len(films))
    return tuple(films[index] for index in order)
