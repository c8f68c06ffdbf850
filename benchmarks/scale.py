"""What a run costs as it grows: films, restarts, workers, and rows of scores.

    python -m benchmarks.scale films --count 1000 10000
    python -m benchmarks.scale workers --rounds 3
    python -m benchmarks.scale rows --count 10000000

Phantoms of 96 px and a small network go through explain, score, trust on a sample, and analyse,
with ``keep = "none"``.  Each run is a process of its own; what it took of the processor and of
memory is what the system says of it (``getrusage``), so that a busy machine changes only the clock
on the wall.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.side_by_side import keep, machine

ROOT = Path(__file__).parents[1]
RESULTS = "scale.json"
NETWORK = """
import torch

def build():
    torch.manual_seed(0)
    net = torch.nn.Sequential()
    net.add_module("features", torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 5, stride=4, padding=2), torch.nn.ReLU(),
        torch.nn.Conv2d(8, 16, 3, stride=2, padding=1), torch.nn.ReLU(),
    ))
    net.add_module("pool", torch.nn.AdaptiveAvgPool2d(1))
    net.add_module("flat", torch.nn.Flatten())
    net.add_module("last", torch.nn.Linear(16, 1))
    return net
"""
EXPERIMENT = """
name = "Scale"
prepared_gb = 0

[[data]]
name = "phantoms"
dataset = "phantom"
images = {films}
size = 96

[[models]]
name = "small"
module = "network.py:build"
features = "features"
findings = ["Nodule"]
scaling = {{ geometry = "squash(height=96, width=96)", channels = 1, mean = [0.5], std = [0.25] }}
id = {{ architecture = "small" }}

[explain]
methods = ["grad_cam", "gradient"]
keep = "{keep}"

[score]
metrics = ["auprc", "hit_rate"]
controls = ["centre"]

[trust]
criteria = ["flip"]
side = 96
images = 100

[report]
gallery = 0
"""
# Run in a process of its own: says what each stage took of its processor time, and what was in
# memory after every tenth of the blocks of films.
CHILD = """
import json, os, resource, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from heatproof.experiment.file import load
from heatproof.progress import Silent
from heatproof.run.pipeline import run

def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)

class Clock(Silent):
    def __init__(self):
        self.seconds, self.memory = {}, []
    def start(self, stage, units):
        self.stage, self.begun = stage, time.process_time()
        self.every, self.done, self.skipped = max(units // 10, 1), 0, 0
    def advance(self, *, skipped=False, note=""):
        self.done += 1
        if self.stage == "explain" and self.done % self.every == 0:
            self.memory.append(resident())
    def finish(self):
        self.seconds[self.stage] = round(time.process_time() - self.begun, 2)

file, output, until, worker = sys.argv[1:]
clock = Clock()
began = time.process_time()
run(load(Path(file), {"output": output}), until, clock, worker=worker == "worker")
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "stages": clock.seconds, "resident MB in explain": clock.memory,
    "peak MB": round(usage.ru_maxrss / 1024), "begun": round(began, 2),
    "processor": round(usage.ru_utime + usage.ru_stime, 2),
}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    films = kinds.add_parser("films")
    films.add_argument("--count", type=int, nargs="+", default=[1000, 10_000])
    workers = kinds.add_parser("workers")
    workers.add_argument("--rounds", type=int, default=3)
    workers.add_argument("--films", type=int, default=3000)
    rows = kinds.add_parser("rows")
    rows.add_argument("--count", type=int, default=10_000_000)
    asked = parser.parse_args()
    if asked.kind == "films":
        for count in asked.count:
            _note("films", {str(count): of_films(count)})
    elif asked.kind == "workers":
        _note("workers", {f"{asked.films} films": of_workers(asked.films, asked.rounds)})
    else:
        _note("rows", {str(asked.count): of_rows(asked.count)})


def of_films(count: int) -> dict[str, object]:
    """A run of so many films, and the same command again."""
    with tempfile.TemporaryDirectory() as place:
        file = _written(Path(place), count, "none")
        first, again = (_run(file, Path(place) / "out") for _ in range(2))
        size = sum(each.stat().st_size for each in Path(place).rglob("*") if each.is_file())
    stages = first["stages"]
    per_film = {
        stage: round(1000 * stages[stage] / count, 3) for stage in ("check", "explain", "score")
    }
    return {
        "milliseconds of processor a film": per_film
        | {"whole run": round(1000 * (first["processor"] - first["begun"]) / count, 3)},
        "first": first,
        "restart": again,
        "folder MB": round(size / 1e6, 1),
        "load of the machine": round(os.getloadavg()[1], 1),
    }


def of_workers(films: int, rounds: int) -> dict[str, object]:
    """One worker and two, in turn, through explain and score."""
    seconds: dict[str, list[dict[str, float]]] = {"1": [], "2": []}
    for _ in range(rounds):
        for count in (1, 2):
            with tempfile.TemporaryDirectory() as place:
                file = _written(Path(place), films, "all")
                before, began = _used(), time.perf_counter()
                running = [_started(file, Path(place) / "out", "score", True) for _ in range(count)]
                for each in running:
                    _ended(each)
                seconds[str(count)].append(
                    {
                        "wall": round(time.perf_counter() - began, 1),
                        "processor": round(_used() - before, 1),
                        "load of the machine": round(os.getloadavg()[0], 1),
                    }
                )
    return {"by workers": seconds}


def of_rows(count: int) -> dict[str, object]:
    """An analysis of so many rows of scores, in a process of its own."""
    with tempfile.TemporaryFile("w+") as out:
        began = time.perf_counter()
        command = [sys.executable, "-m", "benchmarks.scale_rows", str(count)]
        subprocess.run(command, check=True, stdout=out, cwd=ROOT)
        wall = round(time.perf_counter() - began, 1)
        out.seek(0)
        found: dict[str, object] = json.loads(out.read())
    return found | {"wall with start and making": wall}


def _written(folder: Path, films: int, kept: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "network.py").write_text(NETWORK)
    file = folder / "scale.toml"
    file.write_text(EXPERIMENT.format(films=films, keep=kept))
    return file


def _run(file: Path, output: Path) -> dict[str, object]:
    began = time.perf_counter()
    said = _ended(_started(file, output, "report", False))
    return {**json.loads(said), "wall": round(time.perf_counter() - began, 1)}


def _started(file: Path, output: Path, until: str, worker: bool) -> subprocess.Popen[str]:
    words = (str(file), str(output), until, "worker" if worker else "alone")
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def _ended(running: subprocess.Popen[str]) -> str:
    said, _ = running.communicate()
    if running.returncode:
        raise SystemExit(f"a run ended with status {running.returncode}")
    return said.strip().splitlines()[-1]


def _used() -> float:
    """Seconds of the processor that children took which have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _note(kind: str, found: dict[str, object]) -> None:
    path = ROOT / "benchmarks/results" / RESULTS
    earlier = json.loads(path.read_text()).get(kind, {}) if path.exists() else {}
    versions = machine(("heatproof", "torch", "polars", "numpy"))
    keep(RESULTS, {kind: earlier | found, "machine": versions})
    print(json.dumps(found, indent=1), flush=True)


if __name__ == "__main__":
    main()
