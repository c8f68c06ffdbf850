"""Calls that other libraries answer wrongly and without a warning, put to heatproof.

Each was observed in the library that the test names.
"""

import copy

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from heatproof.data.geometry import Squash
from heatproof.errors import MapError
from heatproof.localize import metrics
from heatproof.models.adapter import Adapted
from heatproof.models.classifier import build
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods
from heatproof.types import Validity
from tests.saliency.conftest import SIDE, make, shaken


@pytest.fixture
def batch() -> Tensor:
    return torch.randn(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))


def test_a_batch_and_one_target_gives_a_map_of_every_image(batch: Tensor) -> None:
    """pytorch-grad-cam 1.5.7: images 2 to 4 come back all zero, without a warning."""
    model = make("resnet10t + linear")
    found = explain(methods.parts(["grad_cam(relu=False)"]), model, batch, [1])
    values = found.maps["grad_cam(relu=False)"].values
    assert values.shape[:2] == (4, 1)
    assert (values.flatten(2).abs().amax(dim=2) > 0).all()


def test_a_zero_map_is_told_from_a_map_and_stops_nothing(batch: Tensor) -> None:
    """pytorch-grad-cam: negative evidence gives zeros like any fault; Quantus 0.6.0: one aborts."""
    model = make("resnet10t + linear")
    model.head.classifier.weight.data[0] = -1.0  # type: ignore[union-attr,index]
    found = explain(methods.parts(["grad_cam"]), model, batch, [0, 1])
    assert [row[0] for row in found.validity["grad_cam"]] == [Validity.ZERO] * 4
    assert [row[1] for row in found.validity["grad_cam"]] == [Validity.OK] * 4
    mask = np.zeros((8, 8), bool)
    mask[2:5, 2:5] = True
    for name in ("auprc", "auroc", "iou", "hit_rate"):
        value = metrics.parse(name)(np.zeros((8, 8), np.float32), mask)
        assert not value > 0.5, f"{name} rewards a map of nothing"


def test_magnitudes_are_kept(batch: Tensor) -> None:
    """pytorch-grad-cam: every map is stretched to [0, 1]."""
    model = make("resnet10t + linear")
    once = explain(methods.parts(["grad_cam"]), model, batch, [0]).maps["grad_cam"].values
    model.head.classifier.weight.data.mul_(3)  # type: ignore[union-attr]
    thrice = explain(methods.parts(["grad_cam"]), model, batch, [0]).maps["grad_cam"].values
    torch.testing.assert_close(thrice, 3 * once)


def test_guided_backprop_of_a_batch_is_of_the_whole_batch(batch: Tensor) -> None:
    """pytorch-grad-cam: only image 0 is returned."""
    found = explain(methods.parts(["guided_backprop"]), make("resnet10t + linear"), batch, [0])
    values = found.maps["guided_backprop"].values
    assert values.shape == (4, 1, SIDE, SIDE)
    assert not torch.allclose(values[0], values[1])


def _randomized(name: str, layer: str) -> Adapted:
    """Of torchvision, as in the probes: ReLUs are used again, and one is a function (DenseNet)."""
    torchvision = pytest.importorskip("torchvision")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = shaken(getattr(torchvision.models, name)(num_classes=2))
    return Adapted(network, layer, ["a", "b"], Preprocessing(Squash(64, 64)))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layer"), [("resnet50", "layer4"), ("densenet121", "features")])
def test_lrp_is_accounted_for_and_the_model_still_whole(name: str, layer: str) -> None:
    """Captum 0.8 is off by 1e31 on ResNet-50 and by 20% on DenseNet-121; zennit fails on
    DenseNet-121 and leaves its biases half merged.
    """
    model = _randomized(name, layer).double()
    before = copy.deepcopy(model.state_dict())
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    for spec, conserved in (
        ("lrp(convolution=z_plus, dense=z_plus)", True),
        ("lrp", False),
        ("lrp(convolution=gamma)", False),
        ("lrp(convolution=alpha_beta(alpha=1.0, beta=0.0))", False),
    ):
        found = explain(methods.parts([spec]), model, images, [0, 1])
        (maps,) = found.maps.values()
        assert maps.residual is not None
        assert maps.residual.abs().max() < 1e-3
        if conserved:
            torch.testing.assert_close(maps.values.sum(dim=(2, 3)), found.logits, rtol=1e-4, atol=0)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layer"), [("resnet50", "layer4"), ("densenet121", "features")])
def test_deep_lift_takes_relus_that_are_used_again(name: str, layer: str) -> None:
    """Captum: RuntimeError on ResNet-50, whose blocks call one ReLU three times."""
    model = _randomized(name, layer).double()
    images = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    (maps,) = explain(methods.parts(["deep_lift"]), model, images, [0, 1]).maps.values()
    assert maps.residual is not None
    assert maps.residual.abs().max() < 1e-8


def test_guided_backprop_meets_functional_relus() -> None:
    """Captum replaces modules only, and its maps of such networks are partly plain gradients."""

    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Conv2d(3, 4, 3)
            self.last = nn.Linear(4, 2)
            self.last.weight.data = torch.tensor([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])

        def forward(self, images: Tensor) -> Tensor:
            return self.last(torch.relu(self.body(images)).mean(dim=(2, 3)))

    model = Adapted(Functional(), "body", ["a", "b"], Preprocessing(Squash(16, 16)))
    images = torch.randn(1, 3, 16, 16)
    specs = ["guided_backprop(channels='sum')", "gradient(channels='sum')"]
    guided, plain = explain(methods.parts(specs), model, images, [0]).maps.values()
    assert not torch.allclose(guided.values, plain.values)
    # Where no weight after it is negative, nothing is left out, and the two are the same.
    model.network.last.weight.data.abs_()  # type: ignore[union-attr]
    guided, plain = explain(methods.parts(specs), model, images, [0]).maps.values()
    torch.testing.assert_close(guided.values, plain.values)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Setting backward hooks:UserWarning")
def test_guided_backprop_of_densenet_meets_its_last_relu() -> None:
    """The probe itself: Captum lets the negative weights of the classifier through it."""
    attr = pytest.importorskip("captum.attr")
    model = _randomized("densenet121", "features").double().eval()
    network, images = model.network, torch.randn(2, 3, 64, 64, dtype=torch.float64)
    spec = "guided_backprop(channels='sum')"
    found = explain(methods.parts([spec]), model, images, [0]).maps[spec].values[:, 0]

    def theirs(module: nn.Module) -> Tensor:
        return attr.GuidedBackprop(module).attribute(images.requires_grad_(), 0).sum(dim=1).detach()

    pooled = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    spelled_out = nn.Sequential(network.features, pooled, network.classifier)
    torch.testing.assert_close(spelled_out(images), network(images))
    expected = theirs(spelled_out)
    assert (found - expected).norm() <= 1e-8 * expected.norm()
    assert (theirs(network) - expected).norm() > 0.1 * expected.norm()


@pytest.mark.parametrize("name", ["efficientnet_b0", "convnext_tiny"])
def test_guided_backprop_of_a_network_without_relu_is_refused(name: str) -> None:
    """Captum returns the plain gradient under the name of guided backpropagation."""
    model = build(name, "linear", ["a"], Preprocessing(Squash(64, 64)))
    with pytest.raises(MapError, match="guided backpropagation is not defined for this network"):
        explain(methods.parts(["guided_backprop"]), model, torch.randn(1, 3, 64, 64), [0])


def test_completeness_is_judged_for_every_finding(batch: Tensor) -> None:
    """mednet: a return inside the loop scores the first class only."""
    found = explain(
        methods.parts(["integrated_gradients(steps=2)"]),
        make("resnet10t + linear"),
        batch,
        [0, 1, 2],
    )
    (maps,) = found.maps.values()
    assert maps.residual is not None
    assert maps.residual.shape == (4, 3)
    assert len(set(maps.residual.flatten().tolist())) == 12


def test_wildcat_trains_on_this_torch() -> None:
    """The reference of WILDCAT raises: its autograd functions are of a kind torch has dropped."""
    model = build("resnet10t(width=16)", "wildcat", ["a"], Preprocessing(Squash(64, 64))).train()
    model(torch.randn(2, 3, 64, 64)).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("name", ["densenet121", "inception_v3"])
def test_the_network_of_a_name_is_that_network(name: str) -> None:
    """A published script builds InceptionV3 when it is asked for DenseNet-121."""
    backbone = build(name, "linear", ["a"], Preprocessing(Squash(96, 96))).backbone
    theirs = timm.create_model(name, num_classes=0)
    sizes = [sum(p.numel() for p in network.parameters()) for network in (backbone, theirs)]
    assert sizes[0] == sizes[1]
