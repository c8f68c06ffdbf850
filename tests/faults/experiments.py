"""The experiments that faults disturb: small ones, which together go through every stage."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.squares import EXPERIMENT, NETWORK, write_films

_DATA = """
[[data]]
name = "{name}"
dataset = "phantom"
images = {images}
seed = {seed}
size = 32
judged = {judged}
"""
_SETS = "".join(
    _DATA.format(name=name, images=images, seed=seed, judged=judged)
    for name, images, seed, judged in (
        ("train", 16, 0, "false"),
        ("validation", 10, 1, "false"),
        ("test", 4, 2, "true"),
    )
)
_MODEL = """
[[models]]
name = "linear"
backbone = "resnet10t(stride=16, width=8)"
scaling = { geometry = "squash(height=32, width=32)", channels = 1, mean = [0.5], std = [0.25] }
"""
_REST = """
[explain]
methods = ["class_map"]

[score]
metrics = ["auprc"]

[statistics]
resamples = 100
min_positives = 1

[report]
gallery = 1
"""
_TRUST = '\n[trust]\ncriteria = ["input_noise", "flip"]\nside = 32\n'
_TRAINED = (
    'name = "Trained"\ntrust = false\n'
    + _SETS
    + _MODEL
    + """seeds = [0, 1]
training = { data = "train", validation = "validation", settings = { max_epochs = 2 } }

[[models]]
name = "together"
ensemble = { of = ["linear"], best = 2 }
"""
    + _REST
)
_SWEEP = (
    'name = "Sweep"\ntrust = false\n'
    + _SETS
    + _MODEL
    + """training = { data = "train", validation = "validation", settings = { max_epochs = 2 } }
"""
    + _REST
    + """
[sweep]
trials = 2
localize = true
search = { lr = { low = 1e-4, high = 1e-2, log = true } }
"""
)
_BESIDE = ("report.html", "estimates.parquet", "scores.parquet")


@dataclass(frozen=True)
class Disturbed:
    """An experiment that is disturbed.

    Attributes:
        text: The experiment file.
        command: What runs it.
        results: Files of its output folder that are compared.
    """

    text: str
    command: str
    results: tuple[str, ...]


EXPERIMENTS: Mapping[str, Disturbed] = {
    "own network, trust": Disturbed(
        EXPERIMENT.replace("GEOMETRY", "squash") + _TRUST,
        "run",
        (*_BESIDE, "verdicts.parquet", "trust.parquet"),
    ),
    "training, ensemble": Disturbed(_TRAINED, "run", _BESIDE),
    "sweep": Disturbed(
        _SWEEP, "sweep", ("sweep.html", "sweep.parquet", "sweep_localization.parquet")
    ),
}


def written(name: str, folder: Path) -> Path:
    """The experiment file of that name, with its films."""
    folder.mkdir(parents=True, exist_ok=True)
    write_films(folder, count=8)
    (folder / "network.py").write_text(NETWORK)
    file = folder / "experiment.toml"
    file.write_text(EXPERIMENTS[name].text)
    return file
