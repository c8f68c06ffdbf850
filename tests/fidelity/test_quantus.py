"""The same curves as Quantus, which measures one map and one class at a time."""

import numpy as np
import pytest
import torch
from torch import nn

from heatproof.fidelity import fidelities, measure
from heatproof.fidelity.hiding import ranks, without_most_relevant
from heatproof.fidelity.imputation import imputed
from heatproof.fidelity.metrics import Explained
from heatproof.saliency import explain, methods
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


def test_pixels_are_imputed_as_quantus_imputes_them(images) -> None:
    from quantus.functions.perturb_func import noisy_linear_imputation

    relevance = torch.randn(1, 1, SIDE // 4, SIDE // 4, generator=torch.Generator().manual_seed(3))
    places = ranks(nn.functional.interpolate(relevance, (SIDE, SIDE), mode="bilinear"))[0, 0]
    order = places.flatten().argsort().numpy()
    channels = torch.cat([images[0], images[1], 3 * images[0] - 1]).numpy().astype(np.float64)
    counts = [round(share * SIDE * SIDE) for share in (0.1, 0.5, 0.9)]
    for count, ours in zip(counts, imputed(channels, places.numpy(), counts), strict=True):
        theirs = noisy_linear_imputation(channels, order[:count], noise=0.0)
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("sign", [1, -1])
def test_monotonicity_is_one_where_quantus_says_yes(model, images, true, sign) -> None:
    """Where pixels are below the mean, the finding becomes less likely as they are shown."""
    noise = torch.rand(true.shape, generator=torch.Generator().manual_seed(1))
    relevance, images = true + 1e-3 * noise, sign * images
    theirs = quantus.Monotonicity(
        features_in_step=SIDE * SIDE // 8,
        perturb_baseline=0.0,
        perturb_func=shown_again(images),
        normalise=False,
        abs=False,
        disable_warnings=True,
    )(
        model=Probabilities(model).eval(),
        x_batch=images.numpy(),
        y_batch=np.ones(3, int),
        a_batch=relevance.numpy(),
        softmax=False,
        device="cpu",
    )
    explained = Explained(ForwardPass(model, images), relevance, [0])
    ours = fidelities.parse("monotonicity(steps=8)")(explained)[:, 0]
    assert [value == 1 for value in ours.tolist()] == [bool(value) for value in theirs]
    assert bool(theirs[0]) == (sign == 1)


def shown_again(images: torch.Tensor):
    """Quantus 0.6.0 fills with the baseline what it means to show; this shows it."""

    def shown(arr: np.ndarray, indices: np.ndarray, **_) -> np.ndarray:
        filled, whole = arr.copy(), images.numpy().reshape(len(images), -1)
        np.put_along_axis(filled, indices, np.take_along_axis(whole, indices, 1), 1)
        return filled

    return shown


@pytest.mark.filterwarnings("ignore")
def test_max_sensitivity_is_that_of_quantus(model, images) -> None:
    metric = fidelities.parse("max_sensitivity(radius=0.1, samples=5)")
    parts = methods.parts(["input_x_gradient"])

    def maps_of(x: torch.Tensor) -> torch.Tensor:
        return explain(parts, model, x, [0]).maps["input_x_gradient"].values

    maps = maps_of(images)
    noisy = iter(metric.noisy(images, Explained(ForwardPass(model, images), maps, [0])))
    theirs = quantus.MaxSensitivity(
        nr_samples=5,
        perturb_func=lambda arr, **_: next(noisy).numpy().reshape(arr.shape),
        disable_warnings=True,
    )(
        model=Probabilities(model).eval(),
        x_batch=images.numpy(),
        y_batch=np.ones(3, int),
        a_batch=maps.numpy(),
        explain_func=lambda inputs, **_: maps_of(torch.as_tensor(inputs)).numpy(),
        device="cpu",
    )
    ours = measure({"m": metric}, model, images, {"input_x_gradient": maps}, [0], methods=parts)
    np.testing.assert_allclose(ours["input_x_gradient", "m"].values[:, 0], theirs, atol=1e-5)
