"""What the benchmarks share: runs in turn, medians, and the machine they ran on."""

import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch

RESULTS = Path(__file__).parent / "results"


def measure(
    runs: Mapping[str, Callable[[], object]], repetitions: int, device: str = "cpu"
) -> dict[str, float]:
    """Median seconds of each, taken in turn after one round to warm up.

    In turn, so that a busy machine slows all alike.
    """
    return by_clock(runs, repetitions, device)[0]


def by_clock(
    runs: Mapping[str, Callable[[], object]], repetitions: int, device: str = "cpu"
) -> tuple[dict[str, float], dict[str, float]]:
    """Median seconds of each, on the wall and of this process on all cores.

    The second clock stands still while others have the machine; it counts threads that wait for
    each other in a loop, so set OMP_WAIT_POLICY=passive.
    """
    clocks = (time.perf_counter, time.process_time)
    seconds: tuple[dict[str, list[float]], ...] = tuple({name: [] for name in runs} for _ in clocks)
    for repetition in range(repetitions + 1):
        for name, run in runs.items():
            _wait(device)
            starts = [clock() for clock in clocks]
            run()
            _wait(device)
            for clock, start, taken in zip(clocks, starts, seconds, strict=True):
                if repetition:
                    taken[name].append(clock() - start)
    wall, process = ({n: statistics.median(t) for n, t in taken.items()} for taken in seconds)
    return wall, process


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def machine(packages: Iterable[str], device: str = "cpu") -> dict[str, object]:
    """Where, and with which versions, something was measured."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8").splitlines() if cpu.exists() else []
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "")
    return {
        "cpu": model or platform.processor(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name(device) if device.startswith("cuda") else None,
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
    }


def keep(file: str, entries: Mapping[str, object]) -> None:
    """Write entries into a results file, beside what other runs have left there."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / file
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(earlier | dict(entries), indent=2) + "\n", encoding="utf-8")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
