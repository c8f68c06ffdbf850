"""Gradient SHAP by loops, beside captum with the same draws, and in the limit."""

import numpy as np
import pytest
import torch
from torch import Tensor

from heatproof.errors import MapError, SpecError
from heatproof.models import Model
from heatproof.saliency import explain, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.methods.gradient_shap import GradientShap
from tests.saliency.conftest import SIDE, make


def drawn(samples: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Points, draws and noise, in that order from one generator."""
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.rand(samples, generator=generator).double(),
        torch.rand(samples, generator=generator),
        torch.randn(samples, 3, SIDE, SIDE, generator=generator).double(),
    )


def both(model: Model) -> Tensor:
    """A black and a white radiograph, preprocessed."""
    films = [np.full((SIDE, SIDE), value, np.float32) for value in (0, 1)]
    return torch.stack([model.preprocessing.tensor(film) for film in films]).double()


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_equals_the_mean_by_loops(model: Model, images: Tensor, noise: float) -> None:
    model, images = model.eval().double(), images.double()
    method = GradientShap(samples=5, noise=noise, seed=7)
    maps = explain({"it": method}, model, images, [2, 0]).maps["it"]
    points, draws, normal = drawn(5, seed=7)
    background = both(model)
    for n, image in enumerate(images):
        for k, target in enumerate([2, 0]):
            total, starts = torch.zeros(SIDE, SIDE).double(), 0.0
            for i in range(5):
                start = background[int(draws[i] * 2)]
                end = image + noise * (image.max() - image.min()) * normal[i]
                point = (start + points[i] * (end - start)).requires_grad_()
                (slope,) = torch.autograd.grad(model(point[None])[0, target], point)
                total += ((end - start) * slope).sum(dim=0) / 5
                starts += float(model(start[None])[0, target].detach()) / 5
            rise = float(model(image[None])[0, target].detach()) - starts
            torch.testing.assert_close(maps.values[n, k], total, rtol=1e-8, atol=1e-8)
            residual = (float(total.sum()) - rise) / abs(rise)
            assert float(maps.residual[n, k]) == pytest.approx(residual, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_captum_agrees_with_the_same_draws(
    classifier: Model, images: Tensor, monkeypatch, noise: float
) -> None:
    attr = pytest.importorskip("captum.attr")
    model, images = classifier.eval().double(), images[:1].double()
    method = GradientShap(samples=4, noise=noise, seed=3)
    found = explain({"it": method}, model, images, [1]).maps["it"].values[:, 0]
    points, draws, normal = drawn(4, seed=3)
    background = both(model)
    monkeypatch.setattr(np.random, "uniform", lambda *_: points.numpy())
    monkeypatch.setattr(np.random, "choice", lambda count, size: (draws * count).long().numpy())
    monkeypatch.setattr(torch, "normal", lambda mean, deviation: deviation.double() * normal)
    deviation = noise * float(images.max() - images.min())
    monkeypatch.setattr(torch, "tensor", wide(torch.tensor))
    expected = attr.GradientShap(model).attribute(
        images, background, n_samples=4, stdevs=deviation, target=1
    )
    expected = expected.detach().sum(dim=1)
    assert float((found - expected).norm() / expected.norm()) < 1e-8


def wide(tensor):
    """Captum keeps the deviation of its noise in float32."""
    return lambda value, **more: tensor(value, **({"dtype": torch.float64} | more))


def test_the_mean_of_many_is_integrated_gradients(images: Tensor) -> None:
    model, images = make("adapted").double(), images[:1].double()
    specs = ["gradient_shap(samples=4000, baseline='black')", "integrated_gradients(steps=400)"]
    found = explain(methods.parts(specs), model, images, [0, 1]).maps
    estimate, integral = (found[spec].values for spec in specs)
    few = explain({"few": GradientShap(samples=40, baseline="black")}, model, images, [0, 1])
    errors = [
        float((values - integral).norm() / integral.norm())
        for values in (estimate, few.maps["few"].values)
    ]
    # The error of a mean falls with the root of the samples: here to a tenth.
    assert errors[0] < 0.3 * errors[1]
    assert errors[0] < 0.05
    assert float(found[specs[0]].residual.abs().max()) < 0.1


def test_a_background_of_radiographs(model: Model, images: Tensor, tmp_path) -> None:
    model, images = model.eval().double(), images[:2].double()
    films = np.random.default_rng(0).random((3, 60, 50), dtype=np.float32)
    np.save(tmp_path / "some.npy", films)
    method = GradientShap(samples=6, background=tmp_path / "some.npy")
    maps = explain({"it": method}, model, images, [1]).maps["it"]
    points, draws, _ = drawn(6, seed=0)
    background = torch.stack([model.preprocessing.tensor(film) for film in films]).double()
    assert len({int(draw * 3) for draw in draws}) > 1
    for image, found in zip(images, maps.values, strict=True):
        total = torch.zeros(SIDE, SIDE).double()
        for point, draw in zip(points, draws, strict=True):
            start = background[int(draw * 3)]
            at = (start + point * (image - start)).requires_grad_()
            (slope,) = torch.autograd.grad(model(at[None])[0, 1], at)
            total += ((image - start) * slope).sum(dim=0) / 6
        torch.testing.assert_close(found[0], total, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    "content", [None, np.zeros((4, 4), np.float32), np.zeros((2, 4, 4), np.uint8)]
)
def test_a_background_of_something_else_is_refused(images: Tensor, tmp_path, content) -> None:
    path = tmp_path / "some.npy"
    path.write_bytes(b"no array") if content is None else np.save(path, content)
    with pytest.raises(MapError, match=r"background .*some\.npy"):
        explain({"it": GradientShap(background=path)}, make("adapted"), images, [0])


def test_the_seed_decides(images: Tensor) -> None:
    model = make("adapted")
    specs = [f"gradient_shap(samples=3, seed={seed})" for seed in (1, 2)]
    one, other = (m.values for m in explain(methods.parts(specs), model, images, [0]).maps.values())
    assert not torch.allclose(one, other)


def test_small_pieces_add_up(model: Model, images: Tensor, monkeypatch) -> None:
    model, images = model.double(), images.double()
    spec = "gradient_shap(samples=5)"
    whole = explain(methods.parts([spec]), model, images, [0]).maps[spec].values
    monkeypatch.setattr(ForwardPass, "at_once", lambda *_, differentiated: 2)
    pieces = explain(methods.parts([spec]), model, images, [0]).maps[spec].values
    torch.testing.assert_close(whole, pieces, rtol=1e-7, atol=1e-9 * float(whole.abs().max()))


@pytest.mark.parametrize("options", ["samples=0", "noise=-0.1"])
def test_impossible_options_are_refused(options: str) -> None:
    with pytest.raises(SpecError, match=options.partition("=")[0]):
        methods.parse(f"gradient_shap({options})")
