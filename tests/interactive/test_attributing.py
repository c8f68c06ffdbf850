"""``attribute`` beside Captum, whose calls it takes."""

import pytest
import torch
from torch import nn

import heatproof
from heatproof.errors import MapError


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 8, 3, 2), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)),
    )


@pytest.fixture
def images():
    return torch.randn(4, 3, 40, 56, generator=torch.Generator().manual_seed(1))


def test_input_x_gradient_is_captums_added_over_channels(network, images):
    captum = pytest.importorskip("captum.attr")
    target = torch.tensor([2, 0, 1, 2])
    expected = (
        captum.InputXGradient(network)
        .attribute(images.clone().requires_grad_(), target=target)
        .detach()
    )
    found = heatproof.attribute(network, images, "input_x_gradient", target)
    torch.testing.assert_close(found, expected.sum(1, keepdim=True), atol=1e-6, rtol=1e-4)


def test_grad_cam_is_captums(network, images):
    captum = pytest.importorskip("captum.attr")
    layers = captum.LayerGradCam(network, network[2])
    expected = layers.attribute(images.clone().requires_grad_(), target=1, relu_attributions=True)
    found = heatproof.attribute(network, images, "grad_cam", 1, features="2")
    torch.testing.assert_close(found, expected.detach(), atol=1e-6, rtol=1e-4)


def test_targets_are_told_apart(network, images):
    each = heatproof.attribute(network, images, "gradient", [0, 1, 2, 0])
    for row, target in enumerate([0, 1, 2, 0]):
        alone = heatproof.attribute(network, images[row : row + 1], "gradient", target)
        torch.testing.assert_close(each[row : row + 1], alone)


def test_the_network_is_left_as_it_was(network, images):
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    heatproof.attribute(network, images, "grad_cam", 0)
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(weight.grad is None for weight in network.parameters())


@pytest.mark.parametrize(
    ("target", "words"),
    [(None, "has 3 outputs"), (3, "target 3 does not exist"), ([0, 1], "2 targets for 4 images")],
)
def test_targets_that_do_not_exist_are_refused(network, images, target, words):
    with pytest.raises(MapError, match=words):
        heatproof.attribute(network, images, "gradient", target)


def test_inputs_are_images(network):
    with pytest.raises(MapError, match="expected images n c h w"):
        heatproof.attribute(network, torch.zeros(3, 40, 56), "gradient", 0)
