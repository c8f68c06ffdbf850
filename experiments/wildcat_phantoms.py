"""Does WILDCAT classify as well as a linear head, and localize better?  The claims of a paper on phantoms.

    python experiments/wildcat_phantoms.py            # the whole study, into runs/wildcat_phantoms
    python experiments/wildcat_phantoms.py --large --beside 4    # eight backbones, 320 px: for a GPU
    python experiments/wildcat_phantoms.py --tiny     # whether it runs: minutes, and no result

The protocol is docs/results/wildcat_phantoms.md; its numbers are the constants below.  Killed, the same
command goes on.  Four steps, each an ordinary experiment whose file lies in the output folder: a pilot fixes
the contrast of the phantoms, a sweep the settings of both heads, the study trains and judges, and its
tables are compared here.
"""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, astuple, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl
import torch

from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.models.card import read_card
from heatproof.preparation.folders import AUROC, trained_folder
from heatproof.progress import Progress, Silent
from heatproof.run.pipeline import run
from heatproof.saliency import methods
from heatproof.stats.clusters import membership
from heatproof.sweep.sweep import sweep

MARGIN = 0.005  # AUROC that WILDCAT may lack and still be no worse
LEVEL = 0.95  # of intervals; claims are tested one-sided at half of what is left
PRIMARY = "auprc"
POST_HOC = tuple(methods.parts([  # those of the paper, with the parameters of its group
    "gradient", "smooth_grad(samples=25)", "integrated_gradients(steps=10)",
    "smooth_grad(base=integrated_gradients(steps=10), samples=25)", "grad_cam", "guided_backprop",
    "guided_grad_cam", "xrai",
]))  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What the protocol fixes; ``TINY`` says only whether it runs."""

    size: int = 96
    films: tuple[int, int] = (2000, 500)  # training, validation
    classified: int = (
        4000  # test films, half of them with a nodule, without maps of post-hoc methods
    )
    localized: int = 120  # test films, all with a nodule
    contrasts: tuple[float, ...] = (0.24, 0.22, 0.20, 0.18, 0.13, 0.10)
    highest: float = 0.98  # AUROC of linear heads in the pilot
    pilot_seeds: tuple[int, ...] = (90, 91)
    networks: tuple[tuple[str, str, int], ...] = (  # name, backbone, seeds; the first is primary
        ("ResNet-18", "resnet18(stride=16)", 5),
        ("ResNet-34", "resnet34(stride=16)", 3),
        ("DenseNet-121", "densenet121", 3),
    )
    detector: tuple[str, int] = ("retinanet(backbone=resnet18, frozen_norm=False)", 3)
    trials: int = 6  # of each head
    epochs: int = 12
    detector_epochs: int = 20
    post_hoc: tuple[str, ...] = POST_HOC
    resamples: int = 10_000


LARGE = Plan(  # the eight backbones and the size of the paper
    size=320,
    networks=tuple(
        (name, backbone, 5)
        for name, backbone in (
            ("ResNet-18", "resnet18"), ("ResNet-34", "resnet34"), ("ResNet-50", "resnet50"),
            ("ResNet-101", "resnet101"), ("ResNet-152", "resnet152"),
            ("DenseNet-121", "densenet121"), ("DenseNet-169", "densenet169"), ("VGG-19", "vgg19"),
        )
    ),
    detector=("retinanet(backbone=resnet18, frozen_norm=False)", 5),
)  # fmt: skip
TINY = Plan(
    size=48,
    films=(24, 16),
    classified=16,
    localized=8,
    contrasts=(0.3,),
    highest=1.0,
    pilot_seeds=(90,),
    networks=(
        ("ResNet-10", "resnet10t(width=8)", 2),
        ("ResNet-10, wide", "resnet10t(width=16)", 1),
    ),
    detector=("retinanet(backbone=resnet10t(width=16), width=32, frozen_norm=False)", 1),
    trials=1,
    epochs=1,
    detector_epochs=1,
    post_hoc=("gradient", "grad_cam"),
    resamples=200,
)


# Experiment files ---------------------------------------------------------------------------------


def films(plan: Plan, contrast: float, seed: int) -> str:
    """Phantoms of other seeds for every step, so that none is judged by films it was made with."""
    names = zip(("train", "validation"), plan.films, strict=True)
    return "".join(
        phantoms(plan, name, count, contrast, seed + part, "judged = false")
        for part, (name, count) in enumerate(names)
    )


def phantoms(plan: Plan, name: str, count: int, contrast: float, seed: int, more: str = "") -> str:
    return (
        f'[[data]]\nname = "{name}"\ndataset = "phantom"\nimages = {count}\nseed = {seed}\n'
        f"size = {plan.size}\ncontrast = {contrast}\n{more}\n\n"
    )


def model(plan: Plan, name: str, what: str, seeds: Iterable[int], settings: str) -> str:
    side = f"squash(height={plan.size}, width={plan.size})"
    return (
        f'[[models]]\nname = "{name}"\n{what}\nseeds = {list(seeds)}\n'
        f'scaling = {{ geometry = "{side}", channels = 1, mean = [0.5], std = [0.25] }}\n'
        f'training = {{ data = "train", validation = "validation", settings = {{ {settings} }} }}\n\n'
    )


def schedule(epochs: int, lr: float) -> str:
    return (
        f"max_epochs = {epochs}, patience = {epochs}, optimizer = 'adam', weight_decay = 0.0, lr = {lr!r}, "
        "precision = 'bf16-mixed'"
    )


def written(
    folder: Path, name: str, body: str, methods: Sequence[str], output: str | None = None
) -> Path:
    file = folder / f"{name}.toml"
    # Models that are made at once share a GPU: half of it for each, the default, is too much.
    listed = json.dumps(list(methods))
    file.write_text(
        # What shares an output is one experiment, in parts that run beside each other.
        f'name = "WILDCAT on phantoms: {output or name}"\noutput = "{output or name}"\ntrust = false\n\n{body}'
        f'[explain]\nmethods = {listed}\nmemory = "4GB"\n\n[score]\n'
        f'metrics = ["{PRIMARY}", "hit_rate", "pointwise_ap"]\n\n'
        '[classification]\nvalidation = "validation"\n\n',
        encoding="utf-8",
    )
    return file


@dataclass(frozen=True)
class Family:
    """Models that differ in their seed alone, as ``model`` writes them."""

    name: str
    what: str
    seeds: Sequence[int]
    settings: str


# Steps --------------------------------------------------------------------------------------------


def fixed_contrast(plan: Plan, folder: Path, progress: Progress) -> float:
    """The easiest phantoms on which linear heads of other seeds stay below the highest AUROC."""
    _, backbone, _ = plan.networks[0]
    for contrast in plan.contrasts:
        what = f'backbone = "{backbone}"\nhead = "linear"'
        body = films(plan, contrast, 9000) + model(
            plan, "linear", what, plan.pilot_seeds, schedule(plan.epochs, 1e-3)
        )
        file = written(folder, f"pilot-{contrast:g}", body, ["class_map"])
        experiment = load(file)
        run(experiment, "train", progress)
        work = open_workspace(experiment)
        cards = [read_card(trained_folder(work, one)) for one in experiment.models]
        reached = float(np.mean([card.metrics[AUROC] for card in cards]))
        print(f"contrast {contrast:g}: linear heads of the pilot reach {reached:.4f}")
        if reached <= plan.highest:
            return contrast
    raise SystemExit(f"no contrast of {plan.contrasts} is hard enough; the protocol needs another")


def fixed_settings(
    plan: Plan, folder: Path, contrast: float, progress: Progress
) -> dict[str, tuple[str, float]]:
    """Head and learning rate of each family, by equally many trials, from classification alone."""
    _, backbone, _ = plan.networks[0]
    settings = schedule(plan.epochs, 1e-3) + ", seed = 50"
    body = films(plan, contrast, 8000)
    for name in ("linear", "wildcat"):
        what = f'backbone = "{backbone}"\nhead = "{name}"'
        body += model(plan, name, what, (), settings).replace("seeds = []\n", "")
    file = written(folder, "sweep", body, ["class_map"])
    with file.open("a", encoding="utf-8") as more:
        more.write(
            f"[sweep]\ntrials = {plan.trials}\nprune = false\n\n[sweep.search]\n"
            "lr = { low = 1e-4, high = 1e-2, log = true }\n"
            '"wildcat.highest" = { choices = [1, 2, 0.1, 0.2] }\n'
            '"wildcat.alpha" = { low = 0.0, high = 1.0 }\n"wildcat.maps" = { low = 1, high = 8 }\n'
        )
    best = load(sweep(load(file), progress).best)
    return {one.name: (one.head, one.training.settings["lr"]) for one in best.models}


def studied(
    plan: Plan,
    folder: Path,
    contrast: float,
    chosen: Mapping[str, tuple[str, float]],
    progress: Progress,
    beside: int = 1,
) -> tuple["Tables", dict[str, float]]:
    """The study itself: its tables, and the validation AUROC of every model."""
    localizer, seeds = plan.detector
    settings = schedule(plan.detector_epochs, 1e-4)
    families = [Family("RetinaNet", f'localizer = "{localizer}"', range(seeds), settings)]
    for network, backbone, seeds in plan.networks:
        for name, (head, lr) in chosen.items():
            what = f'backbone = "{backbone}"\nhead = "{head}"'
            settings = schedule(plan.epochs, lr)
            families.append(Family(f"{name}, {network}", what, range(seeds), settings))
    if beside > 1:
        parts = [replace(one, seeds=[seed]) for one in families for seed in one.seeds]
        files = [judged(plan, folder, contrast, [one], f"-{n}") for n, one in enumerate(parts)]
        with ProcessPoolExecutor(beside, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
            list(pool.map(scored, files))
    first, second = map(load, judged(plan, folder, contrast, families))
    report = run(first, progress=progress).parent
    predictions = pl.read_parquet(report / "predictions.parquet")
    own = pl.read_parquet(report / "scores.parquet")
    post_hoc = pl.read_parquet(run(second, progress=progress).parent / "scores.parquet")
    work = open_workspace(first)
    cards = {one.name: read_card(trained_folder(work, one)) for one in first.models}
    tables = Tables(
        pl.concat(
            [own.filter(pl.col("data") == "localized"), post_hoc.filter(pl.col("model") != "")]
        ),
        predictions.filter(pl.col("data") == "classified"),
        plan.resamples,
    )
    return tables, {name: card.metrics[AUROC] for name, card in cards.items()}


def judged(
    plan: Plan, folder: Path, contrast: float, families: Sequence["Family"], number: str = ""
) -> list[Path]:
    """Experiments: all models and their own maps, and the post-hoc maps of linear models.

    A difference of .005 AUROC needs more films than anybody wants to explain, so those that are
    classified and those that are explained differ.  Models are found where they were trained.
    """
    known = films(plan, contrast, 1000)
    few = phantoms(plan, "localized", plan.localized, contrast, 1003, "prevalence = 1.0")
    many = phantoms(plan, "classified", plan.classified, contrast, 1002)
    made = {"classified": (known + many + few, families, ["class_map"])}
    if linear := [one for one in families if one.name.startswith("linear")]:
        made["post_hoc"] = (known + few, linear, plan.post_hoc)
    return [
        written(
            folder,
            f"{name}{number}",
            data + "".join(model(plan, *astuple(one)) for one in models),
            asked,
            output="classified",
        )
        for name, (data, models, asked) in made.items()
    ]


def scored(files: Iterable[Path]) -> None:
    """All but the reports of some experiments, in a process of its own."""
    for file in files:
        run(load(file), "score")


# Comparison ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """A number of some runs: that of each, and what chance makes of it.

    Attributes:
        runs: One per seed.
        replicates: One row per seed, one column per draw of patients.
    """

    runs: np.ndarray
    replicates: np.ndarray

    def drawn(self, seed: int) -> np.ndarray:
        """Mean over seeds, seeds being drawn as well."""
        count, width = self.replicates.shape
        chosen = np.random.default_rng(seed).integers(count, size=(count, width))
        return np.take_along_axis(self.replicates, chosen, axis=0).mean(axis=0)


@dataclass(frozen=True)
class Compared:
    """A difference, its interval, and the chance of one as large where the truth is the margin."""

    what: str
    value: float
    low: float
    high: float
    p: float
    margin: float


@dataclass(frozen=True)
class Claim:
    """A claim holds where all its differences lie above their margin.

    Attributes:
        text: In words.
        differences: It is tested by the least certain of them.
        p: Adjusted for the number of claims (Holm).
        verdict: On phantoms.
    """

    text: str
    differences: tuple[Compared, ...]
    p: float
    verdict: str


@dataclass(frozen=True)
class Tables:
    """Scores and predictions of the test films."""

    scores: pl.DataFrame
    predictions: pl.DataFrame
    resamples: int

    def auroc(self, family: str) -> Sample:
        """Of every run of a family."""
        runs = [self.rows_of(self.predictions, name) for name in self.runs_of(family)]
        labels = runs[0]["label"].to_numpy()
        weights = self.weights_of(runs[0]["cluster"].to_list())
        values = [one["probability"].to_numpy() for one in runs]
        once = np.ones((1, len(labels)))
        return Sample(
            np.array([weighted_auroc(once, value, labels)[0] for value in values]),
            np.stack([weighted_auroc(weights, value, labels) for value in values]),
        )

    def localization(self, family: str, method: str, metric: str = PRIMARY) -> Sample:
        """Mean over the films with a nodule, of every run; "" is the family of the prior."""
        rows = self.scores.filter((pl.col("method") == method) & (pl.col("metric") == metric))
        runs = (
            [self.rows_of(rows, name) for name in self.runs_of(family)]
            if family
            else [rows.sort("image_id")]
        )
        weights = self.weights_of(runs[0]["cluster"].to_list())
        values = np.stack([one["value"].to_numpy() for one in runs])
        known = np.isfinite(values)
        filled = np.where(known, values, 0)
        with np.errstate(invalid="ignore"):  # where nothing is defined the mean is nan
            return Sample(
                filled.sum(axis=1) / known.sum(axis=1), (filled @ weights.T) / (known @ weights.T)
            )

    def runs_of(self, family: str) -> list[str]:
        names = self.predictions["model"].unique().to_list()
        return sorted(name for name in names if name.rpartition(", seed ")[0] == family)

    def rows_of(self, rows: pl.DataFrame, name: str) -> pl.DataFrame:
        return rows.filter(pl.col("model") == name).sort("image_id")

    def weights_of(self, clusters: list[str]) -> np.ndarray:
        """How often every film is drawn; equal patients in equal order make equal draws."""
        members, size = membership(clusters)
        generator = np.random.default_rng(0)
        drawn = (generator.integers(size, size=size) for _ in range(self.resamples))
        counts = [np.bincount(patients, minlength=size) for patients in drawn]
        return np.stack(counts).astype(float)[:, members]


def weighted_auroc(weights: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Share of pairs in order, each film counted by its weight; ties count one half."""
    ordered = (scores[labels][:, None] > scores[~labels]) + 0.5 * (
        scores[labels][:, None] == scores[~labels]
    )
    positive, negative = weights[:, labels], weights[:, ~labels]
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return np.einsum("bp,pn,bn->b", positive, ordered, negative, optimize=True) / pairs


def interval(replicates: np.ndarray) -> tuple[float, float]:
    """Percentiles of the defined replicates."""
    defined = replicates[np.isfinite(replicates)]
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def compared(what: str, first: Sample, second: Sample, margin: float = 0.0) -> Compared:
    """First minus second."""
    replicates = first.drawn(1) - second.drawn(2)
    low, high = interval(replicates)
    p = (1 + np.count_nonzero(replicates <= margin)) / (1 + len(replicates))
    value = float(first.runs.mean() - second.runs.mean())
    return Compared(what, value, low, high, float(p), margin)


def claims(plan: Plan, tables: Tables) -> tuple[Claim, ...]:
    """Those of the paper, on the primary network, one endpoint each."""
    primary = plan.networks[0][0]
    linear, wildcat = f"linear, {primary}", f"wildcat, {primary}"
    ours, prior = tables.localization(wildcat, "class_map"), tables.localization("", "mean_mask")
    above = tables.localization("RetinaNet", "detection")
    post_hoc = {method: tables.localization(linear, method) for method in plan.post_hoc}
    found = [
        ("WILDCAT classifies no worse than the linear head",
         [compared("AUROC: WILDCAT - linear", tables.auroc(wildcat), tables.auroc(linear), -MARGIN)]),
        ("its class map localizes better than every post-hoc method on the linear model",
         [compared(f"AUPRC: class map - {name}", ours, one) for name, one in post_hoc.items()]),
        ("RetinaNet bounds it from above",
         [compared("AUPRC: RetinaNet - class map", above, ours)]),
        ("all beat the mean-mask prior",
         [compared(f"AUPRC: {name} - prior", one, prior)
          for name, one in {"class map": ours, "RetinaNet": above, **post_hoc}.items()]),
    ]  # fmt: skip
    adjusted = holm([max(one.p for one in differences) for _, differences in found])
    return tuple(
        Claim(text, tuple(differences), p, verdict(differences, p))
        for (text, differences), p in zip(found, adjusted, strict=True)
    )


def holm(values: Sequence[float]) -> list[float]:
    """Adjusted p-values (Holm, Scand J Stat 1979)."""
    order = np.argsort(values)
    factors = len(values) - np.arange(len(values))
    raised = np.minimum(np.maximum.accumulate(np.array(values)[order] * factors), 1)
    return [float(raised[place]) for place in np.argsort(order)]


def verdict(differences: Sequence[Compared], p: float) -> str:
    if p <= (1 - LEVEL) / 2:
        return "confirmed"
    return "refuted" if any(one.high < one.margin for one in differences) else "undecided"


# Telling ------------------------------------------------------------------------------------------


def results_page(
    plan: Plan, tables: Tables, validation: Mapping[str, float], found: Sequence[Claim]
) -> str:
    """The results as a page: verdicts, then every mean over seeds with the best run beside it."""
    lines = [
        "| claim | verdict | p (Holm) | least certain difference (95% interval) |",
        "|---|---|---|---|",
    ]
    for claim in found:
        worst = max(claim.differences, key=lambda one: one.p)
        span = f"{worst.what}: {worst.value:+.4f} ({worst.low:+.4f} to {worst.high:+.4f})"
        lines.append(f"| {claim.text} | **{claim.verdict}** | {claim.p:.4f} | {span} |")
    lines += [
        "",
        "| network | map | test AUROC | AUPRC | hit rate | best run: AUROC, AUPRC, hit rate |",
        "|---|---|---|---|---|---|",
    ]
    families = [
        (f"{head}, {name}", head) for name, _, _ in plan.networks for head in ("linear", "wildcat")
    ]
    shown = [
        (family, method)
        for family, head in families
        for method in ("class_map", *(plan.post_hoc if head == "linear" else ()))
    ]
    shown.append(("RetinaNet", "detection"))
    classified = {family: tables.auroc(family) for family, _ in shown}
    for family, method in shown:
        samples = [classified[family]] + [
            tables.localization(family, method, metric) for metric in (PRIMARY, "hit_rate")
        ]
        names = tables.runs_of(family)
        best = max(range(len(names)), key=lambda run: validation[names[run]])
        means = " | ".join(f"{one.runs.mean():.3f}" for one in samples)
        lines.append(
            f"| {family} | `{method}` | {means} | {', '.join(f'{one.runs[best]:.3f}' for one in samples)} |"
        )
    prior = [tables.localization("", "mean_mask", metric) for metric in (PRIMARY, "hit_rate")]
    lines.append(
        f"| none | mean-mask prior | | {' | '.join(f'{one.runs[0]:.3f}' for one in prior)} | |"
    )
    return "\n".join(lines) + "\n"


def study(
    plan: Plan, folder: Path, progress: Progress | None = None, beside: int = 1
) -> tuple[Claim, ...]:
    """All of it, or what is missing; results lie in ``results.json`` and ``results.md``."""
    progress = progress or Silent()
    folder.mkdir(parents=True, exist_ok=True)
    contrast = fixed_contrast(plan, folder, progress)
    chosen = fixed_settings(plan, folder, contrast, progress)
    print(f"chosen on validation: {chosen}")
    tables, validation = studied(plan, folder, contrast, chosen, progress, beside)
    found = claims(plan, tables)
    replications = {
        name: [asdict(one) for one in claims(replace(plan, networks=(each,)), tables)]
        for each in plan.networks[1:]
        for name in each[:1]
    }
    page = results_page(plan, tables, validation, found)
    content = {
        "contrast": contrast, "chosen": chosen, "validation AUROC": validation,
        "claims": [asdict(one) for one in found], "other networks": replications,
    }  # fmt: skip
    (folder / "results.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(page, encoding="utf-8")
    print(page)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    plans = parser.add_mutually_exclusive_group()
    plans.add_argument("--tiny", action="store_true", help="only see whether it runs")
    plans.add_argument("--large", action="store_true", help="eight backbones at 320 px, for a GPU")
    parser.add_argument("--output", type=Path, help="runs/wildcat_phantoms unless told")
    parser.add_argument(
        "--beside", type=int, default=1, help="models of the study that are made at once, on a GPU"
    )
    arguments = parser.parse_args()
    plan = TINY if arguments.tiny else LARGE if arguments.large else Plan()
    name = "wildcat_phantoms_large" if arguments.large else "wildcat_phantoms"
    study(plan, arguments.output or Path("runs") / name, beside=arguments.beside)


if __name__ == "__main__":
    main()
