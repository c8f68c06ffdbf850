"""A run asks the file system for each film a fixed number of times, whatever is asked of it."""

import contextlib
import csv
import io
import os
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from torch import nn

from heatproof import Adapted, Manifest, Preprocessing, Squash, prove
from heatproof.data.pixels import ImageFile
from heatproof.errors import DataError, PixelError
from heatproof.stages import scoring
from heatproof.types import Sample

FILMS = 6


class Net(nn.Module):
    """A classifier of 16 cells."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.last = nn.Conv2d(1, 4, 8, stride=8), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.features(x).relu().mean((2, 3)))


@pytest.fixture
def films(tmp_path: Path) -> Manifest:
    rng = np.random.default_rng(0)
    with (tmp_path / "films.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "patient", "Nodule", "boxes"])
        for index in range(FILMS):
            film = Image.fromarray(rng.integers(0, 255, (32, 32)).astype(np.uint8))
            film.save(tmp_path / f"{index}.png")
            marked = "[[4, 4, 9, 9]]" if index % 2 else ""
            rows.writerow([f"{index}.png", f"p{index}", index % 2, marked])
    return Manifest(tmp_path / "films.csv", labels=("Nodule",), patient="patient", boxes="boxes")


def proved(films: Manifest, folder: Path, *methods: str) -> None:
    torch.manual_seed(0)
    scaling = Preprocessing(Squash(32, 32), channels=1, mean=(0.5,), std=(0.25,))
    model = Adapted(Net(), "features", ("Nodule",), scaling)
    prove(model, films, list(methods), metrics=("iou",), criteria=(), output=folder)


def test_methods_do_not_ask_again_for_the_version_of_a_film(films, tmp_path, monkeypatch) -> None:
    asked: list[Path] = []
    version = ImageFile.version
    monkeypatch.setattr(ImageFile, "version", lambda self: asked.append(self.path) or version(self))
    counts = {}
    for methods in (("grad_cam",), ("grad_cam", "hires_cam", "layer_cam")):
        for time in ("first", "again"):
            asked.clear()
            proved(films, tmp_path / f"{len(methods)}", *methods)
            counts[len(methods), time] = len(asked)
    # When it is first asked for; when its header, its pixels and its bytes have been read.
    assert counts[1, "first"] == counts[3, "first"] == 4 * FILMS
    assert counts[1, "again"] == counts[3, "again"] == FILMS


def test_methods_do_not_ask_again_for_the_file_of_a_film(films, tmp_path, monkeypatch) -> None:
    """By whatever path of the code: neither its status, nor that it be opened."""
    proved(films, tmp_path / "first", "grad_cam")  # what is asked once for all runs of a process
    asked: Counter[str] = Counter()
    stat, start = os.stat, io.open

    def of(path: object, kind: str) -> None:
        if isinstance(path, str | Path) and Path(path).parent == tmp_path:
            asked[kind] += str(path).endswith(".png")

    monkeypatch.setattr(os, "stat", lambda path, **more: of(path, "stat") or stat(path, **more))
    monkeypatch.setattr(
        io, "open", lambda path, *more, **m: of(path, "open") or start(path, *more, **m)
    )
    counts = {}
    for methods in (("grad_cam",), ("grad_cam", "hires_cam", "layer_cam")):
        asked.clear()
        proved(films, tmp_path / f"{len(methods)}", *methods)
        counts[len(methods)] = dict(asked)
    assert counts[1] == counts[3]
    assert 0 < counts[1]["stat"] <= 8 * FILMS


def test_a_film_that_changes_while_it_is_read_ends_the_run(films, tmp_path, monkeypatch) -> None:
    """Its maps would be kept as those of the film before; the next run is right again."""
    read = ImageFile.read

    def changing(self: ImageFile) -> np.ndarray:
        grey = read(self)
        if self.path.name == "3.png":
            Image.fromarray(np.zeros((32, 33), np.uint8)).save(self.path)
        return grey

    monkeypatch.setattr(ImageFile, "read", changing)
    with pytest.raises(DataError, match=r"'3.png' was changed while the run read it.*again"):
        proved(films, tmp_path / "out", "grad_cam")
    monkeypatch.setattr(ImageFile, "read", read)
    proved(films, tmp_path / "out", "grad_cam")


def test_a_film_that_is_removed_while_the_run_reads_is_not_set_aside(films, tmp_path, monkeypatch):
    """The next run, in which it is there again, judges it."""
    read = ImageFile.read

    def removing(self: ImageFile) -> np.ndarray:
        if self.path.name == "3.png":
            with contextlib.suppress(FileNotFoundError):  # another reading thread took it first
                self.path.rename(self.path.with_suffix(".kept"))
        return read(self)

    monkeypatch.setattr(ImageFile, "read", removing)
    with pytest.raises(PixelError, match=r"3\.png"):
        proved(films, tmp_path / "out", "grad_cam")
    monkeypatch.setattr(ImageFile, "read", read)
    (tmp_path / "3.kept").rename(tmp_path / "3.png")
    proved(films, tmp_path / "out", "grad_cam")
    proved(films, tmp_path / "undisturbed", "grad_cam")
    tables = [tmp_path / name / "estimates.parquet" for name in ("out", "undisturbed")]
    assert pl.read_parquet(tables[0]).equals(pl.read_parquet(tables[1]), null_equal=True)


def test_a_mask_that_is_removed_while_the_run_scores_is_not_set_aside(tmp_path, monkeypatch):
    """A row that says that it cannot be read would stay, though it can be read again."""
    rng = np.random.default_rng(0)
    with (tmp_path / "films.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "Nodule", "mask"])
        for index in range(FILMS):
            film = rng.integers(0, 255, (32, 32)).astype(np.uint8)
            Image.fromarray(film).save(tmp_path / f"{index}.png")
            Image.fromarray((film > 200).astype(np.uint8) * 255).save(tmp_path / f"m{index}.png")
            rows.writerow([f"{index}.png", index % 2, f"m{index}.png" if index % 2 else ""])
    films = Manifest(tmp_path / "films.csv", labels=("Nodule",), mask="mask")
    mask, kept = tmp_path / "m3.png", tmp_path / "m3.kept"
    read = scoring.reference_mask

    def removing(sample: Sample, *place: str) -> np.ndarray:
        with contextlib.suppress(FileNotFoundError):  # another reading thread took it first
            mask.rename(kept)
        return read(sample, *place)

    monkeypatch.setattr(scoring, "reference_mask", removing)
    with pytest.raises(DataError, match=r"what is marked on '3\.png' was changed or removed"):
        proved(films, tmp_path / "out", "grad_cam")
    monkeypatch.setattr(scoring, "reference_mask", read)
    kept.rename(mask)
    proved(films, tmp_path / "out", "grad_cam")
    proved(films, tmp_path / "undisturbed", "grad_cam")
    tables = [tmp_path / name / "estimates.parquet" for name in ("out", "undisturbed")]
    assert pl.read_parquet(tables[0]).equals(pl.read_parquet(tables[1]), null_equal=True)


@pytest.mark.slow
@pytest.mark.parametrize("reading", ["header", "digest"])
@pytest.mark.parametrize("fate", ["changed", "removed"])
def test_a_film_that_is_another_for_a_moment_leaves_nothing_behind(
    films, tmp_path, monkeypatch, reading, fate
):
    """Whatever was read of it then would stand under the name of the film as it is."""
    film, kept = tmp_path / "3.png", tmp_path / "3.kept"
    read = getattr(ImageFile, reading)

    def other(self: ImageFile) -> object:
        if self.path == film and film.exists() and not kept.exists():
            film.rename(kept)
            if fate == "changed":
                Image.fromarray(np.zeros((32, 33), np.uint16)).save(film)
        return read(self)

    monkeypatch.setattr(ImageFile, reading, other)
    with pytest.raises((DataError, PixelError), match=r"3\.png"):
        proved(films, tmp_path / "out", "grad_cam")
    kept.replace(film)
    monkeypatch.setattr(ImageFile, reading, read)
    proved(films, tmp_path / "out", "grad_cam")
    proved(films, tmp_path / "undisturbed", "grad_cam")
    for table in ("headers", "contents"):
        one, two = (pl.read_parquet(tmp_path / name / table) for name in ("out", "undisturbed"))
        assert one.drop("changed", strict=False).equals(two.drop("changed", strict=False))
