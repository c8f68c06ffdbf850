"""Which metric of fidelity tells a true map from a false one?

    python -m benchmarks.fidelity_truth

Films are phantoms, of which the pixels of the nodule are known, and the same film without it.  Each
model is told where the nodule is, and computes its logit from these pixels (and, for contrast, from
a ring around them) and from no others: so the true map is known, and a map is the less true the more
of it lies elsewhere.  Of each film, model and resolution there are maps of five degrees of truth;
each metric measures all of them, and is asked of every two maps of a film of unequal truth which is
the truer one.  Its AUROC is the share of right answers, a tie counting half; 1 is perfect, and .5 is
what a coin knows.  Intervals are over patients.  Writes ``results/fidelity_truth.json``, the page
``docs/results/fidelity_metrics.md``, and the figures that ``heatproof fidelities`` and reports show.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path

import numpy as np
import polars as pl
import torch
from scipy.ndimage import binary_dilation
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from benchmarks.side_by_side import keep, machine
from heatproof import Adapted, Phantom, Preprocessing, Squash
from heatproof.fidelity import fidelities
from heatproof.fidelity.metrics import Explained
from heatproof.fidelity.truth import FIGURES
from heatproof.models.still import held_still
from heatproof.saliency.forward import ForwardPass
from heatproof.stats.estimates import mean
from heatproof.types import REFERENCE

PAGE = Path(__file__).parents[1] / "docs" / "results" / "fidelity_metrics.md"
SIDE, RING = 96, 4
MEAN = 0.56  # of all pixels of these films, so that 0 is the mean, as it is for a trained network
TRUTHS = (1.0, 0.75, 0.5, 0.25, 0.0)
CELLS = (1, 8, 16)  # pixels down and across
NOISE = 0.05  # of the maps, as a share of their largest value
PRESENT, ABSENT = 0.95, 0.1  # probability with the nodule, and without
INFILLS = ("mean", "black", "blur")
FILLED = ("deletion", "insertion", "comprehensiveness", "sufficiency", "monotonicity",
          "sensitivity_n", "infidelity")  # fmt: skip


def canonical(name: str, infill: str) -> str:
    return str(fidelities.spec(fidelities.parse(f"{name}(infill={infill!r})")))


SPECS = (
    *(canonical(name, infill) for name in FILLED for infill in INFILLS),
    "comprehensiveness(share=0.02, infill='blur')",
    "sufficiency(share=0.02, infill='blur')",
    "road",
    "road(shares=[0.01, 0.02, 0.05, 0.1])",
)


class Oracle(nn.Module):
    """A model of one film, which looks at one region and nowhere else.

    ``brightness``: the mean of the nodule.  ``contrast``: that mean minus the mean of a ring around
    it.  ``any quarter``: the largest contrast of four quarters of the nodule, so that it takes all
    of them to hide it.
    """

    KINDS = ("brightness", "contrast", "any quarter")

    def __init__(self) -> None:
        super().__init__()
        self.features, self.last = nn.Conv2d(1, 1, 1), nn.Identity()
        self.kind, self.regions, self.scale, self.shift = "", torch.zeros(0), 1.0, 0.0

    def seen(self, images: Tensor) -> Tensor:
        nodule, ring, *quarters = (
            torch.einsum("nhw,hw->n", images[:, 0], region) / region.sum()
            for region in self.regions
        )
        if self.kind == "brightness":
            return nodule
        if self.kind == "contrast":
            return nodule - ring
        return torch.stack(quarters).amax(dim=0) - ring

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.scale * self.seen(images)[:, None] + self.shift)

    def look(self, kind: str, nodule: np.ndarray, film: Tensor, without: Tensor) -> Tensor:
        """Be the model of a film; returns the region that it uses."""
        ring = binary_dilation(nodule, iterations=RING) & ~nodule
        y, x = np.nonzero(nodule)
        rows, columns = np.mgrid[: nodule.shape[0], : nodule.shape[1]]
        quarters = [
            nodule & ((rows < y.mean()) == up) & ((columns < x.mean()) == left)
            for up, left in product((True, False), repeat=2)
        ]
        self.kind = kind
        masks = np.stack([nodule, ring, *quarters]).astype(np.float32)
        self.regions = torch.from_numpy(masks)
        with torch.no_grad():
            high, low = (float(self.seen(each[None])) for each in (film, without))
        logits = [float(np.log(p / (1 - p))) for p in (PRESENT, ABSENT)]
        self.scale = (logits[0] - logits[1]) / (high - low)
        self.shift = logits[0] - self.scale * high
        used = nodule if kind == "brightness" else nodule | ring
        return torch.from_numpy(used)


@dataclass(frozen=True)
class Film:
    name: str
    patient: str
    image: Tensor
    without: Tensor
    nodule: np.ndarray


def films(count: int) -> list[Film]:
    """Phantoms with a nodule, each beside the same film without it."""
    found = []
    for sample in Phantom(images=3 * count, seed=11, size=SIDE):
        if sample.labels["Nodule"] and len(found) < count:
            [shape] = [one.shape for one in sample.annotations if one.source == REFERENCE]
            pixels = sample.pixels
            image, without = (
                torch.from_numpy(each.read())[None] - np.float32(MEAN)
                for each in (pixels, replace(pixels, nodules=()))
            )
            nodule = shape.mask(SIDE, SIDE)
            found.append(Film(sample.image_id, str(sample.patient_id), image, without, nodule))
    return found


def maps(used: Tensor, seed: int) -> Iterator[tuple[float, int, str, Tensor]]:
    """Maps of each degree of truth, resolution and way to be false."""
    rng = np.random.default_rng(seed)
    pixels = np.flatnonzero(used.numpy())
    outside = np.flatnonzero(~used.numpy())
    for truth, way in product(TRUTHS, ("moved", "scattered")):
        relevance = np.zeros(SIDE * SIDE, np.float32)
        if way == "scattered":
            kept = rng.permutation(pixels)[: round(truth * len(pixels))]
            elsewhere = rng.permutation(outside)[: len(pixels) - len(kept)]
            relevance[kept], relevance[elsewhere] = 1, 1
        else:
            relevance[pixels] = truth
            relevance[shifted(used.numpy(), rng)] += 1 - truth
        noise = NOISE * rng.standard_normal(SIDE * SIDE).astype(np.float32)
        fine = torch.from_numpy(relevance + noise).view(1, 1, SIDE, SIDE)
        for cell in CELLS:
            coarse = adaptive_avg_pool2d(fine, (SIDE // cell, SIDE // cell))
            yield truth, cell, way, interpolate(coarse, (SIDE, SIDE), mode="bilinear")[0, 0]


def shifted(used: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same region at another place, drawn, that does not touch it."""
    y, x = np.nonzero(used)
    while True:
        top = rng.integers(0, SIDE - np.ptp(y))
        left = rng.integers(0, SIDE - np.ptp(x))
        moved = np.ravel_multi_index((y - y.min() + top, x - x.min() + left), used.shape)
        if not used.ravel()[moved].any():
            return moved


def measured(count: int) -> pl.DataFrame:
    """The value of every map by every metric."""
    network, listed = Oracle(), films(count)
    # A model is tried when it is made, and must look at something.
    network.look(Oracle.KINDS[0], listed[0].nodule, listed[0].image, listed[0].without)
    scaling = Preprocessing(Squash(SIDE, SIDE), channels=1, mean=(MEAN,), std=(1.0,))
    model = Adapted(network, "features", ("nodule",), scaling)
    parts = fidelities.parts(SPECS)
    rows = []
    for number, film in enumerate(listed):
        for kind in Oracle.KINDS:
            used = network.look(kind, film.nodule, film.image, film.without)
            made = list(maps(used, number))
            relevance = torch.stack([each[-1] for each in made])[None]
            with held_still(model):
                forward = ForwardPass(model, film.image[None])
                explained = Explained(forward, relevance, [0] * len(made))
                for spec, part in parts.items():
                    values = part(explained)[0].tolist()
                    sign = 1 if part.better == "higher" else -1
                    rows += [
                        (film.name, film.patient, kind, cell, way, truth, spec, sign * value)
                        for value, (truth, cell, way, _) in zip(values, made, strict=True)
                    ]
    columns = ["film", "patient", "model", "cell", "way", "truth", "metric", "value"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def answers(table: pl.DataFrame) -> pl.DataFrame:
    """Of every two maps of a film that differ in truth alone: whether the truer one is told."""
    keys = ["film", "patient", "model", "cell", "way", "metric"]
    rows = []
    for key, group in table.group_by(keys, maintain_order=True):
        value = dict(zip(group["truth"], group["value"], strict=True))
        for truer, other in combinations(TRUTHS, 2):
            first, second = value[truer], value[other]
            right = np.nan if np.isnan([first, second]).any() else float(first > second)
            right = 0.5 if first == second else right
            rows.append((*key, truer - other, right))
    return pl.DataFrame(rows, schema=[*keys, "apart", "right"], orient="row")


def auroc(rows: pl.DataFrame) -> dict[str, float]:
    """The share of right answers with its interval over patients; undefined pairs are left out."""
    by_film = (
        rows.filter(pl.col("right").is_finite())
        .group_by("film", "patient", maintain_order=True)
        .agg(pl.col("right").mean())
    )
    told = mean(by_film["right"].to_numpy(), by_film["patient"].to_list(), bounds=(0.0, 1.0))
    return {"auroc": told.value, "low": told.low, "high": told.high}


def cells(pairs: pl.DataFrame) -> dict[str, dict[str, object]]:
    """Of each metric: over everything, for the farthest pair, and by each thing that varies."""
    found: dict[str, dict[str, object]] = {}
    for spec in SPECS:
        own = pairs.filter(pl.col("metric") == spec)
        found[spec] = {
            "all": auroc(own),
            "true or false": auroc(own.filter(pl.col("apart") == 1)),
            "next degree": auroc(own.filter(pl.col("apart") == 0.25)),
        } | {
            by: {str(key[0]): auroc(group) for key, group in own.group_by(by, maintain_order=True)}
            for by in ("model", "cell", "way")
        }
    return found


def text(told: dict[str, float]) -> str:
    return f"{told['auroc']:.2f} [{told['low']:.2f}, {told['high']:.2f}]"


def page(found: dict[str, dict], count: int) -> str:
    ranked = sorted(found, key=lambda spec: -found[spec]["all"]["auroc"])
    overall = "\n".join(
        f"| `{spec}` | {text(found[spec]['all'])} | {text(found[spec]['true or false'])} |"
        f" {text(found[spec]['next degree'])} |"
        for spec in ranked
    )
    details = "\n".join(
        f"| `{spec}` | "
        + " | ".join(
            f"{each['auroc']:.2f}"
            for by in ("model", "cell", "way")
            for each in found[spec][by].values()
        )
        + " |"
        for spec in ranked
    )
    names = [*Oracle.KINDS, *(f"{cell} px" for cell in CELLS), "moved", "scattered"]
    infills = "\n".join(
        f"| `{name}` | "
        + " | ".join(f"{found[canonical(name, infill)]['all']['auroc']:.2f}" for infill in INFILLS)
        + f" | {spread(found, name):.2f} |"
        for name in FILLED
    )
    best, worst = ranked[0], ranked[-1]
    return f"""# Which metric of fidelity tells a true map from a false one?

Made by `python -m benchmarks.fidelity_truth`, which wrote this page; the numbers are in `benchmarks/results/fidelity_truth.json`.

{count} phantom films of {SIDE} pixels with a nodule, and three models of each film that look at the nodule and nowhere else: at its mean
(`brightness`), at its mean minus that of a ring of {RING} pixels (`contrast`), at the brightest of its four quarters minus the ring (`any quarter`: no single
part is necessary). With the nodule each says {PRESENT:.0%}, without it {ABSENT:.0%}. The true map is the region that the model looks at. Less true maps have
a quarter, half, three quarters or all of it elsewhere: in one piece (`moved`), or pixel by pixel (`scattered`); all maps are noisy (standard deviation {NOISE:.0%} of
the peak), and averaged over cells of 1, 8 or 16 pixels. Of every two maps of a film that differ in truth alone, a metric says which is truer; its AUROC is how often it is
right. In brackets: 95% intervals over patients.

The most reliable here is `{best}` ({text(found[best]["all"])}), the least `{worst}` ({text(found[worst]["all"])}).

| metric | all pairs | wholly true or wholly false | one degree (a quarter) apart |
|---|---|---|---|
{overall}

## What it depends on

By model, by the size of a cell of the map, and by the way in which maps are false.

| metric | {" | ".join(names)} |
|---|{"---|" * len(names)}
{details}

By infill: what hidden pixels show. The last column is the largest minus the smallest.

| metric | {" | ".join(INFILLS)} | spread |
|---|{"---|" * (len(INFILLS) + 1)}
{infills}

The mean of a film ({MEAN}) is brighter than the lung and most nodules in it (.43): to hide a nodule with it makes it brighter still, and a model of brightness then says the
opposite. So an infill that is far from what would stand there without the finding makes hiding metrics worse than a coin. `blur` is nearest to it.

The order in which pixels are hidden: the most relevant first is `deletion`; the least relevant first is `insertion` with the same infill, read backwards. In a random
order a map has no say, and the AUROC is .5. How much is hidden: a nodule takes 1 to 3% of these films, and metrics that hide 10% at once (`road`, `comprehensiveness` and `sufficiency` as they
are unless told) see it vanish whole by all but the falsest maps; shares near the size of what is looked for tell more.

## What it does not tell

The models look at one region, and brighter is more likely; a network may look at texture, at several places, or at what is absent. So this is the easiest case: a metric
that fails here should not be believed, and one that succeeds here may still fail elsewhere. `max_sensitivity` is not among them: it asks whether a map is steady, and a false map may be.
"""


def spread(found: dict[str, dict], name: str) -> float:
    values = [found[canonical(name, infill)]["all"]["auroc"] for infill in INFILLS]
    return max(values) - min(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--films", type=int, default=40)
    count = parser.parse_args().films
    torch.set_num_threads(1)
    found = cells(answers(measured(count)))
    versions = machine(("torch", "numpy", "heatproof"))
    keep("fidelity_truth.json", {"films": count, "metrics": found, "machine": versions})
    PAGE.write_text(page(found, count), encoding="utf-8")
    FIGURES.write_text(
        json.dumps({spec: told["all"] for spec, told in found.items()}, indent=1) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
