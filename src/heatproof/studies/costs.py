"""What a study will cost, before it begins: hours of this device, and room on the disk.

Training is measured as explaining is (``heatproof.run.costs``): one step of every kind of network,
on noise, of a few films.  ``max_epochs`` rounds are the most that a training can take, since most
stop early.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from heatproof.experiment.model import ModelEntry
from heatproof.experiment.workspace import Workspace
from heatproof.models.devices import device_named
from heatproof.preparation.network import untrained
from heatproof.preparation.plan import findings_of, plan_of, settings_of
from heatproof.run.costs import Costs, costs
from heatproof.words import count, duration, size

_FILMS = 2  # of a measured step
_CHECKPOINT = 4  # bytes of a weight


@dataclass(frozen=True)
class StudyCosts:
    """What a study takes on this device.

    Attributes:
        device: Where models run, such as ``"cuda"``.
        trainings: Number of models that are trained.
        training: Seconds of all of them, at most.
        checkpoints: Bytes of the weights that stay.
        explaining: Maps, by the models and for trust.
    """

    device: str
    trainings: int
    training: float
    checkpoints: int
    explaining: Costs

    @property
    def seconds(self) -> float:
        """All of it."""
        trust = sum(work.seconds for work in self.explaining.trust.values())
        return self.training + self.explaining.explaining.seconds + trust

    def __str__(self) -> str:
        disk = self.checkpoints + self.explaining.explaining.stored
        unit = "GPU-hours" if self.device.startswith("cuda") else "hours of this machine"
        sure = "more than" if self.explaining.explaining.at_least else "about"
        return (
            f"{count(self.trainings, 'training')}, at most {duration(self.training)};"
            f" explaining {self.explaining.explaining};"
            f" in all {sure} {self.seconds / 3600:.2g} {unit} ({self.device}), and up to"
            f" {size(disk)} of disk"
        )


def study_costs(work: Workspace) -> StudyCosts:
    """What a study takes, from a probe of each kind of network.

    Raises:
        HeatproofError: A model cannot be built, or a method cannot explain it.
    """
    device = device_named(work.experiment.explain.device)
    tried = work.experiment.sweep.trials if work.experiment.sweep else 1
    measured: dict[str, tuple[float, int]] = {}
    trainings, seconds, stored = 0, 0.0, 0
    for entry in _trained(work):
        kind = f"{entry.backbone} {entry.localizer} {entry.head} {entry.scaling}"
        if kind not in measured:
            measured[kind] = _step(work, entry, device)
        each, weights = measured[kind]
        settings, times = settings_of(entry), tried if entry.backbone else 1
        films = len(work.data[plan_of(entry).data].samples)
        per_round = films if settings.steps is None else settings.steps * settings.batch
        trainings += times
        seconds += times * settings.max_epochs * per_round * each
        stored += times * settings.keep * weights * _CHECKPOINT
    return StudyCosts(str(device), trainings, seconds, stored, costs(work))


def _trained(work: Workspace) -> Iterator[ModelEntry]:
    yield from (entry for entry in work.experiment.models if entry.training)


def _step(work: Workspace, entry: ModelEntry, device: torch.device) -> tuple[float, int]:
    """Seconds of a film in one step of training, and the number of weights."""
    films = work.data[plan_of(entry).data]
    findings = findings_of(films, work.experiment.score.structures)
    network: Any = untrained(work.experiment.folder, entry, findings).to(device)
    weights = sum(weight.numel() for weight in network.parameters())
    channels, (height, width) = network.preprocessing.channels, network.preprocessing.size
    images = torch.rand(_FILMS, channels, height, width, device=device)
    network.train() if entry.localizer is None else network.eval()
    began = time.monotonic()
    passes = 1.0
    if entry.localizer is None:
        network(images).sum().backward()
    else:
        with torch.no_grad():
            network(images)
        passes = 3.0  # a step goes forward once, and backward for about twice as long
    if device.type == "cuda":
        torch.cuda.synchronize()
    return passes * (time.monotonic() - began) / _FILMS, weights
