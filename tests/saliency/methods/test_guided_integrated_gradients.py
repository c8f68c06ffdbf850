"""Guided integrated gradients beside PAIR's, and what its path must do on small functions."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from heatproof.errors import SpecError
from heatproof.models import Model
from heatproof.saliency import explain, methods
from heatproof.saliency.methods.guided_integrated_gradients import GuidedIntegratedGradients
from heatproof.types import Validity
from tests.saliency.conftest import make
from tests.saliency.methods.test_integrated_gradients import slope, starts


def quantile(values, fraction, interpolation):
    """As numpy had it until 2.4."""
    return np.quantile(values, fraction, method=interpolation)


@pytest.fixture
def pair(monkeypatch):
    module = pytest.importorskip("saliency.core.guided_ig")
    monkeypatch.setattr(module, "np", SimpleNamespace(**(vars(np) | {"quantile": quantile})))
    return module


SETTINGS = [(12, 0.25, 0.02), (12, 0.25, 0.2), (7, 0.1, 1.0), (6, 0.6, 0.0), (5, 1.0, 0.3)]


@pytest.mark.parametrize(
    ("baseline", "steps", "fraction", "max_distance"),
    [*(("black", *setting) for setting in SETTINGS), ("mean", *SETTINGS[0])],
)
def test_pair_agrees(
    pair, classifier: Model, images: Tensor, baseline, steps, fraction, max_distance
) -> None:
    model, images = classifier.eval().double(), images[:1].double()
    options = f"steps={steps}, fraction={fraction}, max_distance={max_distance}, rule='left'"
    method = methods.parse(f"guided_integrated_gradients({options}, baseline='{baseline}')")
    found = explain({"it": method}, model, images, [2, 0]).maps["it"].values

    def gradients(batch, call_model_args, expected_keys):
        found = slope(model, torch.from_numpy(batch), call_model_args, baseline)
        return {pair.INPUT_OUTPUT_GRADIENTS: found}

    for image, maps in zip(images, found, strict=True):
        (start,) = starts(baseline, image, model.preprocessing)
        for target, ours in zip([2, 0], maps.numpy(), strict=True):
            expected = (
                pair.GuidedIG()
                .GetMask(
                    image.numpy(),
                    gradients,
                    target,
                    x_baseline=start.to(image).expand_as(image).numpy(),
                    x_steps=steps,
                    fraction=fraction,
                    max_dist=max_distance,
                )
                .sum(axis=0)
            )
            assert np.linalg.norm(ours - expected) / np.linalg.norm(expected) < 1e-8


@pytest.mark.parametrize(("steps", "fraction", "max_distance"), SETTINGS)
def test_pair_agrees_where_gradients_tie(
    pair, images: Tensor, steps, fraction, max_distance
) -> None:
    """Given the same gradients to the last bit, among them many that are equal, or 0."""
    image = images[0].double()
    start = torch.zeros_like(image)
    start[:, :5] = image[:, :5]  # some values have no way to go

    def steps_of(point: np.ndarray) -> np.ndarray:
        return np.round(2 * np.sin(3 * point)) / 2

    expected = pair.guided_ig_impl(
        image.numpy(), start.numpy(), steps_of, steps, fraction, max_distance
    )
    found, _ = attribution(
        lambda point: torch.from_numpy(steps_of(point.numpy())),
        *(image, start),
        **{"steps": steps, "fraction": fraction, "max_distance": max_distance, "rule": "left"},
    )
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-8, atol=1e-10)


def attribution(gradient, image, start, **options) -> tuple[Tensor, list[Tensor]]:
    """Of a function of one image, and the points that its path visits."""
    seen = []

    def noted(point: Tensor) -> Tensor:
        seen.append(point.clone())
        return gradient(point)

    def slopes(points: Tensor, paths: Tensor) -> Tensor:
        assert len(points) == len(paths)
        return torch.stack([noted(point) for point in points])

    method = GuidedIntegratedGradients(**options)
    return method._attributions(slopes, image[None], start[None])[0], seen


@pytest.mark.parametrize("rule", ["left", "trapezoid"])
def test_paths_that_advance_together_are_those_that_go_alone(rule: str) -> None:
    """Of four functions; one path has no way to go, and one ends where its gradient does."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, 2, 4, 4, generator=generator).double()
    starts = torch.zeros_like(images)
    starts[1] = images[1]
    functions = (torch.cos, torch.cos, lambda x: x / (x.abs().max() < 0.5), torch.exp)

    def slopes(points: Tensor, paths: Tensor) -> Tensor:
        return torch.stack([functions[n](x) for n, x in zip(paths.tolist(), points, strict=True)])

    options = {"steps": 9, "fraction": 0.2, "max_distance": 0.3, "rule": rule}
    together = GuidedIntegratedGradients(**options)._attributions(slopes, images, starts)
    for function, found, image, start in zip(functions, together, images, starts, strict=True):
        alone, _ = attribution(function, image, start, **options)
        torch.testing.assert_close(found, alone, equal_nan=True, rtol=1e-12, atol=1e-12)
    assert not together[1].any()
    assert together[2].isnan().all()
    assert together[[0, 3]].isfinite().all()


@pytest.mark.parametrize("name", ["resnet10t + linear", "adapted"])
def test_maps_do_not_depend_on_how_many_paths_go_together(
    name: str, images: Tensor, monkeypatch
) -> None:
    model, images = make(name).double(), images.double()
    spec = "guided_integrated_gradients(steps=3, baseline='black_and_white')"
    found = []
    for batch in (1, 5, 1000):
        monkeypatch.setattr(
            "heatproof.saliency.forward.images_at_once", lambda *_, batch=batch, **__: batch
        )
        found.append(explain(methods.parts([spec]), model, images, [2, 0]).maps[spec].values)
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("rule", "share"), [("left", 7 / 8), ("trapezoid", 1)])
def test_without_room_it_is_integrated_gradients(rule: str, share: float) -> None:
    image = torch.randn(1, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    start = torch.zeros_like(image)
    found, seen = attribution(lambda x: 2 * x, image, start, steps=8, max_distance=0.0, rule=rule)
    assert len(seen) == (8 if rule == "left" else 9)
    for step, point in enumerate(seen):
        torch.testing.assert_close(point, image * step / 8)
    torch.testing.assert_close(found, image.square() * share)


def test_small_gradients_move_first_within_the_band() -> None:
    """Of 16 values with gradients 1 .. 16, the first four reach the front at once."""
    weights = torch.arange(1.0, 17).double().view(1, 4, 4)
    image, start = torch.ones(1, 4, 4).double(), torch.zeros(1, 4, 4).double()
    found, seen = attribution(
        lambda _: weights, image, start, steps=10, max_distance=0.25, fraction=0.2
    )
    front = 0.1 + 0.25
    # L1 falls by 16 / 10 in a step: four values come to the front, the next share the rest.
    expected = torch.zeros(16).double()
    expected[:4], expected[4:8] = front, (1.6 - 4 * front) / 4
    torch.testing.assert_close(seen[1].flatten(), expected)
    for step, point in enumerate(seen):
        assert float((image - point).sum()) == pytest.approx(16 * (1 - step / 10))
        assert float(point.max()) <= step / 10 + 0.25 + 1e-12
        assert step == 0 or float(point.min()) >= step / 10 - 0.25 - 1e-12
    torch.testing.assert_close(found, weights)  # of a linear function every path gives the same


@pytest.mark.parametrize(("rule", "order"), [("left", 1), ("trapezoid", 1.5)])
def test_complete_in_the_limit(rule: str, order: float) -> None:
    image = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    start = torch.zeros_like(image)
    missed = [
        float(abs(attribution(torch.cos, image, start, steps=n, rule=rule)[0].sum() - rise))
        for rise in [image.sin().sum()]
        for n in (20, 200, 2000)
    ]
    assert missed[1] < missed[0] / 8**order
    assert missed[2] < missed[1] / 8**order


def test_the_residual_is_what_the_map_misses_of_the_rise(images: Tensor) -> None:
    model, images = make("resnet10t + linear").double(), images[:1].double()
    spec = "guided_integrated_gradients(steps=3)"
    maps = explain(methods.parts([spec]), model, images, [0, 1]).maps[spec]
    black = model.preprocessing.black.double().expand_as(images)
    rise = (model.eval()(images) - model(black))[:, [0, 1]].detach()
    missed = (maps.values.sum(dim=(2, 3)) - rise) / rise.abs()
    torch.testing.assert_close(maps.residual, missed, rtol=1e-8, atol=1e-8)


def test_both_baselines_are_averaged(images: Tensor) -> None:
    model, images = make("adapted").double(), images[:1].double()
    spec = "guided_integrated_gradients(steps=4, baseline='{}')"
    found = explain(
        {name: methods.parse(spec.format(name)) for name in ("black", "white", "black_and_white")},
        *(model, images, [1]),
    ).maps
    mean = (found["black"].values + found["white"].values) / 2
    torch.testing.assert_close(found["black_and_white"].values, mean)


def test_an_image_that_is_its_baseline_has_no_relevance(images: Tensor) -> None:
    model = make("adapted")
    spec = "guided_integrated_gradients(steps=3, baseline='mean')"
    found = explain({spec: methods.parse(spec)}, model, torch.zeros_like(images[:1]), [0])
    assert not found.maps[spec].values.any()
    assert found.validity[spec] == ((Validity.ZERO,),)


def test_gradients_that_are_not_finite_end_the_path() -> None:
    image = torch.ones(1, 2, 2).double()
    found, seen = attribution(lambda x: x / 0 * 0, image, torch.zeros_like(image), steps=5)
    assert found.isnan().all()
    assert len(seen) == 1


@pytest.mark.parametrize(
    "options", ["steps=0", "fraction=0.0", "fraction=1.5", "max_distance=-0.1", "max_distance=2.0"]
)
def test_impossible_options_are_refused(options: str) -> None:
    with pytest.raises(SpecError, match=options.partition("=")[0]):
        methods.parse(f"guided_integrated_gradients({options})")
