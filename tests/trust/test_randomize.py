"""Copies are drawn as they should be, share what they may, and are explained as if made whole."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from heatproof.errors import ModelError
from heatproof.models.adapter import Adapted
from heatproof.models.backbones import backbones
from heatproof.models.classifier import Classifier, build
from heatproof.models.heads.linear import LinearHead
from heatproof.models.own_head import with_head
from heatproof.models.still import held_still
from heatproof.saliency import explain, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.trust.randomize import Drawing, WeightDraw, blocks_of, explain_copies, steps
from tests.saliency.conftest import FINDINGS, PREPROCESSING, Own, make, make_images, shaken

SPECS = (
    *("gradient", "grad_cam", "layer_cam", "guided_backprop", "smooth_grad(samples=1)", "edges"),
)
SMALL = ["resnet10t + linear", "resnet10t + wildcat"]
COPIES = [
    ("resnet10t + linear", "cascading"),
    ("resnet10t + wildcat", "independent"),
    pytest.param("densenet121 + linear", "cascading", marks=pytest.mark.slow),
    pytest.param("densenet121 + linear", "independent", marks=pytest.mark.slow),
]


def state(model):
    return copy.deepcopy(model.state_dict())


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(("name", "order"), COPIES)
def test_maps_of_copies_are_those_of_the_whole_copy_to_the_last_bit(name, order):
    """Nothing that is shared is worth a digit: in-place ReLUs must not write into boundaries."""
    model, images = make(name), make_images()
    chosen = methods.parts(SPECS)
    copies = (steps(model, order), [WeightDraw(model, Drawing(), number) for number in (0, 1)])
    seen = []
    for copied, one in explain_copies(chosen, model, images, (0, 2), copies):
        step, number = copied.step, copied.draw
        seen.append((step, number))
        assert copied.batch == slice(0, len(images))
        whole = explain(
            chosen, WeightDraw(model, Drawing(), number).copy(step.blocks), images, (0, 2)
        )
        assert torch.equal(one.logits, whole.logits)
        assert one.validity == whole.validity
        for spec in chosen:
            assert torch.equal(one.maps[spec].values, whole.maps[spec].values), (step, spec)
    assert seen == [(step, number) for step in steps(model, order) for number in (0, 1)]


class InPlace(nn.Module):
    """A block that writes on what it is given, so that a second time is not like the first."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return self.conv(F.relu(x.sub_(0.1), inplace=True)).mul_(2)


@pytest.mark.parametrize("linked", [False, True])
def test_boundaries_are_not_written_on(linked):
    """Two passes from every boundary, as two draws make them, and both see what was there."""
    model = make("resnet10t + linear")
    for name, _ in list(model.backbone.named_children())[1:]:
        setattr(model.backbone, name, InPlace(8))
    model.head = LinearHead(8, len(FINDINGS))
    images = make_images()
    with held_still(model):
        whole = ForwardPass(model, images)
        plain = ForwardPass(model, images)
        for first in range(len(model.backbone), 0, -1):
            for _ in range(2):
                shared = whole.from_block(first, model)
                if linked:
                    assert torch.equal(shared.input_gradients((1,)), plain.input_gradients((1,)))
                assert torch.equal(shared.logits, plain.logits)


@pytest.mark.parametrize("name", [*SMALL, "adapted"])
def test_the_model_and_the_global_generators_are_left_alone(name):
    model, images = make(name).train(), make_images()
    before, modes = state(model), [module.training for module in model.modules()]
    flags = [parameter.requires_grad for parameter in model.parameters()]
    generator = torch.random.get_rng_state()
    copies = (steps(model, "cascading"), [WeightDraw(model, Drawing(statistics="estimated"), 0)])
    chosen = methods.parts(["gradient", "grad_cam"])
    for _ in explain_copies(chosen, model, images, (0,), copies):
        assert [module.training for module in model.modules()] == modes
    assert same(state(model), before)
    assert [parameter.requires_grad for parameter in model.parameters()] == flags
    assert torch.equal(torch.random.get_rng_state(), generator)


def test_a_cascade_draws_from_the_head_down_to_the_first_convolution():
    model = make("resnet10t + linear")
    cascade = steps(model, "cascading")
    down = ["head", "layer4", "layer3", "layer2", "layer1", "stem"]
    assert [step.name for step in cascade] == down
    assert [len(step.blocks) for step in cascade] == [1, 2, 3, 4, 5, 6]
    assert [step.first for step in cascade] == [5, 4, 3, 2, 1, 0]
    assert [step.name for step in steps(model, "bottom_up")] == down[::-1]
    assert [step.blocks for step in steps(model, "independent")] == [
        (blocks_of(model)[name],) for name in down
    ]
    (whole,) = steps(model, "whole")
    assert (whole.name, set(whole.blocks)) == ("stem", set(cascade[-1].blocks))


@pytest.mark.parametrize("name", [*SMALL, "adapted"])
def test_what_is_drawn_differs_and_what_is_not_is_the_very_same_tensor(name):
    model = make(name)
    own = dict(model.named_parameters())
    for step in steps(model, "cascading"):
        copied = dict(WeightDraw(model, Drawing(), 0).copy(step.blocks).named_parameters())
        assert copied.keys() == own.keys()
        for key, parameter in copied.items():
            drawn = key.startswith(tuple(f"{block}." for block in step.blocks))
            assert (parameter is not own[key]) == drawn
            if drawn and parameter.ndim > 1:
                assert not torch.equal(parameter, own[key])


def test_draws_follow_from_seed_number_and_block_alone():
    model = make("resnet10t + linear")
    cascade, independent = steps(model, "cascading"), steps(model, "independent")
    whole = state(WeightDraw(model, Drawing(), 0).copy(cascade[-1].blocks))
    for step in independent:
        alone = state(WeightDraw(model, Drawing(), 0).copy(step.blocks))
        drawn = [key for key in alone if key.startswith(step.blocks[0])]
        assert drawn
        assert all(torch.equal(alone[key], whole[key]) for key in drawn)
    for other in (WeightDraw(model, Drawing(), 1), WeightDraw(model, Drawing(seed=1), 0)):
        assert not same(state(other.copy(cascade[-1].blocks)), whole)


def test_layers_are_drawn_as_pytorch_makes_them():
    """Kaiming-uniform with a = sqrt 5: uniform within 1 / sqrt(fan in)."""
    model = make("resnet10t + linear")
    copied = WeightDraw(model, Drawing(), 0).copy(steps(model, "whole")[0].blocks)
    for module in copied.requires_grad_(False).modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and module.weight.numel() > 1000:
            bound = module.weight[0].numel() ** -0.5
            assert 0.97 * bound < module.weight.abs().max() <= bound
            assert module.weight.std() == pytest.approx(bound / 3**0.5, rel=0.05)
            assert module.weight.mean().abs() < 0.05 * bound
        elif isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all()
            assert (module.bias == 0).all()


def norms(model):
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


def test_statistics_are_kept_or_reset_or_estimated_and_affine_kept():
    model = make("resnet10t + linear")
    blocks = steps(model, "whole")[0].blocks
    kept = norms(WeightDraw(model, Drawing(affine="kept"), 0).copy(blocks))
    reset = norms(WeightDraw(model, Drawing(statistics="reset"), 0).copy(blocks))
    for own, one, other in zip(norms(model), kept, reset, strict=True):
        assert same(own.state_dict(), one.state_dict())
        assert (other.running_mean == 0).all()
        assert (other.running_var == 1).all()


def test_estimated_statistics_are_those_of_what_the_norm_sees():
    model = make("resnet10t + linear").eval()
    images = torch.randn(16, 3, 48, 48, generator=torch.Generator().manual_seed(2))
    draw = WeightDraw(model, Drawing(statistics="estimated"), 0)
    step = steps(model, "cascading")[2]
    copied = draw.copy(step.blocks)
    draw.estimate(copied, step.blocks, images, 16)
    assert not any(norm.training for norm in norms(copied))
    first = next(m for m in copied.backbone.layer3.modules() if isinstance(m, nn.BatchNorm2d))
    seen = []
    first.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        copied(images)
    torch.testing.assert_close(first.running_mean, seen[0].mean((0, 2, 3)))
    torch.testing.assert_close(first.running_var, seen[0].var((0, 2, 3)))
    untouched = norms(copied.backbone.layer1)[0]
    assert same(untouched.state_dict(), norms(model.backbone.layer1)[0].state_dict())


def test_parameters_that_no_layer_can_reset_keep_their_mean_and_spread():
    model = build("vit_small", "linear", FINDINGS, PREPROCESSING)
    drawn = WeightDraw(model, Drawing(), 0).copy(("backbone.embed",)).backbone.embed
    was, now = model.backbone.embed.pos_embed, drawn.pos_embed
    assert not torch.equal(was, now)
    assert now.std().item() == pytest.approx(was.std().item(), rel=0.05)


@pytest.mark.parametrize(
    "name", [name for name in backbones.names() if name not in ("timm", "patches")]
)
def test_blocks_of_every_backbone_hold_all_of_its_weights(name):
    with torch.device("meta"):
        backbone = backbones.parse(name)(3)
    head = make("resnet10t + linear").head
    model = Classifier(backbone, head, FINDINGS, PREPROCESSING)
    held = [model.get_submodule(path) for path in blocks_of(model).values()]
    found = {id(parameter) for block in held for parameter in block.parameters()}
    assert found == {id(parameter) for parameter in model.parameters()}
    assert len(held) > 5


class Backwards(nn.Module):
    """A user's network whose parts are named in another order than they run, and one never runs."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Linear(2, 2)
        self.last = nn.Linear(8, len(FINDINGS))
        self.body = nn.Sequential(
            *(nn.Conv2d(3, 8, 3), nn.ReLU(True), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 3))
        )

    def forward(self, images):
        return self.last(self.body(images).mean((2, 3)))


def test_blocks_of_a_users_network_are_its_children_as_they_run():
    model = Adapted(Backwards(), "body", FINDINGS, PREPROCESSING)
    assert list(blocks_of(model)) == ["body.0", "body.2", "body.3", "last"]
    assert steps(model, "cascading")[0].name == "last"
    few = Adapted(Own(), "body", FINDINGS, PREPROCESSING)
    assert list(blocks_of(few)) == ["body.0", "body.1", "last"]  # the largest has no children


@pytest.mark.parametrize("layer", ["body", "body.2"])
def test_blocks_of_a_users_network_with_a_head_of_ours_end_where_the_head_begins(layer):
    network = Backwards()
    model = with_head(network, layer, "linear", FINDINGS, PREPROCESSING).eval()
    names = {"body": ["body.0", "body.2", "body.3"], "body.2": ["body.0", "body.2"]}[layer]
    assert list(blocks_of(model)) == [*names, "head"]
    cascade = steps(model, "cascading")
    assert [step.first for step in cascade] == [1, *[0 for _ in names]]  # the head alone, all below
    copy = WeightDraw(model, Drawing(), 0).copy(cascade[-1].blocks)
    before, after = (dict(one.named_parameters()) for one in (model, copy))
    ran = {
        name for name in before if not any(f"network.{out}." in name for out in ("unused", "last"))
    }
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in ran if layer == "body" or ".body.3." not in name}


def test_a_network_without_children_is_refused():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool = nn.AvgPool2d(2)
            self.weight = nn.Parameter(torch.ones(3))

        def forward(self, images):
            return self.pool(images).mean((2, 3)) * self.weight

    with pytest.raises(ModelError, match="Bare has no named children with weights"):
        blocks_of(Adapted(Bare(), "pool", FINDINGS, PREPROCESSING))


@pytest.mark.parametrize("name", ["resnet10t + linear", "resnet10t + wildcat", "adapted"])
def test_a_target_that_follows_is_the_absence_where_a_copy_changed_its_mind(name):
    model, images = shaken(make(name), 3), make_images()
    chosen = methods.parts(["gradient(channels='sum')", "grad_cam"])
    trained = explain(chosen, model, images, (0, 1, 2)).logits > 0
    cascade = steps(model, "cascading")
    turns = 0
    fixed, follows = (
        explain_copies(
            chosen,
            model,
            images,
            (0, 1, 2),
            (cascade, [WeightDraw(model, Drawing(target=target), 5)]),
        )
        for target in ("fixed", "follows")
    )
    for (_, one), (_, other) in zip(fixed, follows, strict=True):
        turned = (one.logits > 0) != trained
        turns += turned.sum()
        sign = torch.where(turned, -1.0, 1.0)[:, :, None, None]
        spec = "gradient(channels='sum')"
        torch.testing.assert_close(other.maps[spec].values, sign * one.maps[spec].values)
        cam, against = one.maps["grad_cam"].values, other.maps["grad_cam"].values
        torch.testing.assert_close(against[~turned], cam[~turned])
    assert 0 < turns < 3 * 3 * len(cascade)
