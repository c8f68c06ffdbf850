"""What the first batch norm remembers of the training, compared with what it gets."""

import numpy as np
import pytest
import torch
from torch import nn

from heatproof.data.geometry import Squash
from heatproof.models.adapter import Adapted
from heatproof.models.batch_statistics import divergence
from heatproof.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from heatproof.models.still import held_still
from heatproof.run.normalization import normalization_warning

SIDE = 32
TRAINED = Preprocessing(Squash(SIDE, SIDE), 3, IMAGENET_MEAN, IMAGENET_STD)
PLAIN = Preprocessing(Squash(SIDE, SIDE), 3, (0.0,), (1.0,))
FILMS = [np.random.default_rng(seed).random((40, 50), np.float32) for seed in range(8)]


class Normed(nn.Module):
    """Batch norm of the input itself, so that its statistics are those of the input."""

    def __init__(self, norm):
        super().__init__()
        self.norm, self.head = norm, nn.Linear(3, 1)

    def forward(self, images):
        return self.head(self.norm(images).mean((2, 3)))


def adapted(preprocessing, norm=None):
    torch.manual_seed(0)
    norm = norm or nn.BatchNorm2d(3, momentum=None)
    if isinstance(norm, nn.BatchNorm2d):
        norm.train()(torch.stack([TRAINED.tensor(film) for film in FILMS]))
    return Adapted(Normed(norm).eval(), None, ("a",), preprocessing)


def test_the_divergence_is_that_of_two_normal_distributions():
    model = adapted(PLAIN)
    norm = model.network.norm
    images = torch.stack([PLAIN.tensor(film) for film in FILMS])
    theirs = torch.distributions.Normal(norm.running_mean, norm.running_var.sqrt())
    ours = torch.distributions.Normal(images.mean((0, 2, 3)), images.std((0, 2, 3)))
    expected = torch.distributions.kl_divergence(ours, theirs).median().item()
    with held_still(model):
        assert divergence(model, images) == pytest.approx(expected, rel=1e-3)


def test_the_images_of_the_training_diverge_by_nothing():
    images = torch.stack([TRAINED.tensor(film) for film in FILMS])
    with held_still(model := adapted(TRAINED)):
        assert divergence(model, images) == pytest.approx(0, abs=1e-5)


def test_the_normalization_of_the_training_is_named():
    told = normalization_warning(adapted(PLAIN), FILMS)
    assert f"mean = {list(IMAGENET_MEAN)}" in told
    assert normalization_warning(adapted(TRAINED), FILMS) == ""


def test_without_batch_norm_nothing_is_said():
    model = adapted(PLAIN, nn.Identity())
    assert divergence(model, torch.stack([PLAIN.tensor(film) for film in FILMS])) is None
    assert normalization_warning(model, FILMS) == ""
