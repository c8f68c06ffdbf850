"""A user's own network: split by one hook that lives as long as one pass."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import densenet121

from heatproof.data.geometry import Squash
from heatproof.errors import ModelError
from heatproof.models.adapter import Adapted, with_head
from heatproof.models.loading import load_module
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods

PREPROCESSING = Preprocessing(Squash(32, 32))


class Net(nn.Module):
    """Works in place on its features, as torchvision's DenseNet does."""

    def __init__(self, outputs: int = 2, *, flat: bool = False) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.last = nn.Linear(4, outputs)
        self.flat = flat

    def forward(self, images):
        features = nn.functional.relu(self.convolution(images), inplace=True)
        logits = self.last(self.pool(features).flatten(1))
        return logits[:, 0] if self.flat else logits


IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("cut", [False, True])
def test_features_are_what_the_layer_gave(cut: bool) -> None:
    net = Net()
    model = Adapted(net, "convolution", ["a", "b"], PREPROCESSING)
    features, logits = model.features_and_logits(IMAGES, cut=cut)
    assert torch.equal(features, net.convolution(IMAGES))
    assert torch.equal(logits, net(IMAGES))
    assert features.is_leaf == cut
    assert not net.convolution._forward_hooks


def test_the_hook_goes_even_when_the_pass_fails() -> None:
    net = Net()
    model = Adapted(net, "convolution", ["a", "b", "c"], PREPROCESSING)
    with pytest.raises(ModelError, match=r"logits of shape \(2, 2\).*\['a', 'b', 'c'\]"):
        model.features_and_logits(IMAGES)
    assert not net.convolution._forward_hooks


def test_one_finding_may_come_without_an_axis() -> None:
    model = Adapted(Net(1, flat=True), "convolution", ["a"], PREPROCESSING)
    assert model(IMAGES).shape == (2, 1)


@pytest.mark.parametrize("end", [nn.Sigmoid(), nn.Softmax(dim=1)])
@pytest.mark.parametrize("method", ["grad_cam", "gradient"])
def test_probabilities_are_undone_and_explained_as_their_logits(
    end: nn.Module, method: str
) -> None:
    class Ended(Net):
        def forward(self, images):
            return end(super().forward(images))

    ended = Ended()
    plain = Net()
    plain.load_state_dict(ended.state_dict())
    if isinstance(end, nn.Softmax):  # of two: the logit of one against the other
        with torch.no_grad():
            for weights in (plain.last.weight, plain.last.bias):
                weights.sub_(weights.flip(0).clone())
    parts = {method: methods.parse(method)}
    told = Adapted(ended, "convolution", ["a", "b"], PREPROCESSING, "probabilities")
    expected = explain(parts, Adapted(plain, "convolution", ["a", "b"], PREPROCESSING), IMAGES, [0])
    found = explain(parts, told, IMAGES, [0])
    assert torch.allclose(found.logits, expected.logits, atol=1e-5)
    assert torch.allclose(found.maps[method].values, expected.maps[method].values, atol=1e-5)


def test_logits_are_no_probabilities() -> None:
    net = Net()
    nn.init.constant_(net.last.bias, 5.0)
    with pytest.raises(ModelError, match="are no probabilities; are they logits"):
        Adapted(net, "convolution", ["a", "b"], PREPROCESSING, "probabilities")(IMAGES)


def test_what_cannot_be_explained_is_refused_at_once(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"torch.float16; expected float32.*network.float\(\)"):
        Adapted(Net().half(), "convolution", ["a", "b"], PREPROCESSING)
    file = tmp_path / "mine.py"
    file.write_text("from torch import nn\ndef mine(): return nn.Linear(1, 1).double()\n")
    with pytest.raises(ModelError, match=r"weights of torch\.float64"):
        load_module(f"{file}:mine")


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_scripted_network_is_refused() -> None:
    with pytest.raises(ModelError, match="TorchScript"):
        Adapted(torch.jit.trace(Net(), IMAGES), "convolution", ["a", "b"], PREPROCESSING)


def test_torchvisions_densenet_can_be_explained_before_its_last_relu() -> None:
    model = Adapted(
        densenet121(weights=None, num_classes=3).eval(), "features", "abc", PREPROCESSING
    )
    features, logits = model.features_and_logits(IMAGES, cut=True)
    assert (features < 0).any()
    assert torch.autograd.grad(logits[:, 0].sum(), features)[0].shape == features.shape


def test_layers_that_are_no_features_are_refused() -> None:
    with pytest.raises(ModelError, match="no layer 'convolutoin'; did you mean convolution"):
        Adapted(Net(), "convolutoin", ["a", "b"], PREPROCESSING)
    with pytest.raises(ModelError, match="name a layer before the pooling"):
        Adapted(Net(), "last", ["a", "b"], PREPROCESSING).features_and_logits(IMAGES)

    class Twice(Net):
        def forward(self, images):
            return super().forward(images) + super().forward(images)

    with pytest.raises(ModelError, match="ran 2 times"):
        Adapted(Twice(), "convolution", ["a", "b"], PREPROCESSING).features_and_logits(IMAGES)


SOURCE = """
import torch
from torch import nn
def network(outputs=2, weights=None):
    net = nn.Sequential(nn.Conv2d(3, outputs, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    if weights:
        net.load_state_dict(torch.load(weights, weights_only=True))
    return net
def nothing():
    return 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "chest.py"
    path.write_text(SOURCE)
    return path


def test_a_function_of_the_users_builds_the_network(file: Path) -> None:
    torch.save(load_module(f"{file}:network", outputs=3).state_dict(), file.with_suffix(".pt"))
    net = load_module(f"{file}:network", outputs=3, weights=str(file.with_suffix(".pt")))
    assert net(IMAGES).shape == (2, 3)
    assert isinstance(load_module("torchvision.models:resnet18", num_classes=2), nn.Module)


def test_what_cannot_be_loaded_says_why(file: Path) -> None:
    for source, message in [
        (str(file), "expected path/to/file.py:function"),
        (f"{file}x.py:network", "no such file"),
        ("no_such_package.net:network", "cannot import 'no_such_package.net'"),
        (f"{file}:netwrok", "no function 'netwrok'; did you mean network"),
        (f"{file}:nothing", "gives int; expected a torch.nn.Module"),
    ]:
        with pytest.raises(ModelError, match=message):
            load_module(source)
    with pytest.raises(ModelError, match=r"TypeError.*'depth'"):
        load_module(f"{file}:network", depth=3)
    torch.save(load_module(f"{file}:network", outputs=3).state_dict(), file.with_suffix(".pt"))
    with pytest.raises(ModelError, match="size mismatch"):
        load_module(f"{file}:network", weights=str(file.with_suffix(".pt")))
    file.write_text("def network(:")
    with pytest.raises(ModelError, match="cannot be imported"):
        load_module(f"{file}:network")


def test_the_real_opacity_classifier_has_the_features_its_notes_promise(shared_data: Path) -> None:
    folder = shared_data / "weights"
    weights = folder / "mobilenet_crossfit" / "fold0_seed0.pt"
    net = load_module(f"{folder / 'mobilenet.py'}:replicate", path=weights)
    preprocessing = Preprocessing(Squash(224, 224), mean=(0.5,), std=(0.5,))
    model = Adapted(net.eval(), "features", ["opacity"], preprocessing)
    features, logits = model.features_and_logits(torch.zeros(1, 3, 224, 224), cut=True)
    assert features.shape == (1, 1280, 7, 7)
    assert features.min() >= 0
    assert features.max() <= 6
    assert logits.shape == (1, 1)


@pytest.mark.parametrize("head", ["linear", "wildcat(maps=2, highest=3)"])
def test_a_users_network_gets_another_head(head: str) -> None:
    net = Net()
    net.train()
    model = with_head(net, "convolution", head, ["a", "b", "c"], PREPROCESSING)
    assert net.training
    features, logits = model.features_and_logits(IMAGES)
    torch.testing.assert_close(features, net.convolution(IMAGES))
    torch.testing.assert_close(logits, model.head(features))
    assert model.class_map(features).shape == (2, 3, 32, 32)
    logits.sum().backward()
    assert net.convolution.weight.grad.abs().sum() > 0
    assert net.last.weight.grad is None  # it did not run
    assert not net.convolution._forward_hooks
    found = explain(methods.parts(["class_map", "grad_cam"]), model, IMAGES, [0, 2])
    if head == "linear":  # of which Grad-CAM is the class map, clipped
        cam = found.maps["class_map"].values.relu() / (32 * 32)
        torch.testing.assert_close(found.maps["grad_cam"].values, cam)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("convolutions", "did you mean convolution"),
        ("last", "on a grid"),
        ("unused", "did not run"),
    ],
)
def test_a_head_needs_a_grid(layer: str, message: str) -> None:
    net = Net()
    net.unused = nn.Identity()
    with pytest.raises(ModelError, match=message):
        with_head(net, layer, "wildcat", ["a"], PREPROCESSING)
