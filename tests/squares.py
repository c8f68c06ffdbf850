"""A small experiment that a user might bring: a table of films, boxes, and their own network."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

NETWORK = '''
import torch

class Bright(torch.nn.Module):
    """Logit: how much of the image is bright."""

    def __init__(self):
        super().__init__()
        self.features = torch.nn.AvgPool2d(8)

    def forward(self, images):
        return 100 * (self.features(images) - 0.5).relu().mean(dim=(2, 3)) - 1

def build():
    return Bright()
'''

EXPERIMENT = """
name = "Squares"

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

[[models]]
name = "bright"
module = "network.py:build"
features = "features"
findings = ["Square"]
scaling = { geometry = "GEOMETRY(height=64, width=64)", channels = 1, mean = [0], std = [1] }
id = { architecture = "bright" }
trained_on = { fold = "0" }
judges = { fold = "1" }

[explain]
methods = ["grad_cam", "occlusion(window=8, stride=8)"]
memory = "2GB"

[statistics]
resamples = 100
min_positives = 1

[report]
gallery = 1
"""


def write_films(folder: Path, count: int = 12, size: tuple[int, int] = (96, 160)) -> None:
    """Dark films, every other with one bright square, whose box stands in the table."""
    generator = np.random.default_rng(0)
    height, width = size
    rows = ["id,file,patient,fold,Square,boxes"]
    for index in range(count):
        film = generator.integers(0, 40, size, dtype=np.uint8)
        boxes = []
        if index % 2:
            side = 32
            x = int(generator.integers(0, width - side))
            y = int(generator.integers(0, height - side))
            film[y : y + side, x : x + side] = 250
            boxes = [[x, y, side, side]]
        Image.fromarray(film).save(folder / f"film{index}.png")
        text = json.dumps(boxes).replace('"', '""')
        rows.append(
            f'f{index},film{index}.png,p{index // 2},{min(index // 2, 1)},{index % 2},"{text}"'
        )
    (folder / "films.csv").write_text("\n".join(rows) + "\n")


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """The experiment file, with everything it names beside it."""
    write_films(tmp_path)
    (tmp_path / "network.py").write_text(NETWORK)
    file = tmp_path / "squares.toml"
    file.write_text(EXPERIMENT.replace("GEOMETRY", "squash"))
    text = f'output = "out"\n{file.read_text()}'
    file.write_text(text)
    return file
