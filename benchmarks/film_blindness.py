"""Which similarity tells a map that never looks at the film from a perfect map of small lesions?

Run ``python benchmarks/film_blindness.py``; minutes on one core.  Maps of 24 films of 320 pixels are
made by two "trainings" each; what is measured is how alike the maps of the same film and of
different films are, by every similarity that is 1 for equal maps, and what the rule ``heatproof``
says by Pearson's correlation and by SSIM.  Writes ``benchmarks/results/film_blindness.json`` and
``docs/results/film_blindness.md``.
"""

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
from scipy.ndimage import gaussian_filter
from side_by_side import keep, machine
from sklearn.metrics import average_precision_score

from heatproof.trust.pairs import DIFFERENT, SAME
from heatproof.trust.rules.heatproof import Heatproof
from heatproof.trust.similarity import compare, similarities

PAGE = Path(__file__).parents[1] / "docs" / "results" / "film_blindness.md"
SIDE, FILMS = 320, 24
SIZES, COUNTS = (4, 8, 12, 24, 48, 96, 200), (1, 3, 10)
SIMILARITIES = ("ssim", "multi_scale_ssim", "pearson", "spearman", "top_k", "iou")
Maps = tuple[np.ndarray, np.ndarray]
"""The maps of all films by one training, and by another."""


def masks(side: int, count: int) -> np.ndarray:
    """Squares at places drawn for each film."""
    rng = np.random.default_rng([side, count])
    drawn = np.zeros((FILMS, SIDE, SIDE), np.float32)
    for film in drawn:
        for y, x in rng.integers(0, SIDE - side + 1, (count, 2)):
            film[y : y + side, x : x + side] = 1
    return drawn


def perfect(drawn: np.ndarray) -> Maps:
    """The reader's own masks."""
    return drawn, drawn


def coarse(drawn: np.ndarray) -> Maps:
    """Blurred as class maps of 10 x 10 cells are, and shifted a little by the other training."""
    return (
        np.stack([gaussian_filter(one, 12) for one in drawn]),
        np.stack([gaussian_filter(np.roll(one, 3, 1), 14) for one in drawn]),
    )


def blob(drawn: np.ndarray) -> Maps:
    """One wide blob for all films."""
    return (_blob(2, len(drawn)),) * 2


def dot(drawn: np.ndarray) -> Maps:
    """One small dot for all films, as sparse as a map of a nodule."""
    return (_blob(200, len(drawn)),) * 2


def shaky(drawn: np.ndarray) -> Maps:
    """A blob with 3% of noise, another for each film and training."""
    rng = np.random.default_rng(0)
    first, second = (0.97 * _blob(2, len(drawn)) + 0.03 * rng.random(drawn.shape) for _ in range(2))
    return first.astype(np.float32), second.astype(np.float32)


def _blob(narrow: float, films: int) -> np.ndarray:
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    one = np.exp(-narrow * (y**2 + x**2)).astype(np.float32)
    return np.repeat(one[None], films, axis=0)


KINDS: dict[str, Callable[[np.ndarray], Maps]] = {
    "perfect": perfect, "coarse": coarse, "blob": blob, "dot": dot, "shaky blob": shaky,
}  # fmt: skip


def measured(kind: str, side: int, count: int) -> dict[str, object]:
    drawn = masks(side, count)
    first, second = KINDS[kind](drawn)
    parts = {name: similarities.parse(name) for name in SIMILARITIES}
    alike = {
        SAME: compare(first, second, parts),
        DIFFERENT: compare(first, np.roll(second, 1, axis=0), parts),
    }
    entry: dict[str, object] = {"kind": kind, "side": side, "count": count}
    for name in SIMILARITIES:
        entry[name] = [float(np.nanmean(alike[population][name])) for population in alike]
    for name in ("pearson", "ssim"):
        table = pl.DataFrame(list(rows(drawn, first, alike, name)), infer_schema_length=None)
        verdicts = Heatproof(correction="none")(table, ["map"])
        told = {one.criterion: one.passed.value for one in verdicts}
        entry[f"verdicts by {name}"] = [told["localization"], told["repeatability"]]
    return entry


def rows(
    drawn: np.ndarray, maps: np.ndarray, alike: dict[str, dict[str, np.ndarray]], name: str
) -> Iterator[dict[str, object]]:
    """The evidence on localization and repeatability."""
    shared = {
        "method": "map", "step": "", "draw": -1, "validity_a": "ok", "validity_b": "ok",
        "model_a": "a", "model_b": "b",
    }  # fmt: skip
    for film in range(FILMS):
        other = (film - 1) % FILMS
        prior = (drawn.sum(0) - drawn[film]) / (FILMS - 1)
        place = {"image_id": f"film {film}", "cluster": f"patient {film}"}
        alone = {"image_id_b": f"film {film}", "cluster_b": f"patient {film}"}
        for population, one in (("map", maps[film]), ("prior", prior)):
            score = average_precision_score(drawn[film].ravel() > 0, one.ravel())
            yield shared | place | alone | {
                "criterion": "localization", "similarity": "auprc", "population": population,
                "value": score,
            }  # fmt: skip
        pair = {"image_id_b": f"film {other}", "cluster_b": f"patient {other}"}
        for population, second in ((SAME, alone), (DIFFERENT, pair)):
            yield shared | place | second | {
                "criterion": "repeatability", "similarity": name, "population": population,
                "value": float(alike[population][name][film]),
            }  # fmt: skip


def page(entries: list[dict]) -> str:
    lines = [
        f"| {e['kind']} | {e['side']} | {e['count']} | "
        + " | ".join(f"{e[name][0]:.2f} / {e[name][1]:.3f}" for name in SIMILARITIES)
        + f" | {', '.join(e['verdicts by pearson'])} | {', '.join(e['verdicts by ssim'])} |"
        for e in entries
    ]
    heads = ["map", "px of 320", "lesions", *SIMILARITIES, "by Pearson", "by SSIM"]
    perfect_ones = [e for e in entries if e["kind"] == "perfect"]
    blind = [e for e in entries if e["kind"] in ("blob", "dot", "shaky blob")]
    worst = {name: max(e[name][1] for e in perfect_ones) for name in SIMILARITIES}
    least = {name: min(e[name][1] for e in blind) for name in SIMILARITIES}
    return f"""# Which similarity tells a blind map from a perfect map of small lesions?

Made by `python benchmarks/film_blindness.py`, which wrote this page; the numbers are in
`benchmarks/results/film_blindness.json`. {FILMS} films of {SIDE} pixels, lesions at places drawn for each film.

A map that never looks at the film is the same for every film. A similarity shows this only if maps that do look are unlike
each other when their films are, and two maps that are empty nearly everywhere are nearly equal by many similarities. Wanted is a
similarity by which the maps of *different* films stay far from 1 for the reader's own masks (`perfect`), at every size and
number of lesions, and reach 1 for blind maps (`blob`, `dot`, `shaky blob`).

| similarity | perfect maps of different films, at most | blind maps of different films, at least |
|---|---|---|
{chr(10).join(f"| {name} | {worst[name]:.3f} | {least[name]:.3f} |" for name in SIMILARITIES)}

Pearson's correlation leaves the most room, and the noise of a shaky blob does not hide it. So the rule `heatproof` compares
maps by it, and calls maps of different films equal from 0.98 on. The SSIM stays for the published rules; where nothing else was
measured, `heatproof` says of small lesions that repeatability cannot be told by it.

In each cell: similarity of maps of the same film / of different films. Verdicts: localization, repeatability.

| {" | ".join(heads)} |
|{"---|" * len(heads)}
{chr(10).join(lines)}
"""


def main() -> None:
    cells = [("perfect", *cell) for cell in product(SIZES, COUNTS)]
    cells += [("coarse", *cell) for cell in product((4, 24, 96, 200), (1, 10))]
    cells += [(kind, *cell) for kind in ("blob", "dot", "shaky blob") for cell in ((4, 1), (96, 3))]
    entries = [measured(*cell) for cell in cells]
    keep("film_blindness.json", {"cells": entries, "machine": machine(["heatproof", "numpy"])})
    PAGE.write_text(page(entries), encoding="utf-8")


if __name__ == "__main__":
    main()
