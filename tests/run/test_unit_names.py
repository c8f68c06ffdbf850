"""A run folder of an earlier version is resumed: units keep their names from version to version.

``unit_names.json`` holds the names that version 0.1 (commit 8ed2d05) gave to every unit of the
experiment below, and to the folders of its trained models.  A name that changes here makes users
compute again what they have; such a change needs a reason, and a line in the changelog.
"""

import json
import os
from pathlib import Path

import numpy as np
from PIL import Image

from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.preparation.folders import trained_folder
from heatproof.run.pipeline import run
from heatproof.stages.imported_maps import list_maps

GOLDEN = Path(__file__).with_name("unit_names.json")
TABLES = ("contents", "made", "predictions", "scores", "shapes", "structures", "trust")
FILE_SIZE, CHANGED = 8_000, 1_700_000_000_000_000_000  # bytes; ns since 1970
NETWORK = """
import torch

def build():
    layer = torch.nn.Conv2d(1, 1, 8, stride=8, bias=False)
    torch.nn.init.constant_(layer.weight, 1 / 64)
    return torch.nn.Sequential(layer, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
"""
EXPERIMENT = """
name = "Unit names"
output = "out"

[[data]]
name = "films"
dataset = "manifest"
csv = "films.csv"
image = "file"
id = "id"
patient = "patient"
labels = ["Square"]
boxes = "boxes"
metadata = ["fold"]

[[data]]
name = "tuning films"
dataset = "manifest"
csv = "others.csv"
image = "file"
id = "id"
patient = "patient"
labels = ["Square"]
boxes = "boxes"
metadata = ["fold"]
judged = false

[[models]]
name = "bright"
module = "network.py:build"
features = "0"
findings = ["Square"]
scaling = { geometry = "squash(height=64, width=64)", channels = 1, mean = [0], std = [1] }
id = { architecture = "bright" }

[[models]]
name = "dark"
module = "network.py:build"
features = "0"
findings = ["Square"]
scaling = { geometry = "letterbox(height=64, width=64)", channels = 1, mean = [0.5], std = [1] }
id = { architecture = "dark" }

[explain]
methods = ["grad_cam", "gradient"]
device = "cpu"

[score]
metrics = ["iou(binarize=tuned)", "auprc", "pixel_precision"]
tune = "tuning films"
structures = ["Square"]

[statistics]
resamples = 100
min_positives = 1

[trust]
criteria = ["reproducibility", "randomization(draws=1)", "flip"]
similarities = ["ssim"]
side = 32

[report]
gallery = 0
"""
TRAINED = """
[[models]]
name = "net"
architectures = ["resnet10t(width=8)", "resnet18"]
seeds = [0, 1]
scaling = { geometry = "squash(height=64, width=64)", channels = 1, mean = [0], std = [1] }
training = { data = "films", validation = "tuning films", settings = { max_epochs = 1 } }

[[models]]
name = "further net"
backbone = "resnet10t(width=8)"
head = "wildcat"
sampling = { fraction = 0.5 }
scaling = { geometry = "squash(height=64, width=64)", channels = 1, mean = [0], std = [1] }
[models.training]
data = "films"
validation = "tuning films"
start = "net, resnet10t(width=8), seed 1"

[[maps]]
name = "another tool"
importer = "chexlocalize"
folder = "maps"
method = "grad_cam"
data = "films"
id = { architecture = "densenet121" }

[[maps]]
name = "another tool"
importer = "chexlocalize"
folder = "maps"
method = "grad_cam"
data = "tuning films"
id = { architecture = "densenet121" }

[explain]
"""


def write_file(path: Path, content: bytes) -> None:
    """A file whose size and time of change are the same wherever the test runs."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.ljust(FILE_SIZE, b"\0"))
    os.utime(path, ns=(CHANGED, CHANGED))


def write_films(folder: Path, table: str, numbers: range) -> None:
    generator = np.random.default_rng(numbers[0])
    rows = ["id,file,patient,fold,Square,boxes"]
    for number in numbers:
        film, boxes = generator.integers(0, 40, (64, 80), dtype=np.uint8), []
        if number % 2:
            film[8 + number : 40 + number, 20:52] = 250
            boxes = [[20, 8 + number, 32, 32]]
        Image.fromarray(film).save(folder / "plain.png")
        write_file(folder / f"film{number}.png", (folder / "plain.png").read_bytes())
        rows.append(f'f{number},film{number}.png,p{number},{number % 2},{number % 2},"{boxes}"')
    (folder / table).write_text("\n".join(rows) + "\n")


def write_experiment(folder: Path) -> Path:
    write_films(folder, "films.csv", range(4))
    write_films(folder, "others.csv", range(4, 8))
    (folder / "network.py").write_text(NETWORK)
    for number in range(2):
        write_file(folder / "maps" / f"f{number}_Edema_map.pkl", b"")
    file = folder / "experiment.toml"
    file.write_text(EXPERIMENT)
    return file


def names_of_a_run(folder: Path) -> dict[str, list[str]]:
    out = run(load(write_experiment(folder))).parent
    return {table: sorted(unit.stem for unit in (out / table).iterdir()) for table in TABLES}


def names_of_the_rest(folder: Path) -> dict[str, list[str]]:
    """Of what takes long to make: trained models; and of imported maps, which are not read here."""
    file = write_experiment(folder)
    file.write_text(EXPERIMENT.replace("[explain]", TRAINED))
    work = open_workspace(load(file))
    blocks = list_maps(work, work.experiment.maps[0]).blocks
    models = [model for model in work.experiment.models if model.training]
    return {
        "models": [trained_folder(work, model).name for model in models],
        "imported maps": [blocks[0].made("grad_cam"), blocks[0].predicted],
    }


def test_units_keep_their_names(tmp_path):
    expected = json.loads(GOLDEN.read_text())
    assert names_of_a_run(tmp_path) == {table: expected[table] for table in TABLES}


def test_trained_models_and_imported_maps_keep_their_names(tmp_path):
    expected = json.loads(GOLDEN.read_text())
    assert names_of_the_rest(tmp_path) == {
        place: expected[place] for place in ("models", "imported maps")
    }
