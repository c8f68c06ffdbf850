"""What the trainings of ``heads_phantoms.py`` say so far, as the results of docs/results/heads_phantoms.md.

    python experiments/heads_phantoms_page.py

It reads the small files in experiments/heads_phantoms and trains nothing.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from heads_phantoms import (
    FINAL_SEEDS,
    GUIDED,
    HEADS,
    POST_HOC,
    Plan,
    Study,
    chosen,
    rankdata,
    slug,
    units,
)
from wildcat_phantoms import Compared, Sample, compared, interval

from heatproof.localize import Detections
from heatproof.localize.metrics.pointwise_detection import PointwiseAP
from heatproof.stats.calibration import calibration
from heatproof.stats.clusters import membership
from heatproof.stats.multiple import adjusted

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs/results/heads_phantoms.md"
MARK = "<!-- results -->"
RESULTS = HERE / "heads_phantoms"
KINDS = ("Nodule", "Consolidation", "Diffuse")
MARGIN = 0.01  # AUROC that a head may lack and still be no worse
DRAWS = 2000
MAP = "class_map"


class Records:
    """All files of results, and what is drawn of the patients of the test films."""

    def __init__(self, folder: Path, kinds: Sequence[str] = KINDS) -> None:
        self.files = {
            path.stem: json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(folder.glob("*.json"))
        }
        bounds = self.files.get("bounds")
        self.bounds = bounds
        if bounds:
            members, size = membership(bounds["patient"])
            generator = np.random.default_rng(0)
            counts = [
                np.bincount(generator.integers(size, size=size), minlength=size)
                for _ in range(DRAWS)
            ]
            self.weights = np.stack(counts).astype(float)[:, members]
            self.labels = {kind: np.array(bounds["labels"][kind]) == 1 for kind in kinds}

    def runs(self, name: str, family: str = "final") -> list[dict[str, Any]]:
        every = [f"{family}-{slug(name)}-seed{seed}" for seed in FINAL_SEEDS]
        return [self.files[file] for file in every if file in self.files]

    def auroc(self, name: str, kind: str, family: str = "final") -> Sample:
        logits = [np.array(run["logits"][kind], float) for run in self.runs(name, family)]
        once = np.ones((1, len(self.labels[kind])))
        return sample(
            [weighted_auroc(once, values, self.labels[kind])[0] for values in logits],
            [weighted_auroc(self.weights, values, self.labels[kind]) for values in logits],
        )

    def maps(
        self, name: str, kind: str, metric: str, method: str = MAP, family: str = "final"
    ) -> Sample:
        """Mean over films with the finding; the prior and the ceiling are names of their own."""
        if name in ("prior", "ceiling"):
            every = [self.bounds[name][kind][metric]]
        elif method == MAP:
            every = [run["class_map"][kind][metric] for run in self.runs(name, family)]
        else:
            every = [run["post_hoc"][method][kind][metric] for run in self.runs(name, family)]
        rows = np.flatnonzero(self.labels[kind])[: len(every[0])] if every else []
        values = np.array(every, float).reshape(len(every), -1)
        known = np.isfinite(values)
        filled = np.where(known, values, 0)
        weights = self.weights[:, rows]
        with np.errstate(invalid="ignore"):
            return sample(
                filled.sum(axis=1) / known.sum(axis=1), (filled @ weights.T) / (known @ weights.T)
            )

    def pointwise(self, name: str, kind: str) -> Sample:
        runs, replicates = [], []
        label = self.labels[kind]
        for run in self.runs(name):
            hits = np.full(len(label), np.nan)
            hits[label] = run["class_map"][kind]["pointwise_ap"]
            probability = 1 / (1 + np.exp(-np.array(run["logits"][kind]) / 100))
            found = Detections(hits[:, None], label.astype(int), probability, *(label,) * 2)
            runs.append(PointwiseAP().of_dataset(found, np.ones((1, len(label))))[0])
            replicates.append(PointwiseAP().of_dataset(found, self.weights))
        return sample(runs, replicates)

    def calibrated(self, name: str, kind: str) -> tuple[float, float]:
        """Mean Brier score and expected calibration error over seeds."""
        label = self.labels[kind]
        every = []
        for run in self.runs(name):
            probability = 1 / (1 + np.exp(-np.array(run["logits"][kind]) / 100))
            found = calibration(probability, label, self.bounds["patient"])
            every.append((found.brier, found.ece))
        brier, ece = np.mean(every, axis=0)
        return float(brier), float(ece)


def sample(runs: Sequence[float], replicates: Any) -> Sample:
    return Sample(np.asarray(runs, float), np.asarray(replicates, float))


def weighted_auroc(weights: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Share of pairs in order, each film counted by its weight; ties count one half."""
    place = rankdata(scores, "dense").astype(int) - 1
    levels = place.max() + 1
    negative, positive = (np.zeros((len(weights), levels)) for _ in range(2))
    for side, who in ((negative, ~labels), (positive, labels)):
        np.add.at(side.T, place[who], weights[:, who].T)
    below = np.cumsum(negative, axis=1) - negative / 2
    return (positive * below).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))


# Claims -------------------------------------------------------------------------------------------


def claims(records: Records, kind: str) -> Iterator[tuple[str, str, list[Compared]]]:
    """Head, claim, and the differences that it needs, of heads with all their seeds."""
    linear = records.auroc("linear", kind)
    for head in HEADS:
        own = records.maps(head, kind, "auprc")
        if head != "linear":
            yield head, "a", [compared(head, records.auroc(head, kind), linear, -MARGIN)]
        few = len(records.runs("linear")[0]["post_hoc"][POST_HOC[0]][kind]["auprc"])
        mine = first(records, head, kind, few)
        yield (
            head,
            "b",
            [
                compared(method, mine, records.maps("linear", kind, "auprc", method))
                for method in POST_HOC
            ],
        )
        yield head, "c", [compared("guided", records.maps(GUIDED, kind, "auprc"), own)]
        yield head, "d", [compared("prior", own, prior_like(records, kind, len(own.runs)))]


def first(records: Records, head: str, kind: str, count: int) -> Sample:
    """AUPRC of a head on the films that post-hoc methods explain."""
    values = np.array(
        [run["class_map"][kind]["auprc"][:count] for run in records.runs(head)], float
    )
    weights = records.weights[:, np.flatnonzero(records.labels[kind])[:count]]
    with np.errstate(invalid="ignore"):  # a draw may hold none of these films
        return sample(values.mean(axis=1), (values @ weights.T) / weights.sum(axis=1))


def prior_like(records: Records, kind: str, seeds: int) -> Sample:
    prior = records.maps("prior", kind, "auprc")
    return sample(prior.runs.repeat(seeds), prior.replicates.repeat(seeds, axis=0))


def verdicts(records: Records, kind: str) -> list[str]:
    found = list(claims(records, kind))
    worst = [max(differences, key=lambda one: one.p) for _, _, differences in found]
    corrected = adjusted(np.array([one.p for one in worst]))
    lines = ["| head | claim | least certain difference | verdict |", "|---|---|---|---|"]
    for (head, claim, differences), one, p in zip(found, worst, corrected, strict=True):
        refuted = any(each.high < each.margin for each in differences)
        verdict = "confirmed" if p <= 0.025 else "refuted" if refuted else "undecided"
        told = f"{one.what} {one.value:+.3f} ({one.low:+.3f} to {one.high:+.3f})"
        lines.append(f"| `{head}` | {claim} | {told} | {verdict} |")
    return lines


# The page -----------------------------------------------------------------------------------------


def told(one: Sample) -> str:
    if not len(one.runs):
        return ""
    low, high = interval(one.drawn(1))
    return f"{one.runs.mean():.3f} ({low:.3f} to {high:.3f})"


def page(folder: Path, plan: Plan) -> str:
    records = Records(folder)
    wanted = [name for name, _ in units(Study(plan, folder, folder))]
    trainings = [name for name in wanted if name != "bounds"]
    done = [name for name in trainings if name in records.files]
    lines = [
        f"**In progress: {len(done)} of {len(trainings)} trainings.**"
        if len(done) < len(trainings)
        else f"Complete: {len(done)} trainings.",
        "",
    ]
    if len(done) < len(trainings):
        lines += [
            "No head is compared before all seeds of it and of the linear head are there; settings are fixed when all trials are.",
            "",
        ]
    lines += trials(records)
    complete = [head for head in (*HEADS, GUIDED) if len(records.runs(head)) == len(FINAL_SEEDS)]
    if not records.bounds or "linear" not in complete:
        return "\n".join(lines)
    for kind in KINDS:
        lines += [
            "",
            f"### {kind}",
            "",
            "| head | AUROC | AUPRC of the map | hit rate | IoU | pointwise AP | Brier, ECE |",
            "|---|---|---|---|---|---|---|",
        ]
        for head in complete:
            cells = [
                told(records.auroc(head, kind)),
                *(told(records.maps(head, kind, m)) for m in ("auprc", "hit_rate", "iou")),
                told(records.pointwise(head, kind)),
            ]
            brier, ece = records.calibrated(head, kind)
            lines.append(f"| {head} | {' | '.join(cells)} | {brier:.3f}, {ece:.3f} |")
        for method in POST_HOC:
            cells = [
                told(records.maps("linear", kind, m, method)) for m in ("auprc", "hit_rate", "iou")
            ]
            lines.append(f"| linear, `{method}` | | {' | '.join(cells)} | | |")
        for bound in ("prior", "ceiling"):
            cells = [
                f"{records.maps(bound, kind, m).runs[0]:.3f}" for m in ("auprc", "hit_rate", "iou")
            ]
            lines.append(f"| {bound} | | {' | '.join(cells)} | | |")
        if len(complete) == len(HEADS) + 1:
            lines += ["", *verdicts(records, kind)]
    lines += ["", *costs(records, complete)]
    return "\n".join(lines)


def trials(records: Records) -> list[str]:
    """Validation AUROC of every trial, mean over findings and over the seeds that are there."""
    lines = [
        "| head | trials: validation AUROC, mean over findings and seeds | chosen |",
        "|---|---|---|",
    ]
    for head in HEADS:
        cells = []
        for trial in range(4):
            runs = [
                run
                for name, run in records.files.items()
                if name.startswith(f"trial-{head}-{trial}-")
            ]
            best = [max(float(np.mean(epoch)) for epoch in run["validation"]) for run in runs]
            cells.append(f"{np.mean(best):.3f}" if best else "–")
        complete = sum(name.startswith(f"trial-{head}-") for name in records.files) == 8
        picked = chosen(RESULTS, head) if complete else None
        told = (
            f"`{picked.head}`, lr {picked.lr:g}, weight decay {picked.decay:g}"
            if picked
            else "open"
        )
        lines.append(f"| `{head}` | {', '.join(cells)} | {told} |")
    return lines


def costs(records: Records, complete: Sequence[str]) -> list[str]:
    lines = [
        "| head | seconds of CPU of a training | left over beside the map, mean of a logit | randomization: Nodule, Consolidation, Diffuse |",
        "|---|---|---|---|",
    ]
    for head in complete:
        runs = records.runs(head)
        seconds = np.median([run["seconds"] for run in runs])
        left = np.mean([run["left over"] for run in runs])
        passed = [
            "/".join(
                str(
                    sum(
                        row["verdict"] == verdict
                        for run in runs
                        for row in run["randomization"]
                        if row["finding"] == kind
                    )
                )
                for verdict in ("pass", "fail", "inconclusive")
            )
            for kind in KINDS
        ]
        lines.append(
            f"| {head} | {seconds:.0f} | {left:.3f} | {', '.join(passed)} (pass/fail/inconclusive) |"
        )
    return lines


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, _, after = text.split(MARK)
    PAGE.write_text(f"{before}{MARK}\n\n{page(RESULTS, Plan())}\n\n{MARK}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
