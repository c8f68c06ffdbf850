"""Rules meet every spelling of an operation, or refuse; nothing is left behind."""

import warnings
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from heatproof.data.geometry import Squash
from heatproof.errors import MapError
from heatproof.models.backbones import Backbone, Grid
from heatproof.models.classifier import Classifier
from heatproof.models.heads.linear import LinearHead
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods
from heatproof.saliency.intercept import ScaleAndShift
from heatproof.saliency.methods.guided_backprop import GuidedReLU
from tests.saliency.conftest import make

Activation = Callable[[Tensor], Tensor]


class Calling(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Activation) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def network(*activations: nn.Module | Activation) -> Classifier:
    """Convolution and activation in turn, the same weights every time."""
    generator = torch.Generator().manual_seed(0)
    layers: list[nn.Module] = []
    for activation in activations:
        convolution = nn.Conv2d(3, 3, 3, padding=1)
        for weight in convolution.parameters():
            weight.data.normal_(std=0.5, generator=generator)
        layer = activation if isinstance(activation, nn.Module) else Calling(activation)
        layers += [convolution, layer]
    head = LinearHead(3, 2)
    head.classifier.weight.data.normal_(generator=generator)
    backbone = Backbone({"body": nn.Sequential(*layers)}, Grid(3, 1, signed=False), "random")
    preprocessing = Preprocessing(Squash(8, 8))
    return Classifier(backbone, head, ("nodule", "effusion"), preprocessing).double().eval()


def small_images() -> Tensor:
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)).double()


def guided(model: nn.Module) -> Tensor:
    spec = "guided_backprop(channels='sum')"
    return explain(methods.parts([spec]), model, small_images(), [0, 1]).maps[spec].values


def by_hand(model: Classifier) -> Tensor:
    """Layer by layer backwards: gradients go on where they and the output are positive."""
    body, x, outputs = model.backbone.body, small_images(), []
    with torch.no_grad():
        for layer in body:
            x = layer(x)
            outputs.append(x)
        maps = []
        for target in (0, 1):
            share = model.head.classifier.weight[target] / x[0, 0].numel()
            gradient = share[None, :, None, None].expand_as(x)
            for layer, output in zip(reversed(body), reversed(outputs), strict=True):
                if isinstance(layer, nn.Conv2d):
                    gradient = F.conv_transpose2d(gradient, layer.weight, padding=1)
                else:
                    gradient = gradient * (gradient > 0) * (output > 0)
            maps.append(gradient.sum(dim=1))
    return torch.stack(maps, dim=1)


def statement(x: Tensor) -> Tensor:
    x.relu_()
    return x


SPELLINGS: dict[str, nn.Module | Activation] = {
    "nn.ReLU": nn.ReLU(),
    "nn.ReLU in place": nn.ReLU(inplace=True),
    "F.relu": F.relu,
    "F.relu by keyword": lambda x: F.relu(input=x),
    "F.relu in place": lambda x: F.relu(x, inplace=True),
    "F.relu in place by position": lambda x: F.relu(x, True),
    "F.relu_": F.relu_,
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "method": lambda x: x.relu(),
    "method in place": lambda x: x.relu_(),
    "method as a statement": statement,
    "operator": torch.ops.aten.relu,
    "operator, as exported": torch.ops.aten.relu.default,
    "operator in place": torch.ops.aten.relu_.default,
}


@pytest.mark.parametrize("relu", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_of_relu_is_met(relu) -> None:
    model = network(relu, nn.ReLU(), relu)
    torch.testing.assert_close(guided(model), by_hand(network(*[nn.ReLU()] * 3)))


def test_one_module_called_many_times_is_met_each_time() -> None:
    shared = nn.ReLU()
    torch.testing.assert_close(
        guided(network(shared, shared)), by_hand(network(nn.ReLU(), nn.ReLU()))
    )


def test_an_exported_network_is_explained_like_its_source() -> None:
    model = network(nn.ReLU(), nn.ReLU())
    expected = guided(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        batch = {0: torch.export.Dim.DYNAMIC}
        exported = torch.export.export(
            model.backbone.body, (small_images(),), dynamic_shapes=(batch,)
        )
        body = exported.module()
    body.eval = body.train = lambda *_: body  # which exported modules do not allow
    model.backbone.body = body
    torch.testing.assert_close(guided(model), expected)


class Gate(torch.autograd.Function):
    """Some other function of the user's own."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient * 2


def test_other_functions_keep_their_own_backward_pass() -> None:
    doubled = network(nn.ReLU(), Gate.apply, nn.ReLU())
    module = network(nn.ReLU(), lambda x: x * 2, nn.ReLU())
    torch.testing.assert_close(guided(doubled), guided(module))


OTHERS: dict[str, nn.Module | Activation] = {
    "clamp": lambda x: x.clamp(min=0),
    "clamp_min": lambda x: torch.clamp_min(x, 0),
    "clamp in place": lambda x: x.clamp_(min=0),
    "maximum": lambda x: torch.maximum(x, torch.zeros_like(x)),
    "max": lambda x: torch.max(x, torch.zeros_like(x)),
    "fmax": lambda x: torch.fmax(x, torch.zeros_like(x)),
    "minimum": lambda x: -torch.minimum(-x, torch.zeros_like(x)),
    "threshold": nn.Threshold(0, 0),
    "F.threshold_": lambda x: F.threshold_(x, 0, 0),
    "operator": lambda x: torch.ops.aten.clamp.default(x, 0),
    **{
        type(module).__name__: module
        for module in (
            *(nn.ReLU6(), nn.Hardtanh(), nn.LeakyReLU(), nn.PReLU(), nn.RReLU(), nn.ELU()),
            *(nn.CELU(), nn.SELU(), nn.GELU(), nn.SiLU(), nn.Mish(), nn.Hardswish()),
            nn.Softplus(),
        )
    },
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_other_activations_beside_relu_are_refused(other) -> None:
    message = "guided backpropagation is not defined for this network: .* activation"
    with pytest.raises(MapError, match=message):
        guided(network(nn.ReLU(), other))
    assert torch._C._len_torch_function_stack() == 0


def test_a_network_without_relu_is_refused() -> None:
    for function in (nn.Identity(), torch.sigmoid):
        with pytest.raises(MapError, match="rule for ReLU, and the network has none"):
            guided(network(function))


def test_activations_that_do_not_lead_to_the_logit_do_not_matter() -> None:
    def aside(x: Tensor) -> Tensor:
        F.silu(x)
        return x.relu()

    torch.testing.assert_close(guided(network(aside)), by_hand(network(nn.ReLU())))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_scripted_modules_and_functions_are_refused() -> None:
    with pytest.raises(MapError, match=r"backbone.body.3 is scripted.*made from"):
        guided(network(nn.ReLU(), torch.jit.script(nn.ReLU())))

    function = torch.jit.script(scripted_relu)
    for _ in range(3):  # the first passes profile, later ones are fused
        with pytest.raises(MapError, match=r"an activation Relu|runs as DifferentiableGraph"):
            guided(network(nn.ReLU(), function))


def scripted_relu(x: Tensor) -> Tensor:
    return torch.relu(x)


@pytest.mark.filterwarnings("ignore")  # those of the compiler itself
def test_compiled_modules_are_refused() -> None:
    with pytest.raises(MapError, match=r"backbone.body.1 is compiled.*made from"):
        guided(network(torch.compile(nn.ReLU(), backend="eager")))
    in_place = network(nn.ReLU())
    in_place.backbone.compile(backend="eager")
    with pytest.raises(MapError, match="backbone is compiled"):
        guided(in_place)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiled_functions_are_met(backend: str) -> None:
    """torch's compiler sees the rule, and compiles what it makes of the function."""
    torch.compiler.reset()
    model = network(nn.ReLU(), torch.compile(torch.relu, backend=backend))
    torch.testing.assert_close(guided(model), by_hand(network(nn.ReLU(), nn.ReLU())))
    torch.compiler.reset()


@pytest.mark.filterwarnings("ignore")
def test_functions_compiled_ahead_of_time_are_refused() -> None:
    compile_ahead = pytest.importorskip("functorch.compile")
    function = compile_ahead.aot_function(torch.relu, fw_compiler=compile_ahead.nop)
    with pytest.raises(MapError, match="runs as CompiledFunction"):
        guided(network(nn.ReLU(), function))


def checkpointed(*, reentrant: bool) -> Activation:
    return lambda x: checkpoint(torch.relu, x, use_reentrant=reentrant)


def test_reentrant_checkpoints_are_refused() -> None:
    with pytest.raises(MapError, match=r"runs as CheckpointFunction.*switch off checkpointing"):
        guided(network(nn.ReLU(), checkpointed(reentrant=True)))


def test_other_checkpoints_are_met() -> None:
    """They run a part again to have its values, not its gradients."""
    model = network(nn.ReLU(), checkpointed(reentrant=False), nn.ReLU())
    torch.testing.assert_close(guided(model), by_hand(network(*[nn.ReLU()] * 3)))


def test_a_rule_that_is_not_applied_everywhere_is_an_error() -> None:
    """Whatever hides an operation from the backward pass, the count does not add up."""
    rule, x = GuidedReLU(), torch.randn(3, requires_grad=True)
    with rule.forward(nn.Identity()):
        used, lost = torch.relu(x), torch.relu(x)
    with pytest.raises(MapError, match=r"2 operations were replaced.*1 met"), rule.backward():
        used.sum().backward(retain_graph=True)
    with rule.backward():
        (used + lost).sum().backward()


def test_nothing_is_left_behind_by_an_error() -> None:
    def broken(x: Tensor) -> Tensor:
        raise ZeroDivisionError

    model = network(nn.ReLU(), broken)
    with pytest.raises(ZeroDivisionError):
        guided(model)
    assert torch._C._len_torch_function_stack() == 0
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(-x.relu().sum(), x)
    torch.testing.assert_close(gradient, torch.tensor([0.0, -1.0]))  # guided: all 0


def test_the_network_itself_is_not_touched() -> None:
    model = network(nn.ReLU(), nn.ReLU(inplace=True))
    before = {name: dict(vars(module)) for name, module in model.named_modules()}
    guided(model)
    assert {name: dict(vars(module)) for name, module in model.named_modules()} == before


class Wrapped(nn.Module):
    """Captum replaces modules, in place ones included, but no functions."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images)


@pytest.mark.parametrize(
    "name", ["resnet10t + linear", pytest.param("densenet121 + linear", marks=pytest.mark.slow)]
)
def test_captum_agrees_where_every_relu_is_a_module(name: str) -> None:
    captum = pytest.importorskip("captum.attr")
    model = make(name).double().eval()
    images = torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(1)).double()
    spec = "guided_backprop(channels='sum')"
    found = explain(methods.parts([spec]), model, images, [1]).maps[spec].values[:, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        witness = captum.GuidedBackprop(Wrapped(model)).attribute(images.clone(), target=1)
    witness = witness.sum(dim=1)
    assert (found - witness).norm() <= 1e-8 * witness.norm()


def test_captum_misses_a_functional_relu() -> None:
    """The witness is wrong here: it gives the gradient where ours follows the definition."""
    captum = pytest.importorskip("captum.attr")
    model = network(F.relu, F.relu)
    images = small_images()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        witness = captum.GuidedBackprop(model).attribute(images.clone(), target=0)
    images.requires_grad_()
    (gradient,) = torch.autograd.grad(model(images)[:, 0].sum(), images)
    torch.testing.assert_close(witness, gradient)
    assert not torch.allclose(guided(model)[:, 0], gradient.sum(dim=1))


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**31),
    shape=st.sampled_from([(2, 3), (2, 3, 4), (2, 3, 4, 5), (1, 3, 2, 2, 2)]),
    affine=st.booleans(),
    eps=st.sampled_from([1e-5, 1e-3]),
    keywords=st.booleans(),
)
def test_scale_and_shift_is_batch_norm(seed, shape, affine, eps, keywords) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(*shape, generator=generator).double().requires_grad_()
    mean, weight, bias = torch.randn(3, 3, generator=generator).double()
    variance = torch.rand(3, generator=generator).double() + 0.1
    options = {"weight": weight, "bias": bias} if affine else {}
    options |= {"training": False, "eps": eps}
    out = torch.randn(*shape, generator=generator).double()

    def value_and_gradient() -> tuple[Tensor, Tensor]:
        if keywords:
            y = F.batch_norm(input=x, running_mean=mean, running_var=variance, **options)
        else:
            y = F.batch_norm(x, mean, variance, **options)
        return y, torch.autograd.grad(y, x, out)[0]

    expected = value_and_gradient()
    with ScaleAndShift().forward(nn.Identity()):
        found = value_and_gradient()
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert torch.equal(found[0], expected[0])


@pytest.mark.parametrize("worth", [1, 10**9])
def test_logits_are_those_of_the_network_to_the_last_digit(worth: int, monkeypatch) -> None:
    """Whatever is asked of a pass, and whether or not another way back is worth its while."""
    monkeypatch.setattr("heatproof.saliency.intercept.WORTH", worth)
    part = nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.ReLU()).double().eval()
    part[1].running_mean.fill_(0.3)
    model = network(nn.ReLU(), part)
    images = small_images()
    with torch.no_grad():
        expected = model(images.clone(memory_format=model.memory_format))
    for spec in ("gradient", "grad_cam", "guided_backprop"):
        found = explain(methods.parts([spec]), model, images, [0]).logits
        assert torch.equal(found, expected), spec


@pytest.mark.filterwarnings("ignore")  # torch's own, of reentrant checkpoints
def test_small_images_pass_checkpoints_that_run_again_as_they_did() -> None:
    part = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()).double().eval()
    again = network(nn.ReLU(), lambda x: checkpoint(part, x, use_reentrant=False))
    chosen = methods.parts(["gradient"])
    found = explain(chosen, again, small_images(), [0]).maps["gradient"].values
    expected = (
        explain(chosen, network(nn.ReLU(), part), small_images(), [0]).maps["gradient"].values
    )
    assert torch.equal(found, expected)


@pytest.mark.parametrize("training", [True, False])
def test_batch_statistics_stay_what_they_are(training: bool) -> None:
    """Without running statistics, or in training mode, there is no fixed scale."""
    norm = nn.BatchNorm1d(3, track_running_stats=training).train(training)
    x = torch.randn(8, 3)
    with ScaleAndShift().forward(norm):
        found = norm(x)
    torch.testing.assert_close(found.mean(dim=0), torch.zeros(3), atol=1e-6, rtol=0)
    if training:
        assert norm.num_batches_tracked == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("hidden", ["scripted", "compiled"])
def test_what_a_plain_gradient_need_not_see_does_not_stop_it(hidden: str) -> None:
    part = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU())
    part[0].running_mean.fill_(0.3)
    part[0].weight.data.fill_(1.7)
    layer = {
        "scripted": lambda: torch.jit.script(part),
        "compiled": lambda: torch.compile(part, backend="eager"),
    }[hidden]()
    part.double().eval()
    chosen = methods.parts(["gradient(channels='sum')", "grad_cam"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the compiler itself
        found = explain(chosen, network(nn.ReLU(), layer), small_images(), [0, 1]).maps
    expected = explain(chosen, network(nn.ReLU(), part), small_images(), [0, 1]).maps
    for spec in chosen:
        torch.testing.assert_close(found[spec].values, expected[spec].values)


@pytest.mark.filterwarnings("ignore")  # torch's own, of reentrant checkpoints
@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints_that_a_gradient_cannot_pass_are_told(reentrant: bool, monkeypatch) -> None:
    part = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()).double().eval()
    model = network(nn.ReLU(), lambda x: checkpoint(part, x, use_reentrant=reentrant))
    monkeypatch.setattr("heatproof.saliency.intercept.WORTH", 1)
    with pytest.raises(MapError, match=r"(?i)switch off gradient checkpointing"):
        explain(methods.parts(["gradient"]), model, small_images(), [0])
    explain(methods.parts(["grad_cam"]), model, small_images(), [0])
