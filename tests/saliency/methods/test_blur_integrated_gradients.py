"""Blur integrated gradients beside scipy's blur and PAIR's sum."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from heatproof.data.geometry import Squash
from heatproof.errors import SpecError
from heatproof.models import Model
from heatproof.models.adapter import Adapted
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.methods.blur_integrated_gradients import blurred


@given(
    st.integers(1, 30),
    st.integers(1, 30),
    st.one_of(st.just(0.0), st.floats(0.01, 60)),
    st.sampled_from(["reflect", "zero"]),
)
def test_blurs_as_scipy_does(height: int, width: int, sigma: float, border: str) -> None:
    image = np.random.default_rng(0).standard_normal((2, height, width))
    mode = "reflect" if border == "reflect" else "constant"
    expected = gaussian_filter(image, (0, sigma, sigma), mode=mode)
    found = blurred(torch.from_numpy(image), sigma, border).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_reflection_keeps_the_mean_and_comes_to_it() -> None:
    image = torch.rand(1, 20, 30, dtype=torch.float64)
    assert float(blurred(image, 3.0, "reflect").mean()) == pytest.approx(float(image.mean()))
    flat = blurred(image, 200.0, "reflect")
    torch.testing.assert_close(flat, image.mean().expand_as(image), rtol=1e-3, atol=0)


def gradients(model: Model, target: int):
    """For PAIR, whose images are h x w x c."""
    pair = pytest.importorskip("saliency.core.base")

    def slope(batch, call_model_args=None, expected_keys=None):
        points = torch.from_numpy(batch).permute(0, 3, 1, 2).requires_grad_()
        (gradient,) = torch.autograd.grad(model(points)[:, target].sum(), points)
        return {pair.INPUT_OUTPUT_GRADIENTS: gradient.permute(0, 2, 3, 1).numpy()}

    return slope


@pytest.mark.parametrize(
    ("spacing", "batch"),
    [("linear", 1), ("linear", 4), ("sqrt", 1)],  # with sqrt, PAIR's batches are wrong
)
def test_pair_agrees(model: Model, images: Tensor, spacing: str, batch: int) -> None:
    pair = pytest.importorskip("saliency.core.blur_ig")
    model, images = model.eval().double(), images[:2].double()
    options = f"steps=9, max_sigma=7.0, rule='pair', border='zero', spacing='{spacing}'"
    method = {"it": methods.parse(f"blur_integrated_gradients({options})")}
    found = explain(method, model, images, [2, 0]).maps["it"].values.numpy()
    for image, maps in zip(images, found, strict=True):
        for target, ours in zip([2, 0], maps, strict=True):
            expected = (
                pair.BlurIG()
                .GetMask(
                    image.permute(1, 2, 0).numpy(),
                    gradients(model, target),
                    max_sigma=7.0 if spacing == "linear" else 7.0**2,  # of which it takes the root
                    steps=9,
                    sqrt=spacing == "sqrt",
                    batch_size=batch,
                )
                .sum(axis=2)
            )
            assert np.linalg.norm(ours - expected) / np.linalg.norm(expected) < 1e-8


@pytest.mark.parametrize("spacing", ["linear", "sqrt"])
@pytest.mark.parametrize("border", ["reflect", "zero"])
def test_the_midpoints_by_loops(model: Model, images: Tensor, spacing: str, border: str) -> None:
    model, images = model.eval().double(), images[:1].double()
    options = f"steps=3, max_sigma=6.0, spacing='{spacing}', border='{border}'"
    method = {"it": methods.parse(f"blur_integrated_gradients({options})")}
    maps = explain(method, model, images, [1]).maps["it"]
    sigmas = [0, 2, 4, 6] if spacing == "linear" else [0, 12**0.5, 24**0.5, 6]

    def at(sigma: float) -> Tensor:
        mode = "reflect" if border == "reflect" else "constant"
        return torch.from_numpy(gaussian_filter(images.numpy(), (0, 0, sigma, sigma), mode=mode))

    total = torch.zeros_like(images)
    for low, high in pairwise(sigmas):
        point = at((low + high) / 2).requires_grad_()
        (slope,) = torch.autograd.grad(model(point)[0, 1], point)
        total += slope * (at(low) - at(high))
    torch.testing.assert_close(maps.values, total.sum(1, keepdim=True), rtol=1e-8, atol=1e-12)
    rise = (model(images) - model(at(6))).detach()[0, 1]
    missed = (total.sum() - rise) / rise.abs()
    torch.testing.assert_close(maps.residual[0, 0], missed, rtol=1e-7, atol=1e-9)


class Squares(nn.Module):
    """A smooth network: a weighted sum of squares."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Identity()
        weights = torch.rand(3, 24, 24, generator=torch.Generator().manual_seed(0))
        self.weights = nn.Parameter(weights)

    def forward(self, images: Tensor) -> Tensor:
        return (self.weights * self.features(images).square()).sum(dim=(1, 2, 3))[:, None]


def test_midpoints_are_complete_where_pairs_sum_is_not() -> None:
    model = Adapted(Squares().double(), "features", ["all"], Preprocessing(Squash(24, 24)))
    images = torch.randn(2, 3, 24, 24, generator=torch.Generator().manual_seed(1)).double()
    options = {"midpoint": "", "pair": ", rule='pair'", "zero": ", rule='pair', border='zero'"}
    specs = {
        name: f"blur_integrated_gradients(steps=100, max_sigma=10.0{more})"
        for name, more in options.items()
    }
    found = explain({k: methods.parse(v) for k, v in specs.items()}, model, images, [0]).maps
    residual = {name: float(maps.residual.abs().max()) for name, maps in found.items()}
    assert residual["midpoint"] < 0.0005
    assert residual["pair"] > 0.01
    assert residual["zero"] > 0.01


def test_small_pieces_of_the_path_add_up(model: Model, images: Tensor, monkeypatch) -> None:
    model, images = model.double(), images.double()
    spec = "blur_integrated_gradients(steps=5, max_sigma=4.0)"
    whole = explain(methods.parts([spec]), model, images, [0]).maps[spec].values
    monkeypatch.setattr(ForwardPass, "at_once", lambda *_, differentiated: 2)
    pieces = explain(methods.parts([spec]), model, images, [0]).maps[spec].values
    torch.testing.assert_close(whole, pieces, rtol=1e-7, atol=1e-9 * float(whole.abs().max()))


@pytest.mark.parametrize("options", ["steps=0", "max_sigma=0.0", "max_sigma=-1.0"])
def test_impossible_options_are_refused(options: str) -> None:
    with pytest.raises(SpecError, match=options.partition("=")[0]):
        methods.parse(f"blur_integrated_gradients({options})")
