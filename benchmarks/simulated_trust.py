"""Tables of evidence with a truth that is known: many experiments at once, each a "method".

A film's values are drawn with the skewness that bounded scores have (beta variables), models shift
all films a little, and each pair of film and model varies on its own.  ``effect`` is how far the
truth lies from the threshold, in margins of the rule: 0 is the boundary of the null hypothesis.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import polars as pl
from scipy.stats import beta

from heatproof.trust.evidence import MAP, PRIOR, Asks
from heatproof.trust.pairs import DIFFERENT, RANDOM, SAME
from heatproof.trust.rules.heatproof import Heatproof

FILM, NOISE = 0.14, 0.06
"""Standard deviations of similarities: between films, and of one film between models."""
SCORE, ALIKE = 0.2, 0.5
"""Standard deviation of AUPRC between films, and its correlation between map and prior.

Of a Grad-CAM on 50 films of RSNA the difference of the two has a standard deviation of .18 to .28
and a skewness of -.2 to .6; here .2, and that of beta variables.
"""


@dataclass(frozen=True)
class Design:
    """One experiment.

    Attributes:
        criterion: One of the four.
        patients: One in four has two films.
        models: Trained models; for randomization, random draws of one.
        effect: In margins.
        chance: Of the prior, or of different films.
        spread: Standard deviation between models.
        of_all: Whether the truth is that of all models, or of those that were drawn.
    """

    criterion: str
    patients: int
    models: int
    effect: float
    chance: float
    spread: float
    of_all: bool


def tables(design: Design, experiments: int, seed: int) -> pl.DataFrame:
    """So many experiments, in one table."""
    rng = np.random.default_rng(seed)
    films = _films(design.patients)
    made = {"localization": _localization, "randomization": _randomization}.get(
        design.criterion, _retraining
    )
    parts = list(made(design, films, experiments, rng))
    return pl.concat(parts).with_columns(
        criterion=pl.lit(design.criterion),
        finding=pl.lit("Lung Opacity"),
        step=pl.lit(""),
        validity_a=pl.lit("ok"),
        validity_b=pl.lit("ok"),
    )


def target(design: Design, rule: Heatproof) -> float:
    """The mean that the truth has: at the threshold, or beyond it by ``effect`` margins."""
    asks = {"localization": Asks.FINDS, "randomization": Asks.IS_LOST}.get(
        design.criterion, Asks.IS_KEPT
    )
    bar = float(rule.threshold(asks, np.array([design.chance]))[0])
    if asks is Asks.IS_LOST:
        return bar - design.effect * (bar - design.chance)
    return bar + design.effect * rule.margin * (1 - design.chance)


def _films(patients: int) -> np.ndarray:
    """The patient of each film."""
    numbers = np.arange(patients)
    return np.sort(np.concatenate([numbers, numbers[::4]]))


def _beta(
    rng: np.random.Generator, mean: float, deviation: float, shape: tuple[int, ...]
) -> np.ndarray:
    deviation = min(deviation, 0.7 * np.sqrt(mean * (1 - mean)))
    size = mean * (1 - mean) / deviation**2 - 1
    return rng.beta(mean * size, (1 - mean) * size, shape)


def _shifts(design: Design, rng: np.random.Generator, experiments: int) -> np.ndarray:
    shifts = rng.normal(0, design.spread, (experiments, design.models))
    return shifts if design.of_all else shifts - shifts.mean(axis=1, keepdims=True)


def _localization(
    design: Design, films: np.ndarray, e: int, rng: np.random.Generator
) -> Iterator[pl.DataFrame]:
    n, m = len(films), design.models
    # A shared part makes map and prior alike on the same film; mixtures of betas stay skewed.
    shared = rng.random((e, n, 1)) < ALIKE
    common = rng.random((e, n))
    goal = target(design, Heatproof())
    own = _quantile(np.where(shared[..., 0], common, rng.random((e, n))), goal)
    prior = _quantile(common, design.chance)
    values = own[:, :, None] + _shifts(design, rng, e)[:, None, :] + rng.normal(0, NOISE, (e, n, m))
    yield _frame(values, films, (MAP, "auprc"), [(i, i) for i in range(m)], np.arange(n))
    yield _frame(prior[..., None], films, (PRIOR, "auprc"), [(0, 0)], np.arange(n))


def _quantile(u: np.ndarray, mean: float) -> np.ndarray:
    deviation = min(SCORE, 0.7 * np.sqrt(mean * (1 - mean)))
    size = mean * (1 - mean) / deviation**2 - 1
    grid = np.linspace(0, 1, 4097)
    return np.interp(u, grid, beta.ppf(grid, mean * size, (1 - mean) * size))


def _partners(films: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each film with one of another patient."""
    first = np.arange(len(films))
    second = (first + 2) % len(films)
    assert (films[first] != films[second]).all()
    return first, second


def _disjoint(films: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of films of different patients, each film in one at most, 50 at most."""
    half = len(films) // 2
    first, second = np.arange(half), np.arange(half, 2 * half)
    assert (films[first] != films[second]).all()
    return first[:50], second[:50]


def _retraining(
    design: Design, films: np.ndarray, e: int, rng: np.random.Generator
) -> Iterator[pl.DataFrame]:
    n, m = len(films), design.models
    if design.criterion == "repeatability":
        pairs = list(combinations(range(m), 2))
    else:  # two architectures
        pairs = list(product(range(m // 2), range(m // 2, m)))
    a, b = np.array(pairs).T
    shift = _shifts(design, rng, e)
    moved = shift[:, a] + shift[:, b]
    if not design.of_all:
        moved -= moved.mean(axis=1, keepdims=True)
    goal = target(design, Heatproof())
    same = _beta(rng, goal, FILM, (e, n))
    values = same[..., None] + moved[:, None, :] + rng.normal(0, NOISE, (e, n, len(pairs)))
    yield _frame(values, films, (SAME, "ssim"), pairs, np.arange(n))
    first, second = _partners(films)
    typical = (same - goal) / 4  # a film whose maps agree is more like others too
    different = (
        _beta(rng, design.chance, FILM / 2, (e, len(first)))
        + typical[:, first]
        + typical[:, second]
    )
    values = different[..., None] + rng.normal(0, NOISE, (e, len(first), len(pairs)))
    yield _frame(values, films, (DIFFERENT, "ssim"), pairs, first, second)


def _randomization(
    design: Design, films: np.ndarray, e: int, rng: np.random.Generator
) -> Iterator[pl.DataFrame]:
    n, m = len(films), design.models
    same = _beta(rng, target(design, Heatproof()), FILM, (e, n))
    values = same[..., None] + _shifts(design, rng, e)[:, None, :] + rng.normal(0, NOISE, (e, n, m))
    yield _frame(values, films, (SAME, "ssim"), [(0, 1 + i) for i in range(m)], np.arange(n))
    first, second = _disjoint(films)
    typical = rng.normal(0, FILM / 2, (e, n))
    pairs = (
        _beta(rng, design.chance, FILM, (e, len(first))) + typical[:, first] + typical[:, second]
    )
    yield _frame(pairs[..., None], films, (RANDOM, "ssim"), [(0, 0)], first, second)


def _frame(
    values: np.ndarray,
    films: np.ndarray,
    what: tuple[str, str],
    pairs: list[tuple[int, int]],
    first: np.ndarray,
    second: np.ndarray | None = None,
) -> pl.DataFrame:
    second = first if second is None else second
    experiment, film, pair = np.indices(values.shape).reshape(3, -1)
    a, b = np.array(pairs).T
    columns = {
        "method": experiment,
        "image_id": first[film],
        "image_id_b": second[film],
        "cluster": films[first][film],
        "cluster_b": films[second][film],
        "model_a": a[pair],
        "model_b": b[pair],
    }
    frame = pl.DataFrame({name: pl.Series(column) for name, column in columns.items()})
    population, measure = what
    return frame.cast(pl.String).with_columns(
        draw=pl.Series(b[pair]).cast(pl.Int32),
        value=values.ravel(),
        population=pl.lit(population),
        similarity=pl.lit(measure),
    )
