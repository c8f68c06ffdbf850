"""How long does the whole evaluation of CheXlocalize take?  Its test set at its true scale.

    python benchmarks/localize.py [all] [positive] [growth] [slowly] [--images 668] [--slow 20]

668 films of 2,320 x 2,828, ten findings, maps of 10 x 10 cells stored at 320 x 320 in pickles, masks as
run lengths, a human benchmark with masks and points.  Measured is ``heatproof run`` itself, from
the pickles to the report: Otsu's masks and seven thresholds, nine cut-offs of probability, hit
rate, pooled pixel statistics, intervals of 1,000 resamples, the mean-mask prior and the human benchmark, and
the regressions on shape and confidence.

- ``all``: all 6,680 pairs; at most 150 s on two cores, and 2 GB.
- ``positive``: the pairs that the reference marks; at most 60 s.
- ``growth``: a quarter of the films: a quarter of the time, and the same memory.
- ``slowly``: a few films, and the same films by a loop that goes about it as the authors' scripts do
  (``localize_slowly.py``); equal numbers but for a pixel, at least 40 times slower.

Each run is a child process with its own peak, libraries included.  Next to the seconds on the wall stand
those that the process got on all cores: on a machine that others use, half of them is what two
cores would need.
"""

import argparse
import json
import math
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import chexlocalize_phantoms
import localize_slowly
import numpy as np
import polars as pl
import torch
from side_by_side import keep, machine

from heatproof.experiment.file import load
from heatproof.run.pipeline import STAGES, run

PARTS = ("all", "positive", "growth", "slowly")
TARGETS = {"all": 150, "positive": 60}  # seconds on two cores
SLOWER, PEAK = 40, 2e9
LIBRARIES = ("numpy", "torch", "numba", "opencv-python-headless", "polars")
OTSU, HIT = "iou(empty='true_positive')", "hit_rate(ties='first')"
AT = {
    t: f"iou(binarize=fixed(threshold={t}), empty='true_positive')"
    for t in localize_slowly.THRESHOLDS
}
MIOU = {c: f"miou(cutoff={c})" if c else "miou" for c in localize_slowly.CUTOFFS}
POOLED = {
    rate: f"pooled(rate={rate}, films='annotated')"
    if rate != "pixel_sensitivity"
    else "pooled(films='annotated')"
    for rate in ("pixel_sensitivity", "pixel_specificity", "pixel_precision")
}
EXPERIMENT = """
name = "CheXlocalize at its true scale, made up"
output = {output}
trust = false
[[data]]
name = "phantoms"
dataset = "chexlocalize"
root = {folder}
split = "test"
reference = "masks"
[[maps]]
name = "made up"
importer = "chexlocalize"
folder = {maps}
method = "grad_cam"
data = "phantoms"
id = {{ architecture = "densenet121", data = "phantoms" }}
[score]
metrics = {metrics}
controls = []
[statistics]
min_positives = 1
[report]
gallery = 0
"""


def child(folder: Path, metrics: list[str]) -> None:
    """Run the evaluation, stage by stage, and say what it took."""
    text = {"output": str(folder / "out"), "folder": str(folder), "maps": str(folder / "maps")}
    file = folder / "experiment.toml"
    quoted = {name: json.dumps(value) for name, value in text.items()}
    file.write_text(EXPERIMENT.format(metrics=json.dumps(metrics), **quoted), encoding="utf-8")
    shutil.rmtree(folder / "out", ignore_errors=True)
    start = _peak()
    wall, process, peak = {}, {}, {}
    for stage in (stage for stage in STAGES if stage not in ("train", "trust")):
        clocks = time.perf_counter(), time.process_time()
        run(load(file), until=stage)
        wall[stage] = time.perf_counter() - clocks[0]
        process[stage] = time.process_time() - clocks[1]
        peak[stage] = _peak()  # until then
    measured = {
        "wall_seconds": sum(wall.values()),
        "process_seconds": sum(process.values()),
        "wall_seconds_by_stage": wall,
        "process_seconds_by_stage": process,
        "peak_bytes": _peak(),
        "peak_bytes_by_stage": peak,
        "peak_bytes_of_libraries": start,
    }
    print(json.dumps(measured))


def evaluate(folder: Path, metrics: list[str]) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--child", str(folder), json.dumps(metrics)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    measured: dict[str, Any] = json.loads(output.splitlines()[-1])
    return measured


def slowly(folder: Path, images: int) -> dict[str, object]:
    """Both ways on the same films; raises AssertionError where their numbers differ."""
    torch.set_num_threads(1)
    ours = evaluate(folder, _metrics())
    clocks = time.perf_counter(), time.process_time()
    values, means = localize_slowly.evaluate(folder, images)
    wall, process = time.perf_counter() - clocks[0], time.process_time() - clocks[1]
    compared = _compare(folder / "out", values, means)
    both_do = sum(ours["wall_seconds_by_stage"][stage] for stage in ("explain", "score"))
    return {
        "images": images,
        "ours": ours,
        "theirs": {"wall_seconds": wall, "process_seconds": process},
        "times_slower_on_the_wall": wall / ours["wall_seconds"],
        "times_slower_than_half_of_our_process_seconds": process / (ours["process_seconds"] / 2),
        "times_slower_on_the_wall_without_our_report": wall / both_do,
        "target_times_slower": SLOWER,
        "equal_values": compared[0],
        "largest_difference": compared[1],
    }


def _compare(
    out: Path, values: localize_slowly.Values, means: dict[tuple[str, str], float]
) -> tuple[int, float]:
    """How many numbers both made, and by how much they differ at most."""
    named = {"iou of maps": OTSU, "hit of maps": HIT, "iou of hb": OTSU, "hit of hb": HIT}
    named |= {f"iou at {threshold}": spec for threshold, spec in AT.items()}
    rows = pl.read_parquet(out / "scores.parquet").filter(pl.col("method") != "mean_mask")
    ours = {
        (film, finding, spec, model == ""): value
        for film, finding, spec, model, value in rows.select(
            "image_id", "finding", "metric", "model", "value"
        ).iter_rows()
    }
    pairs = [
        (ours[film, finding, named[metric], metric.endswith("of hb")], value)
        for (film, finding, metric), value in values.items()
    ]
    rows = pl.read_parquet(out / "estimates.parquet").filter(
        (pl.col("method") == "grad_cam") & pl.col("statistic").is_in(["mean", "value"])
    )
    estimates = {(f, m): v for f, m, v in rows.select("finding", "metric", "value").iter_rows()}
    specs = {f"miou at {cutoff}": spec for cutoff, spec in MIOU.items()} | POOLED | named
    for (finding, metric), value in means.items():
        if not metric.endswith("of hb") and (finding, specs[metric]) in estimates:
            pairs.append((estimates[finding, specs[metric]], value))
    first, second = np.array(pairs, float).T
    assert np.array_equal(np.isnan(first), np.isnan(second)), "not defined in the same places"
    largest = float(np.nanmax(np.abs(first - second)))
    # The loop enlarges in single precision, which puts a pixel or two beyond a threshold.
    assert largest < 1e-4, f"the two ways differ by {largest}"
    return len(pairs), largest


def _metrics(*, negatives: bool = True) -> list[str]:
    of_maps = [OTSU, *AT.values(), HIT]
    rates = ["pixel_sensitivity", "pixel_specificity", "pixel_precision"]
    return of_maps + ([*MIOU.values(), *POOLED.values()] if negatives else rates)


def _made(folder: Path, images: int) -> Path:
    """The test set, unless it is there."""
    whole = folder / f"films-{images}"
    if not (whole / "test_labels.csv").exists():
        shutil.rmtree(whole, ignore_errors=True)
        chexlocalize_phantoms.write(whole, images)
    return whole


def _peak() -> int:
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def measure(part: str, folder: Path, images: int, slow: int) -> dict[str, object]:
    """One entry of the results."""
    if part == "slowly":
        return slowly(_made(folder, slow), slow)
    count = math.ceil(images / 4) if part == "growth" else images
    measured = evaluate(_made(folder, count), _metrics(negatives=part != "positive"))
    entry: dict[str, object] = {"images": count, "pairs": count * 10, **measured}
    if part in TARGETS:
        entry |= {"target_seconds": TARGETS[part], "target_peak_bytes": PEAK}
        entry["seconds_on_two_cores"] = measured["process_seconds"] / 2
    return entry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all of them unless named")
    parser.add_argument("--images", type=int, default=668)
    parser.add_argument("--slow", type=int, default=20, help="films that the loop looks at")
    parser.add_argument("--folder", type=Path, help="where the films are kept: 17 MB each")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(Path(options.child[0]), json.loads(options.child[1]))
        return
    with tempfile.TemporaryDirectory() as temporary:
        for part in options.parts or PARTS:
            entry = measure(part, options.folder or Path(temporary), options.images, options.slow)
            keep("localize.json", {part: entry, "machine": machine(LIBRARIES)})
            print(part, json.dumps(entry, indent=2), flush=True)


if __name__ == "__main__":
    main()
