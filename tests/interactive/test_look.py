"""``heatproof look``: a film on the command line."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from heatproof.errors import ModelError
from heatproof.interactive.look import look

NETWORK = """
import torch, heatproof
from torch import nn

def bare():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )

def wrapped():
    return heatproof.wrap(bare(), ["A", "B"], size=48, mean=0.5, std=0.25)
"""
FILM = Path("film.png")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NETWORK)
    film = np.random.default_rng(0).integers(0, 256, (60, 90), np.uint8)
    Image.fromarray(film).save(FILM)
    return tmp_path


@pytest.mark.slow
def test_a_bare_network_is_described_on_the_command_line(folder):
    words = [*("look", "film.png", "--model", "net.py:bare", "--findings", "A,B", "--size", "48")]
    words += ["--mean", "0.5", "--std", "0.25", "--finding", "B", "-o", "overlay.png"]
    command = [sys.executable, "-c", "from heatproof.cli import main; main()", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "overlay.png\n"
    with Image.open(folder / "overlay.png") as picture:
        assert picture.size == (90, 60)


def test_several_methods_have_a_picture_each(folder):
    specs = ["grad_cam", "occlusion(window=24, stride=12)"]
    _, files = look(FILM, "net.py:wrapped", Path("o.png"), specs, "B")
    assert [file.name for file in files] == [
        "o-grad_cam.png", "o-occlusion-window-24--stride-12-.png"
    ]  # fmt: skip
    assert all(file.is_file() for file in files)


def test_a_page_holds_all_maps(folder):
    told, (page,) = look(FILM, "net.py:wrapped", Path("look.html"), ["gradient", "grad_cam"])
    text = page.read_text()
    assert text.startswith("<!DOCTYPE html>")
    assert text.count("<figure") == 1 + len(told)


@pytest.mark.parametrize(
    ("model", "said", "words"),
    [
        ("net.py:bare", {}, "--findings A,B"),
        ("net.py:bare", {"findings": ["A", "B"], "size": 48}, "mean and std"),
        ("net.py:wrapped", {"size": 48}, "which says size"),
        ("net.py:buil", {}, "no function"),
        ("nowhere.py:build", {}, "no such file"),
        (".", {}, r"holds no card\.json"),
    ],
)
def test_what_is_no_model_is_refused_in_words(folder, model, said, words):
    with pytest.raises(ModelError, match=words):
        look(FILM, model, Path("o.png"), ["gradient"], **said)


def test_a_name_is_text_on_the_page(folder):
    film = FILM.rename("<img src=x onerror=alert(1)>.png")
    _, (page,) = look(film, "net.py:wrapped", Path("look.html"), ["gradient"], "A")
    assert "<img src=x" not in page.read_text()
    assert "&lt;img src=x" in page.read_text()
