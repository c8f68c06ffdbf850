"""The same curves as Quantus, which measures one map and one class at a time."""

import numpy as np
import pytest
import torch
from torch import nn

from heatproof.fidelity.hiding import ranks, without_most_relevant
from heatproof.saliency.forward import ForwardPass
from tests.fidelity.conftest import SIDE

quantus = pytest.importorskip("quantus")


class Probabilities(nn.Module):
    """The first finding as one of two classes, which is what Quantus asks of a network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        first = self.network(images)[:, 0].sigmoid()
        return torch.stack([1 - first, first], dim=1)


@pytest.mark.filterwarnings("ignore")
def test_pixels_are_hidden_as_quantus_flips_them(model, images) -> None:
    relevance = torch.randn(3, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    step = SIDE * SIDE // 8
    flipping = quantus.PixelFlipping(
        features_in_step=step,
        perturb_baseline=0.0,
        normalise=False,
        abs=False,
        disable_warnings=True,
        display_progressbar=False,
    )
    theirs = flipping(
        model=Probabilities(model).eval(),
        x_batch=images.numpy(),
        y_batch=np.ones(3, int),
        a_batch=relevance.numpy(),
        softmax=False,
        device="cpu",
    )
    counts = [step * number for number in range(1, 9)]
    forward, hidden = ForwardPass(model, images), torch.zeros_like(images)
    ours = without_most_relevant(forward, images, hidden, ranks(relevance), [0], counts)[:, 0]
    np.testing.assert_allclose(ours, np.array(theirs), atol=1e-5)
