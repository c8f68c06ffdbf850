"""What a check says of costs is what a run then does."""

import polars as pl
import pytest
from torch.nn.modules import module

from heatproof import cli
from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.run import costs as measuring
from heatproof.run.costs import Work, costs
from heatproof.run.pipeline import run
from heatproof.saliency.methods import methods
from tests.phantom_sets import sets
from tests.squares import EXPERIMENT

NETWORK = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    parts = [nn.Conv2d(1, 4, 8, 8), nn.ReLU(), nn.Conv2d(4, 4, 3, 1, 1), nn.ReLU()]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
"""


@pytest.fixture
def learned(squares):
    """The squares, and a network with weights."""
    (squares.parent / "network.py").write_text(NETWORK)
    text = squares.read_text().replace('features = "features"', 'features = "3"')
    squares.write_text(text.replace('"grad_cam", "occlusion(window=8, stride=8)"', '"grad_cam"'))
    return squares


def costs_of(file):
    return costs(open_workspace(load(file)))


def test_as_many_films_are_explained_as_were_counted(learned):
    criteria = ["randomization(draws=2)", "flip", "input_noise(std=[0.1, 0.2])"]
    learned.write_text(f"{learned.read_text()}\n[trust]\ncriteria = {criteria}\nside = 32\n")
    expected = costs_of(learned)
    out = run(load(learned)).parent
    assert expected.explaining.films == len(pl.read_parquet(out / "predictions.parquet")) == 10
    rows = pl.read_parquet(out / "trust.parquet").filter(pl.col("population") == "same film")
    copies = rows.select("criterion", "step", "draw", "image_id").unique()
    made = dict(copies.group_by("criterion").len().iter_rows())
    assert {spec: again.films for spec, again in expected.trust.items()} == made
    assert made["randomization(draws=2)"] == 3 * 2 * 5  # blocks, draws, films with a square


def test_by_default_the_films_with_the_finding_are_explained_once_more(learned):
    assert {spec: again.films for spec, again in costs_of(learned).trust.items()} == {
        "randomization(order='whole', draws=1)": 5
    }
    text = learned.read_text()
    learned.write_text(f"{text}\n[trust]\nimages = 2\n")
    (again,) = costs_of(learned).trust.values()
    assert again.films <= 2  # of these two some may be judged by nobody
    learned.write_text(f"trust = false\n{text}")
    assert costs_of(learned).trust == {}


def test_a_network_without_weights_has_no_copies(squares):
    found = costs_of(squares)
    assert found.explaining.films == 10
    assert found.trust == {}


def test_replicates_that_are_yet_to_be_trained_are_measured_once(tmp_path, monkeypatch):
    scaling = '{ geometry = "squash(height=48, width=48)", channels = 1, mean = [0.5], std = [1] }'
    model = f"""
[[models]]
name = "net"
backbone = "resnet10t(width=8)"
seeds = [0, 1, 2]
scaling = {scaling}
training = {{ data = "train", validation = "validation" }}
"""
    explain = EXPERIMENT[EXPERIMENT.index("[explain]") :]
    file = tmp_path / "e.toml"
    file.write_text(f'name = "x"\noutput = "out"\n{sets(8)}{model}{explain}')
    measured = []
    monkeypatch.setattr(measuring, "_one_film", lambda *_: measured.append(1) or Work(1, 0.5))
    found = costs_of(file)
    assert len(measured) == 1
    assert found.explaining == Work(3 * 8, 3 * 8 * 0.5)
    assert str(found.explaining) == "24 films, about 12 seconds"
    assert not (tmp_path / "out").exists()


def test_what_takes_too_long_is_given_up_and_said(learned, monkeypatch):
    monkeypatch.setattr(measuring, "LIMIT", 0.0)
    found = costs_of(learned)
    assert found.explaining.at_least
    assert str(found.explaining).startswith("10 films, more than")
    assert not module._global_forward_pre_hooks


def test_a_check_says_it(learned, capsys):
    cli.check(learned)
    said = " ".join(capsys.readouterr().out.split())
    assert "Explaining: 10 films, about a second" in said
    assert "Trust, randomization(order='whole', draws=1): 5 films, about a second more" in said
    assert "It can run" in said
    assert [path.name for path in (learned.parent / "out").iterdir()] == ["check"]


def test_the_time_of_absurd_options_is_told_from_a_few_passes(learned, monkeypatch):
    monkeypatch.setattr(measuring, "LIMIT", 1.0)
    spec = "smooth_grad(base=integrated_gradients(steps=100000), samples=1000)"
    learned.write_text(learned.read_text().replace('"grad_cam"', f'"{spec}"'))
    one = measuring._shortened(methods.parse(spec))
    assert one == (methods.parse(spec.replace("100000", "8").replace("1000", "8")), 1e8 / 64)
    found = costs_of(learned).explaining
    assert found.seconds > 86400  # of a busy machine, "more than"
    assert str(found).endswith("days")
