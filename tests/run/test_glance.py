"""A glance at a few films sees what is wrong, and is silent where nothing is."""

import io
import re
import time
from collections import OrderedDict

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from heatproof.data.annotations import Boxes
from heatproof.data.geometry import Squash
from heatproof.data.geometry.crops import CenterCrop
from heatproof.data.pixels import ArrayPixels
from heatproof.experiment.assignment import Assignment
from heatproof.experiment.films import OpenedData
from heatproof.models.adapter import Adapted
from heatproof.models.preprocessing import Preprocessing
from heatproof.report.pictures.contact_sheet import Tile, contact_sheet
from heatproof.run.glance import MOST, glance
from heatproof.types import Annotation, Sample


class Bright(nn.Module):
    """Logit: how much of the film is bright, so that a film with a square is a positive."""

    def __init__(self, gain=200.0, shift=2.0):
        super().__init__()
        self.body, self.gain, self.shift = nn.AvgPool2d(4), gain, shift

    def forward(self, images):
        return self.gain * (self.body(images) - 0.6).relu().mean(dim=(2, 3)) - self.shift


class Films:
    findings = ("Square",)

    def __init__(self, samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


def films(number=20, box=(30, 40, 62, 72), change=lambda film: film):
    generator = np.random.default_rng(0)
    samples = []
    for index in range(number):
        film = np.zeros((120, 100), np.float32)
        film[10:110, 20:90] = 0.3 + 0.1 * generator.random((100, 70))
        positive = index % 2 == 1
        if positive:
            film[40:72, 30:62] = 0.95
        marks = (Annotation("Square", "reference", Boxes((box,))),) if positive else ()
        samples.append(
            Sample(
                f"f{index}",
                ArrayPixels(change(film)),
                labels={"Square": positive},
                annotations=marks,
            )
        )
    return samples


def looked(samples, network=None, geometry=None, seconds=30, mean=0.0, std=1.0):
    opened = OpenedData("films", Films(samples), {})
    preprocessing = Preprocessing(geometry or Squash(48, 48), 1, (mean,), (std,))
    model = Adapted((network or Bright()).eval(), "body", ("Square",), preprocessing)
    assigned = Assignment("m", "m", opened, tuple(samples))
    return glance(model, [assigned], time.monotonic() + seconds)


def test_a_good_model_gives_no_warning():
    found = looked(films())
    assert found.warnings == ()
    assert found.aurocs == {"Square": 1.0}
    assert len(found.seen) == MOST
    assert sum(one.labels["Square"] for one in found.seen) == MOST / 2
    positive = next(one for one in found.seen if one.labels["Square"])
    assert positive.image[positive.marked].mean() > 0.85  # the marks lie where the network sees it


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"samples": films(change=lambda film: film * 0)}, "blank to the network"),
        ({"samples": films(change=lambda film: film / 16)}, "nearly black.*maximum = 4095"),
        ({"samples": films(box=(0, 0, 15, 120))}, "marks lie on black beside the body"),
        ({"geometry": CenterCrop(48, 48, 140)}, "crop cuts off"),
        (
            {"network": nn.Sequential(OrderedDict(body=Bright(), end=nn.Sigmoid()))},
            "end in a sigmoid",
        ),
        ({"network": Bright(gain=-200.0, shift=-2.0)}, "no better than chance.*inverted"),
        ({"network": Bright(shift=-3.0)}, "probabilities average"),
        ({"network": Bright(gain=0.0)}, "are the weights loaded"),
    ],
)
def test_what_is_wrong_is_told(changes, text):
    found = looked(**{"samples": films()} | changes)
    assert any(re.search(text, warning) for warning in found.warnings), found.warnings


def test_it_stops_when_its_time_is_over():
    assert looked(films(), seconds=-1).seen == ()


def test_a_contact_sheet_is_a_picture_of_every_film():
    grey = np.linspace(0, 1, 40 * 60, dtype=np.float32).reshape(40, 60)
    marked = np.zeros((40, 60), bool)
    marked[10:20, 10:30] = True
    tiles = [Tile(grey, marked, ("name", "Opacity 0.83, present"))] * 5
    sheet = Image.open(io.BytesIO(contact_sheet(tiles)))
    one = Image.open(io.BytesIO(contact_sheet(tiles[:1])))
    assert sheet.width > 3.5 * one.width
    assert sheet.height > 1.8 * one.height
    colours = np.asarray(one).reshape(-1, 3)
    assert (colours == (255, 196, 0)).all(axis=1).any()
    assert torch.tensor(colours).float().std() > 20


class Normed(nn.Module):
    """A network whose batch norm has seen films with a mean of 0.5 and a deviation of 0.5."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU())
        seen = [
            (torch.from_numpy(Squash(48, 48).image(one.pixels.read())) - 0.5) / 0.5
            for one in films()
        ]
        self.train()
        for _ in range(60):
            self.body(torch.stack(seen)[:, None])

    def forward(self, images):
        return self.body(images).mean((1, 2, 3))[:, None]


def test_batch_norm_tells_another_normalization_without_labels():
    samples = films()
    wrong = looked(samples, Normed(), mean=0.0, std=1.0)
    assert "with mean = [0.5], std = [0.5] it is" in wrong.warnings[-1]
    right = looked(samples, Normed(), mean=0.5, std=0.5)
    assert not any("batch norm" in warning for warning in right.warnings)
