"""Does anything pile up?  Runs from training to report, again and again in one process.

    python -m benchmarks.soak --minutes 120

In turn: a network of one's own with two criteria of trust, whose maps stay; the same, whose maps do
not stay; two trained replicates and their ensemble.  After each run its folder is removed, and
resident memory, open handles, threads and temporary files are noted; after every tenth run they
are written to ``results/soak.json``, so a soak that is ended early has told what it saw.
"""

import argparse
import gc
import itertools
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.side_by_side import keep, machine
from heatproof.experiment.file import load
from heatproof.run.pipeline import run
from tests.faults.experiments import written

KINDS = ("own network, trust", "maps not kept", "training, ensemble")
NOTED = 10  # runs between two notes
WARM = 6  # runs until all modules, kernels and caches are there


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=120)
    minutes = parser.parse_args().minutes
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        experiments = _experiments(folder)
        # What is left behind would lie here.
        (folder / "temporary").mkdir()
        tempfile.tempdir = str(folder / "temporary")
        began, noted = time.monotonic(), []
        for number in itertools.count():
            if time.monotonic() - began > minutes * 60:
                break
            output = folder / "output"
            run(load(experiments[number % len(experiments)], {"output": str(output)}))
            shutil.rmtree(output)
            noted.append(_state(folder / "temporary", time.monotonic() - began))
            if number % NOTED == NOTED - 1:
                _keep(noted)
        _keep(noted)


def _experiments(folder: Path) -> list[Path]:
    """The files of the experiments, in the order of ``KINDS``."""
    whole = written("own network, trust", folder / "whole")
    passing = written("own network, trust", folder / "passing")
    text = passing.read_text().replace("[explain]\n", '[explain]\nkeep = "none"\n')
    passing.write_text(text)
    return [whole, passing, written("training, ensemble", folder / "trained")]


def _state(temporary: Path, seconds: float) -> dict[str, float]:
    gc.collect()  # what only waits to be collected has not piled up
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return {
        "minute": round(seconds / 60, 2),
        "resident MB": round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1),
        "handles": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "temporary files": sum(1 for _ in temporary.rglob("*")),
    }


def _keep(noted: list[dict[str, float]]) -> None:
    steady = noted[WARM:]
    if len(steady) < 2:
        return
    hours = np.array([each["minute"] for each in steady]) / 60
    resident = np.array([each["resident MB"] for each in steady])
    result = {
        "runs": len(noted),
        "minutes": noted[-1]["minute"],
        "kinds": KINDS,
        "runs before the first that counts": WARM,
        "growth of resident memory, MB an hour": round(float(np.polyfit(hours, resident, 1)[0]), 1),
        "most": {key: max(each[key] for each in steady) for key in steady[0]},
        "least": {key: min(each[key] for each in steady) for key in steady[0]},
        "after every tenth run": noted[NOTED - 1 :: NOTED],
    }
    keep("soak.json", result | {"machine": machine(("torch", "polars", "zarr"))})
    print(len(noted), "runs,", noted[-1], flush=True)


if __name__ == "__main__":
    main()
