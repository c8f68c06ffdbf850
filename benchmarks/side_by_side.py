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
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repetition in range(repetitions + 1):
        for name, run in runs.items():
            _wait(device)
            start = time.perf_counter()
            run()
            _wait(device)
            if repetition:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


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
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(known | dict(entries), indent=2) + "\n", encoding="utf-8")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
