"""Are the four cells of model and map recovered where they are planted?

    python -m benchmarks.region_use

Phantom films with a nodule.  A model that is right takes its logit from the nodule (its mean minus
that of a ring around it), one that is wrong from a square elsewhere (its mean minus that of a ring
around that), and neither from anything else.  A map shows the nodule or the square, with noise and
averaged over cells of 4 pixels.  So the cell of each film is known.  Films without a nodule lend
the normal patches.  Writes ``results/region_use.json`` and ``docs/results/region_use.md``.
"""

import argparse
from collections import Counter
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import binary_dilation
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from benchmarks.side_by_side import keep, machine
from heatproof import Adapted, Phantom, Preprocessing, Squash
from heatproof.fidelity.infills import infills as registry_of_infills
from heatproof.fidelity.region_use import CELLS, cell, control_regions, region_use, shows
from heatproof.models.still import held_still
from heatproof.saliency.forward import ForwardPass
from heatproof.stats.proportion import proportion
from heatproof.types import REFERENCE

PAGE = Path(__file__).parents[1] / "docs" / "results" / "region_use.md"
SIDE, RING, SQUARE, CELL, NOISE, NORMAL = 64, 3, 10, 4, 0.1, 20
MEAN = 0.56
LOGIT = 20.0  # by how much the logit grows as a region becomes brighter by 1
SETS = {
    "three (unless told)": ("local_mean", "telea", "normal_patch"),
    "all six, on a fifth of the films": (
        "blur",
        "linear",
        "local_mean",
        "navier_stokes",
        "normal_patch",
        "telea",
    ),
}
PLANTED = {
    (True, True): "both right",
    (True, False): "model right, map wrong",
    (False, False): "model wrong, map honest",
    (False, True): "both wrong",
}
"""By whether the model uses the nodule, and whether the map shows it."""


class Regions(nn.Module):
    """Two logits: that of the nodule, and that of a square elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.last = nn.Conv2d(1, 1, 1), nn.Identity()
        self.regions = torch.ones(2, SIDE, SIDE)
        self.rings = torch.ones(2, SIDE, SIDE)

    def look(self, regions: np.ndarray) -> None:
        rings = np.stack([binary_dilation(each, iterations=RING) & ~each for each in regions])
        self.regions, self.rings = (
            torch.from_numpy(each.astype(np.float32)) for each in (regions, rings)
        )

    def forward(self, images: Tensor) -> Tensor:
        inside, around = (
            torch.einsum("nhw,khw->nk", images[:, 0], each) / each.sum(dim=(1, 2))
            for each in (self.regions, self.rings)
        )
        return self.last(LOGIT * (inside - around))


@dataclass(frozen=True)
class Film:
    name: str
    patient: str
    image: np.ndarray
    nodule: np.ndarray


def films(count: int) -> tuple[list[Film], list[np.ndarray]]:
    """Films with a nodule, and inputs of some without."""
    found, normal = [], []
    for sample in Phantom(images=3 * count + 100, seed=5, size=SIDE):
        image = sample.pixels.read()[None] - np.float32(MEAN)
        if not sample.labels["Nodule"]:
            if len(normal) < NORMAL:
                normal.append(image)
        elif len(found) < count:
            [shape] = [one.shape for one in sample.annotations if one.source == REFERENCE]
            nodule = shape.mask(SIDE, SIDE)
            found.append(Film(sample.image_id, str(sample.patient_id), image, nodule))
    return found, normal


def square(film: Film, rng: np.random.Generator) -> np.ndarray:
    """A square that the nodule and its ring do not touch, and that differs from its own ring."""
    taken = binary_dilation(film.nodule, iterations=RING + 1)
    while True:
        top, left = rng.integers(RING, SIDE - SQUARE - RING, 2)
        drawn = np.zeros((SIDE, SIDE), bool)
        drawn[top : top + SQUARE, left : left + SQUARE] = True
        if not (drawn & taken).any():
            return drawn


def map_of(region: np.ndarray, rng: np.random.Generator) -> Tensor:
    noisy = region + NOISE * rng.standard_normal(region.shape)
    coarse = avg_pool2d(torch.from_numpy(noisy)[None, None].float(), CELL)
    return interpolate(coarse, region.shape, mode="bilinear")[0, 0]


def measured(count: int, infills: tuple[str, ...]) -> dict[str, dict[str, object]]:
    """Of each planted cell: how many cases fall into which."""
    network = Regions()
    scaling = Preprocessing(Squash(SIDE, SIDE), channels=1, mean=(MEAN,), std=(1.0,))
    model = Adapted(network, "features", ("by the nodule", "by the square"), scaling)
    parts = registry_of_infills.parts(infills)
    listed, normal = films(count)
    found: dict[str, Counter] = {name: Counter() for name in CELLS}
    for number, film in enumerate(listed):
        rng = np.random.default_rng(number)
        elsewhere = square(film, rng)
        network.look(np.stack([film.nodule, elsewhere]))
        controls = control_regions(film.nodule, seed=number)
        maps = {True: map_of(film.nodule, rng), False: map_of(elsewhere, rng)}
        with held_still(model):
            forward = ForwardPass(model, torch.from_numpy(film.image)[None])
            uses = {
                right: region_use(forward, film.nodule, target, parts, controls, normal).uses()
                for right, target in ((True, 0), (False, 1))
            }
        for right, shown in product((True, False), repeat=2):
            told = cell(uses[right], shows(maps[shown], film.nodule, controls))
            found[PLANTED[right, shown]][told or "inconclusive"] += 1
    patients = [film.patient for film in listed]
    return {name: row(name, counts, patients) for name, counts in found.items()}


def row(name: str, counts: Counter, patients: list[str]) -> dict[str, object]:
    # Which patients hit does not matter for a share that is near 1: one film a cluster at worst.
    hits = np.arange(len(patients)) < counts[name]
    share = proportion(hits, [str(place) for place in range(len(patients))])
    return {
        "cases": len(patients),
        "recovered": share.value,
        "low": share.low,
        "high": share.high,
        "told": dict(counts),
    }


def page(found: dict[str, dict], count: int) -> str:
    tables = []
    for name, cells in found.items():
        lines = "\n".join(
            f"| {planted} | {told['recovered']:.1%} [{told['low']:.1%}, {told['high']:.1%}] | "
            + " | ".join(str(told["told"].get(each, 0)) for each in (*CELLS, "inconclusive"))
            + " |"
            for planted, told in cells.items()
        )
        tables.append(
            f"## Infills: {name} ({', '.join(SETS[name])})\n\n"
            f"| planted | recovered | {' | '.join((*CELLS, 'inconclusive'))} |\n"
            f"|{'---|' * 7}\n{lines}\n"
        )
    return f"""# Are the four cells of model and map recovered where they are planted?

Made by `python -m benchmarks.region_use`, which wrote this page; the numbers are in `benchmarks/results/region_use.json`.

{count} phantom films of {SIDE} pixels with a nodule. A model that is right takes its logit from the nodule (its mean minus that of a ring around it), one that is wrong from a square of
{SQUARE} pixels elsewhere (likewise), and neither from anything else. A map shows the nodule or the square, with noise (standard deviation {NOISE:.0%} of the peak), averaged over cells of
{CELL} pixels. Each film is asked with 39 control regions, by the rules of [`heatproof.fidelity.region_use`](../how-to/measure-fidelity.md#whose-fault-is-a-failure). Wanted: at least 95% of the cases
of each cell in their own cell; the interval in brackets is 95%.

{chr(10).join(tables)}
These are the easiest models: they look at one thing, so that a control changes nothing for a model that looks at the nodule. A network that reacts to any change of a film has falls in its controls, too, and more
of its films are inconclusive.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--films", type=int, default=1000)
    count = parser.parse_args().films
    torch.set_num_threads(1)
    counts = dict(zip(SETS, (count, count // 5), strict=True))
    found = {name: measured(counts[name], infills) for name, infills in SETS.items()}
    keep("region_use.json", {"films": count, "cells": found, "machine": machine(("torch",))})
    PAGE.write_text(page(found, count), encoding="utf-8")


if __name__ == "__main__":
    main()
