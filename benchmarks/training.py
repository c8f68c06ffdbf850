"""Training beside a bare PyTorch loop on synthetic tensors: images per second.

    python benchmarks/training.py [--network resnet18] [--steps 6] [--repetitions 5] [--device cuda]

320 x 320, batches of 16.  Ours is all of ``heatproof.train.fit`` from the second step of a round to
its last: order, loading, augmentation, Lightning, loss, optimizer.  From memory, and from PNG files
of 1,024 x 1,024 px that have to be decoded while the network learns.  The share of time that is not
the network's is what is missing from the bare loop in the same memory format.

The profile looks inside the training from files: the share of the wall time that is spent in the
network (forward, backward, optimizer) and in waiting for the next batch, and how many of the cores
work while the network does.  Loading keeps up where the network has 90% of the time.

On a machine that others use, wall time says little; processor time (of all threads, from memory
alone, where no other process decodes) says what the loop itself costs.
"""

import argparse
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import timm
import torch
from lightning.pytorch.loops.fetchers import _PrefetchDataFetcher
from PIL import Image
from side_by_side import keep, machine
from torch.nn.functional import binary_cross_entropy_with_logits

from heatproof.data.datasets.phantom import Phantom
from heatproof.data.geometry import Squash
from heatproof.data.pixels import ImageFile
from heatproof.models.classifier import build
from heatproof.models.preprocessing import Preprocessing
from heatproof.train import fit
from heatproof.train.settings import Settings, TrainingProgress
from heatproof.types import Dataset, Sample

SIDE, BATCH, FILM = 320, 16, 1024
ACCELERATORS = {"cpu": "cpu", "cuda": "gpu"}


@dataclass(frozen=True)
class Files:
    """Phantoms as PNG files, which are read when asked for."""

    samples: tuple[Sample, ...]
    findings: tuple[str, ...] = ("nodule",)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]


def files(folder: Path, count: int, seed: int) -> Files:
    films, samples = Phantom(images=count, size=FILM, seed=seed), []
    for index in range(count):
        path = folder / f"{seed}-{index}.png"
        Image.fromarray((films[index].pixels.read() * 255).astype(np.uint8)).save(path)
        labels = {"nodule": bool(index % 2)}
        samples.append(replace(films[index], pixels=ImageFile(path), labels=labels))
    return Files(tuple(samples))


Rate = tuple[float, float]  # images per second of wall time, and of processor time on every thread


def clock() -> Rate:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time() / torch.get_num_threads()


def rate(images: int, start: Rate, end: Rate) -> Rate:
    return images / (end[0] - start[0]), images / (end[1] - start[1])


def ours(
    network: str, train: Dataset, check: Dataset, steps: int, device: str, **options: float
) -> Rate:
    """From the second step on."""
    moments: list[Rate] = []

    def note(progress: TrainingProgress) -> None:
        if progress.step in (2, steps + 2):
            moments.append(clock())

    model = build(network, "linear", ["nodule"], Preprocessing(Squash(SIDE, SIDE)))
    settings = Settings(
        max_epochs=1, steps=steps + 2, batch=BATCH, accelerator=ACCELERATORS[device], **options
    )
    fit(model, train, check, settings, note)
    return rate(BATCH * steps, *moments)


def bare(network: str, steps: int, device: str, memory_format: torch.memory_format) -> Rate:
    """Forward, backward and optimizer, and nothing else."""
    model = timm.create_model(network, num_classes=1).train()
    model = model.to(device).to(memory_format=memory_format)
    optimizer = torch.optim.AdamW(model.parameters())
    images = torch.randn(BATCH, 3, SIDE, SIDE, device=device)
    images = images.contiguous(memory_format=memory_format)
    labels = torch.arange(BATCH, device=device)[:, None].remainder(2).float()
    for step in range(steps + 1):
        if step == 1:
            start = clock()
        optimizer.zero_grad()
        binary_cross_entropy_with_logits(model(images), labels).backward()
        optimizer.step()
    return rate(BATCH * steps, start, clock())


class Spent:
    """Seconds of the wall, and of all cores, inside some calls."""

    def __init__(self) -> None:
        self.wall = self.cores = 0.0

    def around(self, call: Callable[..., Any], sign: int = 1) -> Callable[..., Any]:
        """The call, whose time is added, or taken away where it is part of another."""

        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter(), time.process_time()
            result = call(*arguments, **options)
            self.wall += sign * (time.perf_counter() - start[0])
            self.cores += sign * (time.process_time() - start[1])
            return result

        return timed


def profile(network: str, train: Dataset, check: Dataset, steps: int) -> dict[str, float]:
    """Where the time of a training from files goes, from the second step on."""
    model = build(network, "linear", ["nodule"], Preprocessing(Squash(SIDE, SIDE)))
    busy, waiting, moments = Spent(), Spent(), list[np.ndarray]()

    def note(_: TrainingProgress) -> None:
        moments.append(np.array([time.perf_counter(), busy.wall, busy.cores, waiting.wall]))

    own_step, own_fetch = torch.optim.AdamW.step, _PrefetchDataFetcher.__next__

    def step(optimizer: torch.optim.AdamW, closure: Callable[[], Any]) -> Any:
        """Lightning runs the forward and the backward pass inside: they have been counted."""
        return busy.around(own_step)(optimizer, busy.around(closure, -1))

    settings = Settings(max_epochs=1, steps=steps + 2, batch=BATCH, accelerator="cpu", cache_gb=0.0)
    with (
        patch.object(model.backbone, "forward", busy.around(model.backbone.forward)),
        patch.object(model.head, "forward", busy.around(model.head.forward)),
        patch.object(torch.Tensor, "backward", busy.around(torch.Tensor.backward)),
        patch.object(torch.optim.AdamW, "step", step),
        patch.object(_PrefetchDataFetcher, "__next__", waiting.around(own_fetch)),
    ):
        fit(model, train, check, settings, note)
    wall, inside, cores, waited = moments[-1] - moments[1]
    return {
        "share of the time in the network": inside / wall,
        "share of the time waiting for batches": waited / wall,
        "cores at work while in the network": cores / inside,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--device", default="cpu", choices=ACCELERATORS)
    parser.add_argument("--workers", type=int, default=2, help="that decode files")
    arguments = parser.parse_args()
    network, steps, device = arguments.network, arguments.steps, arguments.device
    torch.set_num_threads(2)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        train, check = files(Path(folder), 64, 0), files(Path(folder), 4, 1)
        runs: dict[str, Callable[[], Rate]] = {
            "bare loop": lambda: bare(network, steps, device, torch.contiguous_format),
            "bare loop, channels_last": lambda: bare(network, steps, device, torch.channels_last),
            "fit, from memory": lambda: ours(network, train, check, steps, device),
            "fit, from files": lambda: ours(
                network, train, check, steps, device, cache_gb=0.0, workers=arguments.workers
            ),
        }
        rates_of_runs: dict[str, list[Rate]] = {name: [] for name in runs}
        for _ in range(arguments.repetitions):
            for name, run in runs.items():
                rates_of_runs[name].append(run())
        # Only a CPU is at work in the network while Python is.
        profiles = [
            profile(network, train, check, steps)
            for _ in range(arguments.repetitions if device == "cpu" else 0)
        ]
    rates = {
        name: statistics.median(wall for wall, _ in values)
        for name, values in rates_of_runs.items()
    }
    costs = {
        name: statistics.median(cpu for _, cpu in values) for name, values in rates_of_runs.items()
    }
    result = {
        "images per second": {name: round(rate, 2) for name, rate in rates.items()},
        "share of the bare loop": {
            f"{name} / {loop}": round(rates[name] / rates[loop], 3)
            for name in ("fit, from memory", "fit, from files")
            for loop in ("bare loop", "bare loop, channels_last")
        },
        "repetitions": arguments.repetitions,
        "load of the machine": round(os.getloadavg()[0], 1),
        "machine": machine(("torch", "timm", "lightning"), device),
    }
    if device == "cpu":
        result |= {
            "share of the bare loop by processor time": {
                f"fit, from memory / {loop}": round(costs["fit, from memory"] / costs[loop], 3)
                for loop in ("bare loop", "bare loop, channels_last")
            },
            "profile of a training from files": {
                quantity: round(statistics.median(profile[quantity] for profile in profiles), 3)
                for quantity in profiles[0]
            },
        }
    print(result)
    suffix = "" if device == "cpu" else f"_{device}"
    keep(f"training{suffix}.json", {f"{network}, {SIDE} px": result})


if __name__ == "__main__":
    main()
