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

from heatproof.trust.evidence import DIFFERENT, MAP, PRIOR, RANDOM, SAME, Asks
from heatproof.trust.rules.heatproof import Heatproof

FILM, MODEL, NOISE = 0.14, 0.02, 0.06
"""Standard deviations of similarities: between films, between models, of one film by one model."""
SCORE, ALIKE = 0.2, 0.5
"""Standard deviation of AUPRC between films, and its correlation between map and prior."""
PARTNERS = 2  # different films that each film is compared with


@dataclass(frozen=True)
class Design:
    """One experiment.

    Attributes:
        criterion: One of the four.
        patients: One in four has two films.
        models: Trained models; for randomization, random draws of one.
        effect: In margins.
        chance: Of the prior, or of different films.
        random_models: Whether the truth is that of all models (True), or of those drawn (False).
    """

    criterion: str
    patients: int
    models: int
    effect: float
    chance: float
    random_models: bool


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
    margin = rule.margin * (1 - design.chance)
    return bar - design.effect * margin if asks is Asks.IS_LOST else bar + design.effect * margin


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
    shifts = rng.normal(0, MODEL, (experiments, design.models))
    return shifts if design.random_models else shifts - shifts.mean(axis=1, keepdims=True)


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
    yield _frame(values, films, MAP, "auprc", [(i, i) for i in range(m)], np.arange(n))
    yield _frame(prior[..., None], films, PRIOR, "auprc", [(0, 0)], np.arange(n))


def _quantile(u: np.ndarray, mean: float) -> np.ndarray:
    from scipy.stats import beta

    deviation = min(SCORE, 0.7 * np.sqrt(mean * (1 - mean)))
    size = mean * (1 - mean) / deviation**2 - 1
    grid = np.linspace(0, 1, 4097)
    return np.interp(u, grid, beta.ppf(grid, mean * size, (1 - mean) * size))


def _partners(films: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n = len(films)
    pairs = [(i, (i + 2 + 3 * k) % n) for k in range(PARTNERS) for i in range(n)]
    pairs = [(a, b) for a, b in pairs if films[a] != films[b]]
    return np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])


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
    if not design.random_models:  # centred over pairs, so that the truth is that of these models
        moved = shift[:, a] + shift[:, b]
        moved -= moved.mean(axis=1, keepdims=True)
    else:
        moved = shift[:, a] + shift[:, b]
    goal = target(design, Heatproof())
    same = _beta(rng, goal, FILM, (e, n))
    values = same[..., None] + moved[:, None, :] + rng.normal(0, NOISE, (e, n, len(pairs)))
    yield _frame(values, films, SAME, "ssim", pairs, np.arange(n))
    first, second = _partners(films)
    typical = (same - goal) / 4  # a film whose maps agree is more like others too
    different = (
        _beta(rng, design.chance, FILM / 2, (e, len(first)))
        + typical[:, first]
        + typical[:, second]
    )
    values = different[..., None] + rng.normal(0, NOISE, (e, len(first), len(pairs)))
    yield _frame(values, films, DIFFERENT, "ssim", pairs, first, second)


def _randomization(
    design: Design, films: np.ndarray, e: int, rng: np.random.Generator
) -> Iterator[pl.DataFrame]:
    n, m = len(films), design.models
    same = _beta(rng, target(design, Heatproof()), FILM, (e, n))
    values = same[..., None] + _shifts(design, rng, e)[:, None, :] + rng.normal(0, NOISE, (e, n, m))
    yield _frame(
        values, films, SAME, "ssim", [(0, 1 + i) for i in range(m)], np.arange(n), draws=range(m)
    )
    first, second = _partners(films)
    typical = rng.normal(0, FILM / 2, (e, n))
    pairs = (
        _beta(rng, design.chance, FILM, (e, len(first))) + typical[:, first] + typical[:, second]
    )
    yield _frame(pairs[..., None], films, RANDOM, "ssim", [(0, 0)], first, second)


def _frame(
    values: np.ndarray,
    films: np.ndarray,
    population: str,
    measure: str,
    pairs: list[tuple[int, int]],
    first: np.ndarray,
    second: np.ndarray | None = None,
    draws=None,
) -> pl.DataFrame:
    e, n, m = values.shape
    second = first if second is None else second
    grid = np.indices((e, n, m)).reshape(3, -1)
    a, b = np.array(pairs).T
    names = {
        "method": grid[0], "image_id": first[grid[1]], "image_id_b": second[grid[1]],
        "cluster": films[first][grid[1]], "cluster_b": films[second][grid[1]],
        "model_a": a[grid[2]], "model_b": b[grid[2]],
    }  # fmt: skip
    return pl.DataFrame(
        {name: pl.Series(column).cast(pl.String) for name, column in names.items()}
        | {
            "draw": pl.Series(
                np.asarray(draws)[grid[2]] if draws is not None else np.full(e * n * m, -1)
            ).cast(pl.Int32),
            "value": values.ravel(),
        }
    ).with_columns(population=pl.lit(population), similarity=pl.lit(measure))
