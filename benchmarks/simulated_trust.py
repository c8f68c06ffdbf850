"""Tables of evidence with a truth that is known: many experiments at once, each a "method".

A film's values are drawn with the skewness that bounded scores have (beta variables); the films of
a patient are alike; trained models, architectures and draws of random weights shift all films, and
each value varies on its own.  A draw has the same weights in every model, and every model sees the
same films: the factors are crossed.  The truth is that of all models (architectures, draws) where an
experiment has at least two (three), and that of the one at hand otherwise.  ``effect`` is how far it
lies from the threshold, in margins of the rule: 0 is the boundary of the null hypothesis.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import polars as pl
from scipy.special import ndtr
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
OF_PATIENT = 0.5
"""Share of the variance between films that the films of a patient have in common."""


@dataclass(frozen=True)
class Design:
    """One experiment.

    Attributes:
        criterion: One of the four.
        patients: Number of patients.
        films: Films of each patient.
        trainings: Trained models of each architecture.
        draws: Draws of random weights; 1 but for randomization.
        architectures: Number of architectures.
        effect: In margins.
        chance: Of the prior, or of different films.
        of_models: Standard deviation between models of one architecture.
        of_draws: Standard deviation between draws.
        of_architectures: Standard deviation between architectures.
    """

    criterion: str
    patients: int = 40
    films: int = 1
    trainings: int = 1
    draws: int = 1
    architectures: int = 1
    effect: float = 0.0
    chance: float = 0.3
    of_models: float = 0.03
    of_draws: float = 0.03
    of_architectures: float = 0.03

    @property
    def models(self) -> int:
        """Trained models in all."""
        return self.trainings * self.architectures


def tables(design: Design, experiments: int, seed: int) -> pl.DataFrame:
    """So many experiments, in one table."""
    rng = np.random.default_rng(seed)
    made = {"localization": _localization, "randomization": _randomization}.get(
        design.criterion, _retraining
    )
    parts = list(made(design, experiments, rng))
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


def _uniform(design: Design, e: int, rng: np.random.Generator) -> np.ndarray:
    """One number of [0, 1] per film, alike for the films of a patient: a Gaussian copula."""
    patient = rng.normal(size=(e, design.patients, 1))
    film = rng.normal(size=(e, design.patients, design.films))
    share = OF_PATIENT if design.films > 1 else 0.0
    both = np.sqrt(share) * patient + np.sqrt(1 - share) * film
    return np.asarray(ndtr(both)).reshape(e, -1)


def _quantile(u: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    deviation = min(deviation, 0.7 * np.sqrt(mean * (1 - mean)))
    size = mean * (1 - mean) / deviation**2 - 1
    grid = np.linspace(0, 1, 4097)
    return np.interp(u, grid, beta.ppf(grid, mean * size, (1 - mean) * size))


def _shifts(design: Design, e: int, rng: np.random.Generator) -> np.ndarray:
    """The shift of each model, with that of its architecture; none of what there is one of."""
    own = rng.normal(0, design.of_models, (e, design.architectures, design.trainings))
    shared = rng.normal(0, design.of_architectures, (e, design.architectures, 1))
    if design.models == 1:
        return np.zeros((e, 1))
    if design.architectures < 3:  # the verdict is about these
        shared -= shared.mean(axis=1, keepdims=True)
    if design.architectures > 1 and design.trainings == 1 and design.architectures < 3:
        own -= own.mean(axis=1, keepdims=True)
    return (own + shared).reshape(e, -1)


def _localization(design: Design, e: int, rng: np.random.Generator) -> Iterator[pl.DataFrame]:
    m = design.models
    common = _uniform(design, e, rng)
    # A shared part makes map and prior alike on the same film; mixtures of betas stay skewed.
    shared = rng.random(common.shape) < ALIKE
    goal = target(design, Heatproof())
    own = _quantile(np.where(shared, common, _uniform(design, e, rng)), goal, SCORE)
    prior = _quantile(common, design.chance, SCORE)
    noise = rng.normal(0, NOISE, (*own.shape, m))
    values = own[:, :, None] + _shifts(design, e, rng)[:, None, :] + noise
    films = np.arange(own.shape[1])
    yield _frame(design, values, (MAP, "auprc"), [(i, i, -1) for i in range(m)], films)
    yield _frame(design, prior[..., None], (PRIOR, "auprc"), [(0, 0, -1)], films)


def _partners(design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Each film with one of another patient."""
    first = np.arange(design.patients * design.films)
    return first, (first + design.films) % len(first)


def _disjoint(design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of films of different patients, each film in one at most, 50 at most."""
    half = design.patients // 2 * design.films
    first = np.arange(half)
    return first[:50], (first + half)[:50]


def _retraining(design: Design, e: int, rng: np.random.Generator) -> Iterator[pl.DataFrame]:
    m, per = design.models, design.trainings
    pairs = [
        (a, b, -1)
        for a, b in combinations(range(m), 2)
        # Repeatability compares trainings of one architecture, reproducibility two architectures.
        if (a // per == b // per) is (design.criterion == "repeatability")
    ]
    a, b, _ = np.array(pairs).T
    shift = _shifts(design, e, rng)
    moved = shift[:, a] + shift[:, b]
    # One pair of models, or of architectures, says nothing of others.
    if design.models == 2 or (
        design.criterion != "repeatability" and m == design.architectures < 3
    ):
        moved -= moved.mean(axis=1, keepdims=True)
    goal = target(design, Heatproof())
    same = _quantile(_uniform(design, e, rng), goal, FILM)
    values = same[..., None] + moved[:, None, :] + rng.normal(0, NOISE, (*same.shape, len(pairs)))
    films = np.arange(same.shape[1])
    yield _frame(design, values, (SAME, "pearson"), pairs, films)
    first, second = _partners(design)
    typical = (same - goal) / 4  # a film whose maps agree is more like others too
    different = _quantile(rng.random((e, len(first))), design.chance, FILM / 2)
    different = different + typical[:, first] + typical[:, second]
    noise = rng.normal(0, NOISE, (*different.shape, len(pairs)))
    yield _frame(design, different[..., None] + noise, (DIFFERENT, "pearson"), pairs, first, second)


def _randomization(design: Design, e: int, rng: np.random.Generator) -> Iterator[pl.DataFrame]:
    m, d = design.models, design.draws
    same = _quantile(_uniform(design, e, rng), target(design, Heatproof()), FILM)
    of_draws = rng.normal(0, design.of_draws, (e, 1, 1, d)) if d > 1 else np.zeros((e, 1, 1, 1))
    noise = rng.normal(0, NOISE, (*same.shape, m, d))
    values = same[..., None, None] + _shifts(design, e, rng)[:, None, :, None] + of_draws + noise
    copies = [(i, i, k) for i, k in product(range(m), range(d))]
    films = np.arange(same.shape[1])
    yield _frame(design, values.reshape(*same.shape, -1), (SAME, "pearson"), copies, films)
    first, second = _disjoint(design)
    typical = rng.normal(0, FILM / 2, same.shape)
    pairs = _quantile(rng.random((e, len(first))), design.chance, FILM)
    pairs = pairs + typical[:, first] + typical[:, second]
    values = pairs[..., None] + rng.normal(0, NOISE, (*pairs.shape, m))
    models = [(i, i, -1) for i in range(m)]
    yield _frame(design, values, (RANDOM, "pearson"), models, first, second)


def _frame(
    design: Design,
    values: np.ndarray,
    what: tuple[str, str],
    pairs: list[tuple[int, int, int]],
    first: np.ndarray,
    second: np.ndarray | None = None,
) -> pl.DataFrame:
    second = first if second is None else second
    experiment, film, pair = np.indices(values.shape).reshape(3, -1)
    a, b, draw = np.array(pairs).T
    columns = {
        "method": experiment,
        "image_id": first[film],
        "image_id_b": second[film],
        "cluster": first[film] // design.films,
        "cluster_b": second[film] // design.films,
        "model_a": a[pair],
        "model_b": b[pair],
        "architecture_a": a[pair] // design.trainings,
        "architecture_b": b[pair] // design.trainings,
    }
    frame = pl.DataFrame({name: pl.Series(column) for name, column in columns.items()})
    population, measure = what
    return frame.cast(pl.String).with_columns(
        *((pl.lit("patient ") + pl.col(name)).alias(name) for name in ("cluster", "cluster_b")),
        draw=pl.Series(draw[pair]).cast(pl.Int32),
        value=values.ravel(),
        population=pl.lit(population),
        similarity=pl.lit(measure),
    )
