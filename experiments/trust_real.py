"""May the saliency maps of small opacity classifiers be trusted?  The four criteria on real radiographs.

    python experiments/trust_real.py            # all of it, into runs/trust_real
    python experiments/trust_real.py --tiny     # whether it runs: minutes, and no result

Needs the folders of radiographs that ``DATA`` names; docs/results/trust_real.md says what they are, and what came
out.  Killed, the same command goes on.  One table lists every film once, whichever folders hold it, and divides the
patients in two: a model learns from one half and judges the other.  Then follow ordinary experiments, whose files
lie in the output folder: the networks classify all films of the half that they have not seen, and the maps of
those with an opacity are put to the criteria.
"""

import argparse
import json
import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from heatproof.experiment.file import load
from heatproof.progress import Progress, Silent
from heatproof.run.pipeline import run
from heatproof.stats.classification import auroc
from heatproof.trust.meets import meets_all
from heatproof.types import Estimate, Outcome

DATA = Path(__file__).parents[2] / "shared" / "data"
FOLDERS = (
    "nih_pool_320",
    "rsna_pneumonia_320",
    "nih_rsna_1024",
    "nih_bbox_1024",
)  # first come, first taken
NETWORK = Path(__file__).resolve().parent / "mobilenet_found.py"
FINDING = "Lung Opacity"


@dataclass(frozen=True)
class Plan:
    """How large the run is; ``TINY`` says only whether it runs."""

    size: int = 224
    films: int = 64  # with an opacity, at most, on which maps are compared
    seeds: tuple[int, ...] = (0, 1, 2)
    heads: tuple[str, ...] = ("linear", "wildcat")  # the first on both networks
    resnet: str = "resnet10t(width=32)"
    phantoms: int = 1600  # that ResNet learns from first, at half the size
    phantom_epochs: int = 8
    epochs: int = 20
    draws: int = 1  # of random weights, of each model
    methods: tuple[str, ...] = (
        "class_map", "grad_cam", "grad_cam_plus_plus", "gradient", "integrated_gradients(steps=8)",
        "smooth_grad(samples=8)", "smooth_grad(base=integrated_gradients(steps=4), samples=2)",
        "lrp", "xrai(base=integrated_gradients(steps=4, baseline='extremes'), algorithm='fast')",
    )  # fmt: skip
    cheap: tuple[str, ...] = ("class_map", "grad_cam", "grad_cam_plus_plus", "gradient", "lrp")


TINY = Plan(
    size=64,
    films=6,
    seeds=(0, 1),
    heads=("linear",),
    resnet="resnet10t(width=8)",
    phantoms=16,
    phantom_epochs=1,
    epochs=1,
    draws=1,
    methods=("class_map", "gradient"),
    cheap=("class_map",),
)


# Films --------------------------------------------------------------------------------------------


def table(data: Path) -> pl.DataFrame:
    """One row per film of the NIH, from whichever folder has it first; ``opacity`` where a radiologist read it.

    Those read for RSNA have their class; of the others only "No Finding" is told, by the words of the report.
    """
    columns = [
        "file",
        "fold",
        "nih_image",
        "nih_patient",
        "nih_labels",
        "rsna_class",
        "boxes",
        "nih_view",
    ]
    parts = []
    for folder in FOLDERS:
        rows = pl.read_csv(data / folder / "manifest.csv", infer_schema=False)
        drawn = next((name for name in rows.columns if name.startswith("boxes_xywh")), None)
        boxes = pl.col(drawn) if drawn else pl.lit(None, pl.String)
        rows = rows.with_columns(file=pl.lit(f"{folder}/") + pl.col("file"), boxes=boxes)
        parts.append(rows.select(columns))
    films = pl.concat(parts).unique("nih_image", keep="first", maintain_order=True)
    read = pl.col("rsna_class").fill_null("")
    none = read.is_in(["Normal", "No Lung Opacity / Not Normal"])
    opacity = (
        pl.when(read == FINDING).then(1)
        .when(none | ((read == "") & (pl.col("nih_labels") == "No Finding"))).then(0)
    )  # fmt: skip
    films = films.with_columns(opacity=opacity).filter(pl.col("opacity").is_not_null())
    folds = films.group_by("nih_patient").agg(pl.col("fold").n_unique())
    assert folds["fold"].max() == 1, "a patient is in both halves"
    return films.sort("nih_image")


# Experiment files ---------------------------------------------------------------------------------


def films(data: Path, name: str, more: str) -> str:
    return (
        f'[[data]]\nname = "{name}"\ndataset = "manifest"\ncsv = "films.csv"\n'
        f'images = "{data}"\nimage = "file"\nid = "nih_image"\npatient = "nih_patient"\n'
        f'view = "nih_view"\nboxes = "boxes"\nboxes_frame = [1024, 1024]\nmetadata = ["fold"]\n'
        f'labels."{FINDING}" = "opacity"\n{more}\n\n'
    )


def training_data(plan: Plan, data: Path) -> str:
    """What trains: three quarters of the patients of each half, and what stops it: the others."""
    text = ""
    for fold in (0, 1):
        for part in ("training", "validation"):
            where = (
                f'where = {{ fold = "{fold}" }}\nparts = {{ training = 0.75, validation = 0.25 }}'
            )
            text += films(data, f"{part}, half {fold}", f'{where}\npart = "{part}"\njudged = false')
    for part, count in (("training", plan.phantoms), ("validation", plan.phantoms // 4)):
        text += (
            f'[[data]]\nname = "{part} phantoms"\ndataset = "phantom"\nimages = {count}\n'
            f"seed = {count}\nsize = {plan.size}\njudged = false\n\n"
        )
    return text


def networks(plan: Plan, data: Path, head: str, seeds: Sequence[int], *, both: bool = True) -> str:
    side = f"squash(height={plan.size}, width={plan.size})"
    scaling = f'scaling = {{ geometry = "{side}", mean = [0.5], std = [0.5] }}'
    scaling = scaling.replace("[0.5]", "[0.5, 0.5, 0.5]")
    found = {"code": data / "weights/mobilenet.py"}
    found["weights"] = data / "weights/mobilenet_found/imagenet_mnv2_035_features_only.pt"
    arguments = ", ".join(f'{key} = "{path}"' for key, path in found.items())
    module = f'module = "{NETWORK.name}:build"\nfeatures = "top"'
    kinds = {"MobileNetV2": (f"{module}\narguments = {{ {arguments} }}", "")}
    text = ""
    if both:
        start = "ResNet-10 on phantoms"
        kinds["ResNet-10"] = (f'backbone = "{plan.resnet}"', f'start = "{start}", ')
        settings = f"max_epochs = {plan.phantom_epochs}, lr = 2e-3, batch = 16"
        half = scaling.replace(str(plan.size), str(plan.size // 2))
        text = (
            f'[[models]]\nname = "{start}"\nbackbone = "{plan.resnet}"\n{half}\ndata = []\n'
            'training = { data = "training phantoms", validation = "validation phantoms",'
            f" settings = {{ {settings} }} }}\n\n"
        )
    settings = (
        f"max_epochs = {plan.epochs}, patience = 8, monitor = 'loss', lr = 3e-4, batch = 16,"
        " balance = 'sample', augment = ['flip', 'affine']"
    )
    for name, (what, start) in kinds.items():
        for fold in (0, 1):
            text += (
                f'[[models]]\nname = "{name}, {head}, half {fold}"\ngroup = "{name}, {head}"\n'
                f'{what}\nhead = "{head}"\nseeds = {list(seeds)}\n{scaling}\n'
                f'judges = {{ fold = "{1 - fold}" }}\n'
                f'training = {{ data = "training, half {fold}", validation = "validation, half {fold}",'
                f" {start}settings = {{ {settings} }} }}\n\n"
            )
    return text


def written(
    folder: Path,
    name: str,
    body: str,
    methods: Sequence[str],
    more: str = "",
    metrics: Sequence[str] = ("auprc", "hit_rate"),
) -> Path:
    asked = "" if "[trust]" in more else "trust = false\n"
    file = folder / f"{name}.toml"
    head = name.partition(" ")[0]  # its experiments share models, and so a folder and a name
    shutil.copy(NETWORK, folder)  # an experiment runs code beside it alone
    file.write_text(
        f'name = "Opacity classifiers on real radiographs: {head}"\noutput = "{head}"\n{asked}\n'
        f"{body}[explain]\nmethods = {json.dumps(list(methods))}\n\n"
        f"[score]\nmetrics = {json.dumps(list(metrics))}\n\n{more}",
        encoding="utf-8",
    )
    return file


def trust(plan: Plan, criteria: Sequence[str]) -> str:
    return (
        f"[trust]\ncriteria = {json.dumps(list(criteria))}\nimages = {plan.films}\n"
        f'side = {plan.size}\nrules = ["heatproof", "arun2021"]\n'
    )


# Steps --------------------------------------------------------------------------------------------


def study(plan: Plan, data: Path, folder: Path, progress: Progress | None = None) -> None:
    """All of it, or what is missing; of each head a folder of results, and one of cascades."""
    progress = progress or Silent()
    folder.mkdir(parents=True, exist_ok=True)
    listed = table(data)
    listed.write_csv(folder / "films.csv")
    data = Path(os.path.relpath(data, folder))
    every = training_data(plan, data) + films(data, "all films", "")
    opacities = training_data(plan, data) + films(
        data, "films with an opacity", "where = { opacity = 1 }"
    )
    for head in plan.heads:
        both = head == Plan.heads[0]
        models = networks(plan, data, head, plan.seeds, both=both)
        criteria = ["repeatability", *(["reproducibility"] if both else [])]
        criteria.append(f"randomization(order='whole', draws={plan.draws})")
        classified = written(folder, f"{head} classified", every + models, plan.methods[:1])
        kept = folder / f"{head} predictions.parquet"
        if not kept.exists():  # the next report takes its place
            out = run(load(classified), progress=progress)
            pl.read_parquet(out.parent / "predictions.parquet").write_parquet(kept)
        grid = written(folder, head, opacities + models, plan.methods, trust(plan, criteria))
        run(load(grid), progress=progress)
    for head in plan.heads:
        models = networks(plan, data, head, plan.seeds[:1], both=False)
        more = trust(plan, [f"randomization(draws={plan.draws})"])
        cascade = written(folder, f"{head} cascade", opacities + models, plan.cheap, more)
        names = run(load(cascade), "trust", progress)
        rows = pl.concat(pl.read_parquet(unit) for unit in sorted(names.glob("*.parquet")))
        cascaded = pl.col("criterion").str.starts_with(f"randomization(draws={plan.draws}")
        rows.filter(cascaded).write_parquet(folder / f"{head} cascade.parquet")
    page = results_page(plan, listed, folder)
    (folder / "results.md").write_text(page, encoding="utf-8")
    print(page)


# Telling ------------------------------------------------------------------------------------------


def results_page(plan: Plan, listed: pl.DataFrame, folder: Path) -> str:
    """The results as tables: what the films are, how the networks classify, the grids."""
    lines = counted(listed)
    for head in plan.heads:
        lines += classified(pl.read_parquet(folder / f"{head} predictions.parquet"))
    for head in plan.heads:
        verdicts = pl.read_parquet(folder / head / "verdicts.parquet")
        for rule in ("heatproof", "arun2021"):
            lines += ["", f"**{head} head, rule `{rule}`**", ""]
            lines += gridded(verdicts.filter(pl.col("rule") == rule))
    for head in plan.heads:
        rows = pl.read_parquet(folder / f"{head} cascade.parquet")
        lines += ["", f"**{head} head: SSIM with the trained map after each block**", ""]
        lines += cascaded(rows)
    return "\n".join(lines) + "\n"


def counted(listed: pl.DataFrame) -> list[str]:
    lines = ["| half | films | with an opacity | patients |", "|---|---|---|---|"]
    for (fold,), rows in listed.group_by(["fold"], maintain_order=True):
        patients = rows["nih_patient"].n_unique()
        lines.append(f"| {fold} | {len(rows)} | {rows['opacity'].sum()} | {patients} |")
    return [*lines[:2], *sorted(lines[2:])]


def classified(predictions: pl.DataFrame) -> list[str]:
    """AUROC on unseen films, both halves together, of each seed; and of the better and worse half."""
    lines = [
        "",
        "| network | AUROC on films not seen [95%] | of half 0, of half 1 |",
        "|---|---|---|",
    ]
    rows = predictions.filter(pl.col("label").is_not_null())
    for (model,), some in rows.group_by(["model"], maintain_order=True):
        halves = ", ".join(f"{reached(one).value:.2f}" for one in some.partition_by("member"))
        lines.append(f"| {model} | {spanned(reached(some))} | {halves} |")
    return lines


def reached(rows: pl.DataFrame) -> Estimate:
    labels = rows["label"].to_numpy()
    return auroc(rows["probability"].to_numpy(), labels, rows["cluster"].to_list())


def spanned(one: Estimate) -> str:
    return f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"


def gridded(verdicts: pl.DataFrame) -> list[str]:
    """Criterion by method: the value with its interval, what it had to pass, and the verdict."""
    criteria = verdicts["criterion"].unique(maintain_order=True).to_list()
    names = [criterion.partition("(")[0] for criterion in criteria]
    lines = [f"| method | {' | '.join(names)} | all four |", "|---" * (len(names) + 2) + "|"]
    for (method,), rows in verdicts.group_by(["method"], maintain_order=True):
        found = {row["criterion"]: row for row in rows.iter_rows(named=True)}
        outcomes = {name: Outcome(found[name]["verdict"]) for name in criteria}
        cells = [cell(found[criterion]) for criterion in criteria]
        lines.append(f"| `{method}` | {' | '.join(cells)} | {meets_all(outcomes)} |")
    return lines


def cell(row: dict[str, Any]) -> str:
    if math.isnan(row["value"]):
        return f"**{row['verdict']}**"
    span = "" if math.isnan(row["low"]) else f" [{row['low']:.2f}, {row['high']:.2f}]"
    side = ">" if row["above"] else "<"
    return f"**{row['verdict']}** {row['value']:.2f}{span} {side} {row['threshold']:.2f}"


def cascaded(rows: pl.DataFrame) -> list[str]:
    """The mean over films and models after each step, beside that of random pairs."""
    steps = rows.filter(pl.col("population") == "same film")["step"].unique(maintain_order=True)
    lines = [f"| method | {' | '.join(steps)} | random pairs |", "|---" * (len(steps) + 2) + "|"]
    for (method,), some in rows.group_by(["method"], maintain_order=True):
        means = [
            some.filter(pl.col("step") == step)["value"].fill_nan(None).mean() for step in steps
        ]
        pairs = some.filter(pl.col("population") == "random pairs")["value"].fill_nan(None).mean()
        lines.append(f"| `{method}` | {' | '.join(map(mean, [*means, pairs]))} |")
    return lines


def mean(value: Any) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="only see whether it runs")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--output", type=Path, default=Path("runs/trust_real"))
    parser.add_argument("--heads", nargs="+", default=Plan.heads, help="some of them only")
    arguments = parser.parse_args()
    plan = TINY if arguments.tiny else Plan(heads=tuple(arguments.heads))
    study(plan, arguments.data, arguments.output)


if __name__ == "__main__":
    main()
