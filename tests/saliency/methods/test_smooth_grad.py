"""SmoothGrad by loops, its identities, and agreement with captum on the same noise."""

import pytest
import torch
from torch import Tensor

from heatproof.data.geometry import Squash
from heatproof.errors import SpecError
from heatproof.models import Model
from heatproof.models.classifier import build
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import asks_finding, explain, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.methods.gradient import Gradient
from heatproof.saliency.methods.smooth_grad import SmoothGrad
from tests.saliency.conftest import FINDINGS, make, shaken

SIGNED = "gradient(channels='sum')"


def maps(spec: str, model: Model, images: Tensor, targets=(2, 0)) -> Tensor:
    return explain({"map": methods.parse(spec)}, model, images, targets).maps["map"].values


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9 * float(expected.abs().max()))


@pytest.mark.parametrize("magnitude", ["mean", "square", "variance"])
def test_equals_its_definition(magnitude: str, model: Model, images: Tensor) -> None:
    model, images = model.double(), images[:2].double()
    found = maps(
        f"smooth_grad(samples=3, noise=0.2, magnitude={magnitude!r}, seed=5)", model, images
    )
    model.eval()
    noise = torch.randn(3, 3, 48, 48, generator=torch.Generator().manual_seed(5)).double()
    for index, target in enumerate([2, 0]):
        for image, x in enumerate(images):
            seen = []
            for one in noise:
                point = (x + one * 0.2 * (x.max() - x.min()))[None].requires_grad_()
                seen.append(torch.autograd.grad(model(point)[0, target], point)[0][0].sum(dim=0))
            mean = sum(seen) / 3
            expected = {
                "mean": mean,
                "square": sum(one**2 for one in seen) / 3,
                "variance": sum((one - mean) ** 2 for one in seen) / 3,
            }
            close(found[image, index], expected[magnitude])


@pytest.mark.parametrize(
    "base", [SIGNED, "gradient", "integrated_gradients(steps=2)", "grad_cam", "input_x_gradient"]
)
def test_without_noise_it_is_its_base(base: str, model: Model, images: Tensor) -> None:
    model, images = model.double(), images[:1].double()
    expected = maps(base, model, images)
    close(maps(f"smooth_grad(base={base}, samples=2, noise=0.0)", model, images), expected)
    squares = f"smooth_grad(base={base}, samples=2, noise=0.0, magnitude='square')"
    close(maps(squares, model, images), expected**2)


def test_variance_is_square_less_the_square_of_the_mean(images: Tensor) -> None:
    model = make("adapted")
    mean, square, variance = (
        maps(f"smooth_grad(samples=3, magnitude={m!r})", model.double(), images.double())
        for m in ("mean", "square", "variance")
    )
    assert variance.min() >= 0
    close(square, mean**2 + variance)


def test_noise_depends_on_the_seed_alone(model: Model, images: Tensor) -> None:
    spec = "smooth_grad(samples=2)"
    first = maps(spec, model, images)
    torch.rand(1)
    assert torch.equal(maps(spec, model, images), first)
    assert not torch.allclose(maps("smooth_grad(samples=2, seed=1)", model, images), first)


def test_small_pieces_add_up(images: Tensor, monkeypatch) -> None:
    model, images = make("adapted").double(), images.double()
    whole = maps("smooth_grad(samples=3)", model, images)
    monkeypatch.setattr(ForwardPass, "at_once", lambda *_, **__: 1)
    close(maps("smooth_grad(samples=3)", model, images), whole)


def test_the_base_is_the_signed_gradient_unless_told() -> None:
    assert methods.parse("smooth_grad") == SmoothGrad(base=Gradient(channels="sum"))
    assert methods.spec(SmoothGrad(base=Gradient(channels="sum"))) == "smooth_grad"
    nested = "smooth_grad(base=integrated_gradients(steps=9), samples=4)"
    assert methods.spec(methods.parse(nested)) == nested


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("samples=0", "samples=0"),
        ("samples=1, magnitude='variance'", "at least 2"),
        ("noise=-0.1", r"noise=-0\.1"),
        ("magnitude='max'", "magnitude='max'"),
        ("base=gradients", "did you mean gradient"),
    ],
)
def test_the_impossible_is_refused(options: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        methods.parse(f"smooth_grad({options})")


@pytest.mark.parametrize("head", ["linear", "wildcat(maps=2, highest=2)"])
def test_captum_agrees_on_the_same_noise(head: str, images: Tensor) -> None:
    """On grey images, whose one channel is its own sum; captum draws from the global generator."""
    attr = pytest.importorskip("captum.attr")
    grey = Preprocessing(Squash(48, 48), channels=1, mean=(0.5,), std=(0.25,))
    model, images = shaken(build("resnet10t", head, FINDINGS, grey)), images[:1, :1]
    sigma = 0.15 * float(images.max() - images.min())
    kinds = {"mean": "smoothgrad", "square": "smoothgrad_sq", "variance": "vargrad"}
    for ours, theirs in kinds.items():
        found = maps(f"smooth_grad(samples=4, magnitude={ours!r})", model, images, (1,))
        tunnel = attr.NoiseTunnel(attr.Saliency(model))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            options = {"nt_samples": 4, "stdevs": sigma, "target": 1, "abs": False}
            expected = tunnel.attribute(images, nt_type=theirs, **options)
        scale = 1e-4 * float(expected.abs().max())
        torch.testing.assert_close(found, expected.detach(), rtol=1e-3, atol=scale)


def test_the_preset_pair_is_pairs_smooth_grad(images: Tensor, monkeypatch) -> None:
    """On the same noise, which PAIR draws from numpy's global generator."""
    core = pytest.importorskip("saliency.core")
    model, image = make("resnet10t + linear").double(), images[:1].double()
    drawn = torch.randn(25, 3, 48, 48, generator=torch.Generator().manual_seed(0)).double()
    noise = iter(drawn.permute(0, 2, 3, 1).numpy())
    monkeypatch.setattr(
        core.base.np.random, "normal", lambda mean, stdev, shape: stdev * next(noise)
    )

    def gradients(films, call_model_args, **_):
        pixels = torch.from_numpy(films).permute(0, 3, 1, 2).requires_grad_()
        (found,) = torch.autograd.grad(model(pixels)[:, 1].sum(), pixels)
        return {core.base.INPUT_OUTPUT_GRADIENTS: found.permute(0, 2, 3, 1).numpy()}

    film = image[0].permute(1, 2, 0).numpy()
    theirs = core.GradientSaliency().GetSmoothedMask(film, gradients, {}).sum(axis=2)
    found = maps("smooth_grad.pair", model, image, [1])[0, 0]
    # PAIR adds up in float32, whatever it is given.
    torch.testing.assert_close(found, torch.from_numpy(theirs).double(), rtol=1e-5, atol=1e-12)


def test_smooth_integrated_gradients_as_published(images: Tensor) -> None:
    """PAIR's, of one copy without noise: black baseline, 10 steps, squares, and its view."""
    saliency = pytest.importorskip("saliency.core")
    model = make("resnet10t + linear").double().eval()
    images = images.double()
    spec = "percentile_view(base=smooth_grad.arun(samples=1, noise=0.0))"
    found = maps(spec, model, images, [1])[:, 0]

    def gradients(films, *_, **__):
        x = torch.from_numpy(films).permute(0, 3, 1, 2).requires_grad_()
        (found,) = torch.autograd.grad(model(x)[:, 1].sum(), x)
        key = saliency.base.INPUT_OUTPUT_GRADIENTS
        return {key: found.permute(0, 2, 3, 1).numpy()}

    black = model.preprocessing.black.expand(3, 48, 48).permute(1, 2, 0).double().numpy()
    for image, view in zip(images, found, strict=True):
        mask = saliency.IntegratedGradients().GetSmoothedMask(
            image.permute(1, 2, 0).numpy(),
            gradients,
            stdev_spread=0.0,
            nsamples=1,
            magnitude=True,
            x_baseline=black,
            x_steps=10,
            batch_size=10,
        )
        expected = torch.from_numpy(saliency.VisualizeImageGrayscale(mask))
        # PAIR adds up in float32.
        torch.testing.assert_close(view, expected.double(), rtol=0, atol=1e-5)


def test_no_forward_pass_is_spent_on_residuals_that_nobody_sees(images: Tensor) -> None:
    """Of each noisy image there is the batch of its path, and nothing else."""
    model, passes = make("resnet10t + linear"), []
    with model.backbone[0].register_forward_hook(lambda *_: passes.append(1)):
        base = "integrated_gradients(steps=2)"
        maps(base, model, images[:1])
        passes.remove(1)  # the one that told what an image costs
        alone = len(passes)
        maps(f"smooth_grad(base={base}, samples=3)", model, images[:1])
    assert (alone, len(passes) - alone) == (1 + 1 + 1, 1 + 3)  # the image, its baseline, its path


@pytest.mark.parametrize("name", ["smooth_grad", "percentile_view", "xrai", "explained_scalar"])
def test_a_method_of_a_base_asks_the_finding_where_its_base_does(name: str) -> None:
    assert not asks_finding(methods.parse(f"{name}(base=edges)"))
    assert not asks_finding(methods.parse(f"percentile_view(base={name}(base=edges))"))
    assert asks_finding(methods.parse(name))
