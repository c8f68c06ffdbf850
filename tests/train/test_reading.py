"""A damaged film is left out of a training, and told; the others are read once."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from heatproof import Manifest, Preprocessing, Squash
from heatproof.errors import DamagedFile, DataError
from heatproof.models.classifier import build
from heatproof.train import fit
from heatproof.train.reading import read
from heatproof.train.settings import Settings

SMALL = Preprocessing(Squash(32, 32), channels=1, mean=(0.5,), std=(0.25,))
QUICK = Settings(max_epochs=1, batch=4, workers=0, augment=(), accelerator="cpu")


@pytest.fixture
def films(tmp_path):
    """Training and validation, 16 and 8 films, of which two cannot be read."""
    rng, rows = np.random.default_rng(0), ["image,patient,Nodule,part"]
    for i in range(24):
        grey = rng.integers(0, 255, (48, 48)).astype(np.uint8)
        Image.fromarray(grey).save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,p{i},{i % 2},{'train' if i < 16 else 'check'}")
    for i in (3, 20):
        data = (tmp_path / f"{i}.png").read_bytes()
        (tmp_path / f"{i}.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "films.csv").write_text("\n".join(rows))
    return [
        Manifest(
            tmp_path / "films.csv", labels=("Nodule",), patient="patient", where={"part": part}
        )
        for part in ("train", "check")
    ]


@pytest.mark.parametrize("cache_gb", [2.0, 0.0])
def test_a_training_goes_on_without_damaged_films(films, cache_gb) -> None:
    network = build("resnet10t(width=16)", "linear", ["Nodule"], SMALL)
    with pytest.warns(DamagedFile) as told:
        fitted = fit(network, *films, replace(QUICK, cache_gb=cache_gb))
    words = [str(warning.message) for warning in told]
    assert words[0].startswith("1 of 16 films cannot be read")
    assert words[0].count("3.png") == 1
    assert set(fitted.aside) == {"3.png", "20.png"}
    assert np.isfinite(fitted.history.epochs[0].auroc)


def test_weights_are_those_of_a_training_without_these_films(films) -> None:
    """In memory or not, and whether damaged films were listed or never there."""
    weights = []
    for cache_gb in (2.0, 0.0):
        torch.manual_seed(0)
        network = build("resnet10t(width=16)", "linear", ["Nodule"], SMALL, seed=0)
        with pytest.warns(DamagedFile):
            fit(network, *films, replace(QUICK, cache_gb=cache_gb))
        weights.append(network.head.classifier.weight)
    whole = [read_quietly(data) for data in films]
    network = build("resnet10t(width=16)", "linear", ["Nodule"], SMALL, seed=0)
    assert fit(network, *whole, QUICK).aside == {}
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[0], network.head.classifier.weight)


def read_quietly(data):
    with pytest.warns(DamagedFile):
        return read(data, SMALL, 0.0).dataset


def test_images_that_fit_are_kept_in_the_order_of_the_films(films) -> None:
    with pytest.warns(DamagedFile):
        found = read(films[0], SMALL, 1.0)
    assert len(found.dataset) == len(found.images) == 15
    for index, image in enumerate(found.images):
        film = found.dataset[index]
        assert film.image_id != "3.png"
        assert torch.equal(image, SMALL.tensor(film.pixels.read()))


def test_a_data_set_of_damaged_films_alone_is_an_error(films) -> None:
    for index in range(len(films[1])):
        films[1][index].pixels.path.write_bytes(b"")
    with pytest.raises(DataError, match="none of the 8 films can be read"):
        read(films[1], SMALL, 1.0)
