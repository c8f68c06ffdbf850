"""A model of which is known where it looks."""

import pytest
import torch
from torch import nn

from heatproof import Adapted, Preprocessing, Squash

SIDE = 32
LOOKS = (slice(8, 16), slice(16, 24))  # rows and columns that its first logit is made of


class Looking(nn.Module):
    """The first logit is the mean of a square, the second that of everything."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(1, 2, 1)
        self.last = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        here = x[:, 0, LOOKS[0], LOOKS[1]].mean(dim=(1, 2))
        return self.last(torch.stack([4 * here - 2, x.mean(dim=(1, 2, 3))], dim=1))


@pytest.fixture
def model() -> Adapted:
    scaling = Preprocessing(Squash(SIDE, SIDE), channels=1, mean=(0.0,), std=(1.0,))
    return Adapted(Looking(), "features", ("here", "everywhere"), scaling)


@pytest.fixture
def images() -> torch.Tensor:
    """Bright where the model looks, and noise elsewhere."""
    images = torch.rand(3, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    images[:, :, LOOKS[0], LOOKS[1]] += 0.5
    return images


@pytest.fixture
def true() -> torch.Tensor:
    """A map of the first finding that shows where the model looks."""
    relevance = torch.zeros(3, 1, SIDE, SIDE)
    relevance[:, :, LOOKS[0], LOOKS[1]] = 1
    return relevance
