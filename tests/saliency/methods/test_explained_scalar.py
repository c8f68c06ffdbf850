"""Maps of the probability and of the predicted class, against autograd on those scalars."""

import pytest
import torch
from torch import Tensor

from heatproof.data.geometry import Squash
from heatproof.errors import SpecError
from heatproof.models import Model
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import Maps, explain, methods
from tests.saliency.conftest import make

TARGETS = [2, 0]
SCALARS = ("probability", "logit")


def maps(spec: str, model: Model, images: Tensor, targets=TARGETS) -> Maps:
    return explain(methods.parts([spec]), model, images, targets).maps[spec]


@pytest.fixture(params=["resnet10t + linear", "adapted"])
def divided(request: pytest.FixtureRequest, images: Tensor) -> Model:
    """Calibrated, and of two minds: each finding is affirmed on one image and denied on another."""
    model = make(request.param).double().eval()
    layer = list(model.modules())[-1]
    with torch.no_grad():
        layer.bias -= model(images.double()).median(dim=0).values + 1e-3  # type: ignore[operator]
    model.temperatures = (2.0, 0.5, 1.5)
    return model


def scalar_of(model: Model, kind: str, denied: Tensor, images: Tensor) -> Tensor:
    """By the definition."""
    logits = model(images)
    signed = torch.where(denied, -logits, logits)
    if kind == "logit":
        return signed
    return torch.sigmoid(signed / torch.tensor(model.temperatures))


@pytest.mark.parametrize("kind", SCALARS)
@pytest.mark.parametrize("target", ["finding", "predicted"])
def test_gradients_are_those_of_the_scalar(
    divided: Model, images: Tensor, kind: str, target: str
) -> None:
    images = images.double()
    spec = f"explained_scalar(base=gradient(channels='sum'), scalar={kind!r}, target={target!r})"
    found = maps(methods.spec(methods.parse(spec)), divided, images).values
    pixels = images.clone().requires_grad_()
    denied = divided(images).detach() < 0
    assert denied[:, TARGETS].any(dim=0).all()
    assert not denied[:, TARGETS].all(dim=0).any()
    if target == "finding":
        denied = torch.zeros_like(denied)
    scalars = scalar_of(divided, kind, denied, pixels)
    for index, finding in enumerate(TARGETS):
        (expected,) = torch.autograd.grad(scalars[:, finding].sum(), pixels, retain_graph=True)
        torch.testing.assert_close(found[:, index], expected.sum(dim=1), rtol=1e-7, atol=1e-12)


def test_paths_rise_to_the_scalar_of_the_class_that_was_predicted(
    divided: Model, images: Tensor
) -> None:
    """The class of the radiograph, also where the path passes through the other."""
    images = images.double()
    base = "integrated_gradients(steps=300, baseline='mean')"
    found = maps(f"explained_scalar(base={base}, target='predicted')", divided, images)
    denied = divided(images) < 0
    end, start = (
        scalar_of(divided, "probability", denied, x) for x in (images, torch.zeros_like(images))
    )
    rise = (end - start)[:, TARGETS].detach()
    torch.testing.assert_close(found.values.sum(dim=(2, 3)), rise, rtol=0.02, atol=1e-3)
    assert found.residual is not None
    torch.testing.assert_close(
        found.residual, (found.values.sum(dim=(2, 3)) - rise) / rise.abs(), rtol=1e-6, atol=1e-9
    )


def test_ledgers_are_of_the_class_that_was_predicted(images: Tensor) -> None:
    model = make("resnet10t + linear").double().eval()
    images = images.double()
    with torch.no_grad():
        model.head.classifier.bias -= model(images).median(dim=0).values + 1e-3  # type: ignore[union-attr,operator]
    spec = "explained_scalar(base=lrp, scalar='logit', target='predicted')"
    output = maps(spec, model, images).ledger["output"]
    torch.testing.assert_close(output, model(images)[:, TARGETS].abs().detach())


def test_the_published_map_of_densenet_can_be_had(images: Tensor) -> None:
    """Before the last ReLU, of the probability: p (1 - p) times that of the logit."""
    model = make("densenet121 + linear").double()
    model.preprocessing = Preprocessing(Squash(96, 96))
    wide = torch.nn.functional.interpolate(images.double(), 96)
    base = "grad_cam(relu=False, features='before_relu')"
    p = model(wide).sigmoid()[:, TARGETS, None, None].detach()
    found = maps(f"explained_scalar(base={base})", model, wide).values
    torch.testing.assert_close(found, p * (1 - p) * maps(base, model, wide).values)


def test_class_maps_are_of_logits_alone() -> None:
    with pytest.raises(SpecError, match="class_map reads a map of the logit"):
        methods.parse("explained_scalar(base=class_map)")
