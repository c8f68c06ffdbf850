"""How many of the 984 NIH boxes does a prior find that sees no film, and which published rows lie below?

    python benchmarks/location_prior.py --boxes ../shared/data/tables/BBox_List_2017.csv.gz

The prior of a box is the mean box mask of *other patients* with the finding, on a grid of 128 x 128, cut at a
share of its maximum; its box is that of the part that holds the maximum.  A box is found where IoU (or IoBB, the
intersection over the found box) with the marked box exceeds a threshold.  Each number is the mean over the eight
findings of the share of boxes found.  Intervals resample patients.  Writes ``benchmarks/results/location_prior.json``
and ``docs/results/location_prior.md``.
"""

import argparse
import csv
import gzip
import json
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from heatproof.report.published import CHESTXRAY8, NIH_BOXES, published_numbers
from heatproof.report.published.nih_boxes import ROWS, THRESHOLDS

HERE = Path(__file__).resolve().parent
BOXES = HERE.parents[1] / "shared" / "data" / "tables" / "BBox_List_2017.csv.gz"
RESULTS = HERE / "results" / "location_prior.json"
PAGE = HERE.parent / "docs" / "results" / "location_prior.md"
FRAME, GRID = 1024, 128
CUTS = (0.5, 0.9)
IOBB = (0.1, 0.25, 0.5, 0.75, 0.9)
RESAMPLES = 1000
Box = tuple[float, float, float, float]  # left, top, right, bottom, in cells


def boxes(path: Path) -> dict[str, list[tuple[str, Box]]]:
    """By finding: patient and box."""
    found: dict[str, list[tuple[str, Box]]] = defaultdict(list)
    with gzip.open(path, "rt", newline="") as file:
        _, *rows = csv.reader(file)
    for name, finding, *numbers in rows:
        x, y, width, height = (float(number) * GRID / FRAME for number in numbers[:4])
        found[finding].append((name.partition("_")[0], (x, y, x + width, y + height)))
    return dict(found)


def drawn(box: Box) -> np.ndarray:
    """1 in the cells whose centre lies in the box."""
    centres = np.arange(GRID) + 0.5
    down = (centres >= box[1]) & (centres < box[3])
    across = (centres >= box[0]) & (centres < box[2])
    return np.outer(down, across).astype(float)


def box_of(mean: np.ndarray, cut: float) -> Box:
    """The box of the part that holds the maximum, above a share of it."""
    above = (mean >= cut * mean.max()).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(above)
    left, top, width, height, _ = stats[labels[np.unravel_index(mean.argmax(), mean.shape)]]
    return float(left), float(top), float(left + width), float(top + height)


def overlaps(found: Box, marked: Box) -> tuple[float, float]:
    """IoU and IoBB."""
    width = min(found[2], marked[2]) - max(found[0], marked[0])
    height = min(found[3], marked[3]) - max(found[1], marked[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (found, marked)]
    return shared / (sum(areas) - shared), shared / areas[0]


def measured(marked: dict[str, list[tuple[str, Box]]], cut: float) -> dict[str, np.ndarray]:
    """By finding, a row per box: IoU, IoBB and whether the maximum lies in the box."""
    found = {}
    for finding, cases in marked.items():
        masks = [drawn(box) for _, box in cases]
        total, rows = np.sum(masks, axis=0), []
        for patient, box in cases:
            own = [mask for (other, _), mask in zip(cases, masks, strict=True) if other == patient]
            mean = (total - np.sum(own, axis=0)) / (len(cases) - len(own))
            row, column = np.unravel_index(mean.argmax(), mean.shape)
            inside = box[0] <= column + 0.5 <= box[2] and box[1] <= row + 0.5 <= box[3]
            rows.append((*overlaps(box_of(mean, cut), box), float(inside)))
        found[finding] = np.array(rows)
    return found


def interval(
    marked: dict[str, list[tuple[str, Box]]], hits: dict[str, np.ndarray]
) -> tuple[float, float]:
    """95% of the mean over findings, patients drawn anew (with all of their boxes)."""
    draws = np.random.default_rng(0)
    names = sorted({patient for cases in marked.values() for patient, _ in cases})
    place = {name: number for number, name in enumerate(names)}
    means = []
    for _ in range(RESAMPLES):
        weight = np.bincount(draws.integers(0, len(names), len(names)), minlength=len(names))
        shares = []
        for finding, cases in marked.items():
            counts = weight[[place[patient] for patient, _ in cases]]
            shares.append(counts @ hits[finding] / counts.sum())
        means.append(np.mean(shares))
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def results(marked: dict[str, list[tuple[str, Box]]]) -> dict:
    """Every number of the page."""
    told: dict = {
        "boxes": {finding: len(cases) for finding, cases in marked.items()},
        "iou": {},
        "iobb": {},
    }
    for cut in CUTS:
        scores = measured(marked, cut)
        for kind, column, thresholds in (("iou", 0, THRESHOLDS), ("iobb", 1, IOBB)):
            for threshold in thresholds:
                hits = {name: rows[:, column] > threshold for name, rows in scores.items()}
                by_finding = {name: float(found.mean()) for name, found in hits.items()}
                low, high = interval(marked, hits)
                told[kind][f"{threshold}, cut {cut}"] = {
                    "mean": float(np.mean([*by_finding.values()])),
                    "low": low,
                    "high": high,
                    "by finding": by_finding,
                }
    pointing = {name: float(rows[:, 2].mean()) for name, rows in scores.items()}
    told["pointing"] = {"mean": float(np.mean([*pointing.values()])), "by finding": pointing}
    return told


def page(told: dict) -> str:
    """The numbers, and the published rows beside them."""
    prior = [told["iou"][f"{threshold}, cut 0.5"] for threshold in THRESHOLDS]
    lines = [
        "# What the usual place of a finding is worth on the NIH boxes",
        "",
        "984 boxes of eight findings. The prior sees no film: it is the mean box mask of *other patients* with the"
        " finding, cut at a share of its maximum. Each number is the mean over findings of the share of boxes found,"
        " with 95% over patients. Weakly supervised methods have no boxes and this prior has, so it is a control, and no"
        " competitor: what lies below it says less of where a finding is than the finding's name does.",
        "",
        "```sh",
        "python benchmarks/location_prior.py --boxes BBox_List_2017.csv.gz",
        "```",
        "",
        "## IoU, and published rows",
        "",
        f"| | {' | '.join(f'> {threshold}' for threshold in THRESHOLDS)} | below the prior at |",
        "|---" * (len(THRESHOLDS) + 2) + "|",
        "| **location prior** | "
        + " | ".join(f"**{p['mean']:.2f}** [{p['low']:.2f}, {p['high']:.2f}]" for p in prior)
        + " | |",
    ]
    tight = [told["iou"][f"{threshold}, cut 0.9"]["mean"] for threshold in THRESHOLDS]
    lines.append(
        "| the same, cut at .9 | " + " | ".join(f"{value:.2f}" for value in tight) + " | |"
    )
    for row, values in ROWS.items():
        below = [
            f"{threshold}{'' if value < p['low'] else ' (within its interval)'}"
            for threshold, value, p in zip(THRESHOLDS, values, prior, strict=True)
            if value < p["mean"]
        ]
        cells = " | ".join(f"{value:.2f}" for value in values)
        lines.append(f"| {row} | {cells} | {', '.join(below) or 'none'} |")
    lines += ["", *(f"{remark}" for remark in NIH_BOXES.remarks), ""]
    lines += ["## IoBB, and ChestX-ray8's Table 4", ""]
    lines.append(
        "| T(IoBB) | prior, cut at .9 | Wang 2017, mean of findings | findings below the prior |"
    )
    lines.append("|---|---|---|---|")
    for threshold in IOBB:
        mine = told["iobb"][f"{threshold}, cut 0.9"]
        theirs = published_numbers(source=CHESTXRAY8, quantity=f"accuracy at T(IoBB) {threshold}")
        spelled = {"Infiltration": "Infiltrate"}
        below = [
            number.finding
            for number in theirs
            if number.value < mine["by finding"][spelled.get(number.finding, number.finding)]
        ]
        mean = np.mean([number.value for number in theirs])
        lines.append(
            f"| > {threshold} | {mine['mean']:.3f} [{mine['low']:.3f}, {mine['high']:.3f}] | {mean:.3f} |"
            f" {', '.join(below) or 'none'} |"
        )
    lines += [
        "",
        "IoBB is the intersection over the *found* box: a small box inside the marked one has an IoBB of 1.",
        "",
    ]
    lines += ["## Pointing", "", "The share of boxes that hold the maximum of the prior:", ""]
    pointing = told["pointing"]["by finding"]
    lines.append(f"| mean | {' | '.join(pointing)} |")
    lines.append("|---" * (len(pointing) + 1) + "|")
    cells = " | ".join(f"{value:.3f}" for value in pointing.values())
    lines.append(f"| {told['pointing']['mean']:.3f} | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--boxes", type=Path, default=BOXES)
    told = results(boxes(parser.parse_args().boxes))
    RESULTS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(told), encoding="utf-8")
    print(page(told))


if __name__ == "__main__":
    main()
