"""A linear and a WILDCAT head on the same features, fine-tuned on real radiographs: which is better, and how sure?

    python experiments/heads_real.py            # all of it, into runs/heads_real
    python experiments/heads_real.py --tiny     # whether it runs: minutes, and no result

The films, their two halves and the trainings are those of ``trust_real.py``: MobileNetV2 with features of
ImageNet, three seeds of each head, each judged on the half of the patients that it has not seen.
docs/results/heads_real.md says what came out.  Killed, the same command goes on.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from trust_real import DATA, TINY, Plan, counted, films, networks, table, training_data, written
from wildcat_phantoms import Compared, Sample, Tables, compared, interval

from heatproof.experiment.file import load
from heatproof.localize import Detections
from heatproof.localize.metrics.pointwise_detection import PointwiseAP
from heatproof.progress import Progress, Silent
from heatproof.run.pipeline import run

HEADS = ("linear", "wildcat")
MAP, PRIOR = "class_map", "mean_mask"
RESAMPLES = 10_000
MEASURES = ("AUROC", "AUPRC", "pointwise AP", "hit rate")


def study(plan: Plan, data: Path, folder: Path, progress: Progress | None = None) -> str:
    """All of it, or what is missing; the page lies in ``results.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = table(data)
    listed.write_csv(folder / "films.csv")
    data = Path(os.path.relpath(data, folder))
    body = training_data(plan, data) + films(data, "all films", "")
    for head in HEADS:
        body += networks(plan, data, head, plan.seeds, both=False)
    metrics = ["auprc", "hit_rate", "pointwise_ap"]
    experiment = load(written(folder, "heads", body, [MAP], metrics=metrics))
    out = run(experiment, progress=progress or Silent()).parent
    page = results_page(tables_of(out), listed)
    (folder / "results.md").write_text(page, encoding="utf-8")
    return page


def tables_of(out: Path) -> Tables:
    """Of the judged films, with the two halves of a training under one name."""
    rows = [pl.read_parquet(out / f"{name}.parquet") for name in ("scores", "predictions")]
    scores, predictions = rows
    return Tables(scores, predictions.filter(pl.col("data") == "all films"), RESAMPLES)


def pointwise(tables: Tables, family: str, method: str) -> Sample:
    """Pointwise AP of every run: its probabilities, and the points of its maps or of the prior."""
    points = tables.scores.filter(
        (pl.col("metric") == "pointwise_ap") & (pl.col("method") == method)
    )
    runs, replicates = [], []
    for name in tables.runs_of(family):
        rows = tables.rows_of(tables.predictions, name)
        mine = points if method == PRIOR else points.filter(pl.col("model") == name)
        rows = rows.join(
            mine.select("image_id", "regions", "value"), "image_id", "left", maintain_order="left"
        )
        found = Detections(
            rows["value"].fill_null(np.nan).to_numpy()[:, None],
            rows["regions"].fill_null(0).to_numpy(),
            rows["probability"].to_numpy(),
            *(rows["label"].to_numpy(),) * 2,
        )
        weights = tables.weights_of(rows["cluster"].to_list())
        metric = PointwiseAP()
        runs.append(metric.of_dataset(found, np.ones((1, len(rows))))[0])
        replicates.append(metric.of_dataset(found, weights))
    return Sample(np.array(runs), np.stack(replicates))


def measured(tables: Tables, family: str, method: str) -> dict[str, Sample]:
    """By measure; of the prior the family lends its probabilities."""
    place = "" if method == PRIOR else family
    return {
        "AUROC": tables.auroc(family),
        "AUPRC": tables.localization(place, method),
        "pointwise AP": pointwise(tables, family, method),
        "hit rate": tables.localization(place, method, "hit_rate"),
    }


def results_page(tables: Tables, listed: pl.DataFrame) -> str:
    """Every seed, the mean over seeds, and the differences, with intervals."""
    family = {head: f"MobileNetV2, {head}" for head in HEADS}
    found = {head: measured(tables, family[head], MAP) for head in HEADS}
    priors = {head: measured(tables, family[head], PRIOR) for head in HEADS}
    lines = [*counted(listed), "", f"| head | {' | '.join(MEASURES)} |"]
    lines.append("|---" * (len(MEASURES) + 1) + "|")
    for head, samples in found.items():
        for seed in range(len(samples["AUROC"].runs)):
            cells = (cell(samples[m].runs[seed], samples[m].replicates[seed]) for m in MEASURES)
            lines.append(f"| {head}, seed {seed} | {' | '.join(cells)} |")
    for head, samples in found.items():
        cells = (cell(samples[m].runs.mean(), samples[m].drawn(1)) for m in MEASURES)
        lines.append(f"| **{head}, mean over seeds** | {' | '.join(cells)} |")
    for head, samples in priors.items():
        cells = (cell(samples[m].runs.mean(), samples[m].drawn(1)) for m in MEASURES[1:])
        lines.append(f"| mean-mask prior, probabilities of {head} | | {' | '.join(cells)} |")
    lines += ["", f"| difference | {' | '.join(MEASURES)} |", "|---" * (len(MEASURES) + 1) + "|"]
    linear, wildcat = (found[head] for head in HEADS)
    lines.append(row("wildcat - linear", lambda m: compared(m, wildcat[m], linear[m])))
    for head in HEADS:
        mine, prior = found[head], priors[head]
        lines.append(
            row(
                f"{head} - prior",
                lambda m, mine=mine, prior=prior: compared(m, mine[m], prior[m]),
                MEASURES[1:],
            )
        )
    return "\n".join(lines) + "\n"


def row(name: str, of: Callable[[str], Compared], measures: tuple[str, ...] = MEASURES) -> str:
    cells = []
    for measure in MEASURES:
        one = of(measure) if measure in measures else None
        cells.append("" if one is None else f"{one.value:+.2f} [{one.low:+.2f}, {one.high:+.2f}]")
    return f"| {name} | {' | '.join(cells)} |"


def cell(value: float, replicates: np.ndarray) -> str:
    low, high = interval(replicates)
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="only see whether it runs")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--output", type=Path, default=Path("runs/heads_real"))
    arguments = parser.parse_args()
    print(study(TINY if arguments.tiny else Plan(), arguments.data, arguments.output))


if __name__ == "__main__":
    main()
