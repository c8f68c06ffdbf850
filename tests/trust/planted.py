"""Methods whose truth is known by construction, and the tables that they give.

Films are 32 px, each with a lesion (a disc) and a texture of its own; correlation is NumPy's, SSIM
scikit-image's and AUPRC scikit-learn's.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations

import numpy as np
import polars as pl
from skimage.metrics import structural_similarity
from sklearn.metrics import average_precision_score

FILMS, MODELS, SIDE = 30, 3, 32
TRAINED = ("net/0", "net/1", "net/2", "other/0")
Planted = Callable[[int, str], np.ndarray]
"""From a film and a model ("net/0"; "net/0 draw 2", randomized) to a map in [0, 1]."""


def _noise(*seed: object) -> np.ndarray:
    entropy = [int.from_bytes(str(part).encode()[-6:], "big") for part in seed]
    return np.random.default_rng(entropy).random((SIDE, SIDE))


@cache
def mask(film: int) -> np.ndarray:
    """The lesion."""
    rng = np.random.default_rng([film, 1])
    y, x = np.mgrid[:SIDE, :SIDE]
    cy, cx = rng.uniform(8, 24, 2)
    return np.asarray((y - cy) ** 2 + (x - cx) ** 2 < 25)


def edges(film: int, model: str) -> np.ndarray:
    """Of the film alone."""
    return _noise("film", film)


def blob(film: int, model: str) -> np.ndarray:
    """Of nothing: the same for all films and models."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    return np.asarray(np.exp(-2 * (x**2 + y**2)))


def shaky_blob(film: int, model: str) -> np.ndarray:
    """A blob with a hint of the film."""
    return 0.97 * blob(film, model) + 0.03 * edges(film, model)


def hash_of_weights(film: int, model: str) -> np.ndarray:
    """Noise of the model alone."""
    return _noise("weights", model)


def hash_of_weights_and_film(film: int, model: str) -> np.ndarray:
    """Noise of model and film."""
    return _noise("both", model, film)


def oracle(film: int, model: str) -> np.ndarray:
    """The lesion, for trained weights; noise for randomized ones."""
    return _noise("lost", model, film) if "draw" in model else mask(film).astype(float)


class Fresh:
    """Noise, anew in every call."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(5)

    def __call__(self, film: int, model: str) -> np.ndarray:
        return self._rng.random((SIDE, SIDE))


METHODS: dict[str, Planted] = {
    "edges": edges,
    "noise": Fresh(),
    "hash of weights": hash_of_weights,
    "hash of weights and film": hash_of_weights_and_film,
    "oracle": oracle,
    "blob": blob,
    "shaky blob": shaky_blob,
}


@cache
def table(similarity: str = "pearson") -> pl.DataFrame:
    """Every method by the four criteria."""
    return pl.concat(
        pl.DataFrame(list(rows), infer_schema_length=None).with_columns(
            method=pl.lit(method), validity_a=pl.lit("ok"), validity_b=pl.lit("ok")
        )
        for method, planted in METHODS.items()
        for rows in (_localization(planted), _pairs(planted, similarity))
    )


def _row(
    criterion: str,
    population: str,
    films: tuple[int, int],
    models: tuple[str, str],
    value: float,
    *,
    measure: str,
    step: str = "",
    draw: int = -1,
) -> dict[str, object]:
    return {
        "criterion": criterion, "similarity": measure, "population": population,
        "image_id": f"film {films[0]}", "image_id_b": f"film {films[1]}",
        "cluster": f"patient {films[0]}", "cluster_b": f"patient {films[1]}",
        "model_a": models[0], "model_b": models[1], "step": step, "draw": draw, "value": value,
    }  # fmt: skip


def _localization(planted: Planted) -> Iterator[dict[str, object]]:
    masks = np.stack([mask(film) for film in range(FILMS)])
    for film in range(FILMS):
        others = (masks.sum(0) - masks[film]) / (FILMS - 1)
        prior = average_precision_score(mask(film).ravel(), others.ravel())
        yield _row("localization", "prior", (film, film), ("", ""), prior, measure="auprc")
        for model in TRAINED[:MODELS]:
            score = average_precision_score(mask(film).ravel(), planted(film, model).ravel())
            yield _row("localization", "map", (film, film), (model, model), score, measure="auprc")


def _pairs(planted: Planted, similarity: str) -> Iterator[dict[str, object]]:
    def alike(a: tuple[int, str], b: tuple[int, str]) -> float:
        first, second = planted(*a), planted(*b)
        if similarity == "ssim":
            return float(structural_similarity(first, second, data_range=1.0))
        return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])

    retrained = [("repeatability", pair) for pair in combinations(TRAINED[:MODELS], 2)]
    changed = [("reproducibility", (model, TRAINED[-1])) for model in TRAINED[:MODELS]]
    for film in range(FILMS):
        other = (film + 7) % FILMS
        for criterion, (a, b) in (*retrained, *changed):
            same, different = alike((film, a), (film, b)), alike((film, a), (other, b))
            yield _row(criterion, "same film", (film, film), (a, b), same, measure=similarity)
            yield _row(
                criterion, "different films", (film, other), (a, b), different, measure=similarity
            )
        net = TRAINED[0]
        pair = alike((film, net), (other, net))
        yield _row(
            "randomization", "random pairs", (film, other), (net, net), pair, measure=similarity
        )
        for step in ("fc", "conv1"):
            for draw in range(3):
                copy = f"{net} draw {draw}"
                value = alike((film, net), (film, copy if step == "conv1" else net))
                yield _row(
                    "randomization",
                    "same film",
                    (film, film),
                    (net, copy),
                    value,
                    measure=similarity,
                    step=step,
                    draw=draw,
                )
