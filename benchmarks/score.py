"""Time and memory of scoring maps at full size: 100 images of 2320 x 2828 with 10 findings.

Run ``python benchmarks/score.py``; it writes ``benchmarks/results/score.json``.  Peak memory below
1.5 GB is asked for.  Maps of 10 x 10 cells and reference masks are made up, one pair at a time;
each map is brought to full size and scored by the metrics named below.  The work is done in a child
process, whose own peak (libraries included) is what counts; seconds are without making the masks.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import torch

from heatproof.data.geometry import Squash
from heatproof.localize import metrics

HEIGHT, WIDTH, FINDINGS = 2320, 2828, 10
METRICS = ("iou", "hit_rate", "auprc", "auroc")
TARGET = 1.5e9
LIBRARIES = ("numpy", "torch", "opencv-python-headless")


def cases(image: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Ten maps and masks of one image: a tilted ellipse, and a map that half knows of it."""
    generator = np.random.default_rng(image)
    for _ in range(FINDINGS):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        centre = generator.integers((400, 400), (WIDTH - 400, HEIGHT - 400)).tolist()
        axes = generator.integers(60, 500, 2).tolist()
        cv2.ellipse(mask, centre, axes, float(generator.uniform(0, 180)), 0, 360, 1, -1)
        coarse = cv2.resize(mask.astype(np.float32), (10, 10), interpolation=cv2.INTER_AREA)
        saliency = np.maximum(coarse + generator.normal(0, 0.3, (10, 10)), 0)
        yield saliency.astype(np.float32), mask.astype(bool)


def score(image: int) -> dict[str, float]:
    """Seconds that each step took for all maps of one image."""
    frame, parts = Squash(320, 320), {name: metrics.parse(name) for name in METRICS}
    seconds = dict.fromkeys(("upsample", *METRICS), 0.0)
    for coarse, mask in cases(image):
        start = time.perf_counter()
        saliency = frame.back(coarse, (HEIGHT, WIDTH))
        seconds["upsample"] += time.perf_counter() - start
        for name, part in parts.items():
            start = time.perf_counter()
            value = part(saliency, mask)
            seconds[name] += time.perf_counter() - start
            assert 0 <= value <= 1
    return seconds


def child(images: int, threads: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        rows = list(pool.map(score, range(images)))
    wall = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    maps = images * FINDINGS
    result = {
        "maps": maps,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
        "peak_bytes_of_libraries": before * unit,
        "wall_seconds_per_map": wall / maps,
        "seconds_per_map": {name: sum(row[name] for row in rows) / maps for name in rows[0]},
    }
    print(json.dumps(result))


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2, help="images scored side by side")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.images, options.threads)
        return
    sizes = ["--images", str(options.images), "--threads", str(options.threads)]
    command = [sys.executable, __file__, "--child", *sizes]
    measured = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    result = {
        "what": f"{options.images} images of {HEIGHT} x {WIDTH} with {FINDINGS} findings scored",
        "command": " ".join(["python benchmarks/score.py", *sizes]),
        "metrics": METRICS,
        **measured,
        "target_peak_bytes": TARGET,
        "passed": measured["peak_bytes"] < TARGET,
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "system": platform.system(),
        },
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in LIBRARIES},
    }
    path = Path(__file__).parent / "results" / "score.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
