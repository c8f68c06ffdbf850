"""Blocks compose to timm's own features; weights go in whole or not at all."""

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from heatproof.data.geometry import Squash
from heatproof.errors import ModelError, SpecError
from heatproof.models.backbones import Backbone, backbones
from heatproof.models.classifier import build
from heatproof.models.preprocessing import Preprocessing

NAMES = [name for name in backbones.names() if name not in ("timm", "patches")]  # of another each
FAMILIES = (
    "resnet", "densenet", "vgg", "inception", "efficientnet", "convnext", "vit", "deit",
)  # fmt: skip
OF_TIMM = [name for name in NAMES if name.startswith(FAMILIES)]
TIMM = {"vit_small": "vit_small_patch16_224", "deit_small": "deit_small_patch16_224"}
SIZES = {"inception": (107, 139), "vit": (80, 80), "deit": (80, 80)}  # (64, 96) for the others
GRIDS = {"vit": (5, 5), "deit": (5, 5)}  # (2, 3) for the others
# Of what the backbones leave out; at full size it takes 480 MB.
OPTIONS = {
    "vgg": {"mlp_ratio": 1 / 4096},
    **{key: {"dynamic_img_size": True} for key in ("vit", "deit")},
}
ONE_PER_FAMILY = {
    *("resnet18", "densenet121", "vgg19", "inception_v3", "inception_v4"),
    *("efficientnet_b0", "convnext_tiny", "vit_small"),
}


def of_family(values: dict, name: str, otherwise):
    return next((value for key, value in values.items() if name.startswith(key)), otherwise)


def sample(names) -> list:
    """One of each family at once, the others with the slow tests; what is new, at once."""
    slow = set(OF_TIMM) - ONE_PER_FAMILY
    return [pytest.param(n, marks=pytest.mark.slow if n in slow else ()) for n in names]


def images_for(name: str, channels: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, channels, *of_family(SIZES, name, (64, 96)), generator=generator)


def test_the_first_members_are_there() -> None:
    assert {"resnet10t", "resnet18", "densenet121"} <= set(NAMES)


def loaded(name: str, channels: int, folder, in_chans: int = 3) -> tuple:
    """timm's network with its classifier, and the backbone with its weights from a file."""
    options = of_family(OPTIONS, name, {})
    network = timm.create_model(TIMM.get(name, name), in_chans=in_chans, num_classes=5, **options)
    for module in network.modules():  # where ConvNeXt and ViT would do nothing yet
        for gain in ("gamma", "cls_token"):
            if isinstance(getattr(module, gain, None), torch.nn.Parameter):
                torch.nn.init.normal_(getattr(module, gain))
    save_file(network.state_dict(), folder / "whole.safetensors")
    backbone = backbones.parse(name)(channels, str(folder / "whole.safetensors"))
    return network.eval(), backbone.eval()


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        *(pytest.param(*name.values, 3, marks=name.marks) for name in sample(OF_TIMM)),
        ("resnet18", 1),  # the other grey networks: test_colour_weights_serve_grey_images
    ],
)
def test_blocks_compose_to_timms_features(name: str, channels: int, tmp_path) -> None:
    """And weights from a file go where timm has them, those of its classifier are left out."""
    network, backbone = loaded(name, channels, tmp_path, in_chans=channels)
    images = images_for(name, channels)
    with torch.no_grad():
        expected = network.forward_features(images)
        if backbone.grid.prefix:
            n, _, d = expected.shape
            expected = expected[:, backbone.grid.prefix :].mT.reshape(n, d, 5, 5)
        assert torch.equal(backbone(images), expected)
    cells = of_family(GRIDS, name, (2, 3))
    assert expected.shape == (2, backbone.grid.channels, *cells)
    assert (expected < 0).any() == backbone.grid.signed


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", sample(NAMES))
def test_features_are_what_the_grid_says(name: str, channels: int) -> None:
    backbone: Backbone = backbones.parse(name)(channels).eval().double()
    images = images_for(name, channels).double()
    with torch.no_grad():
        features = backbone(images)
        alone = torch.cat([backbone(image[None]) for image in images])
    assert features.shape[:2] == (2, backbone.grid.channels)
    assert features.ndim == 4
    assert (features < 0).any() == backbone.grid.signed
    assert (features - alone).norm() <= 1e-9 * features.norm()
    assert backbone.pretrained == "random"
    assert backbones.parse(backbones.spec(backbones.parse(name))) == backbones.parse(name)
    assert [name for name, _ in backbone.named_children()], "blocks have names"


@pytest.mark.parametrize("name", sample(NAMES))
def test_the_stride_is_that_of_the_grid(name: str) -> None:
    backbone: Backbone = backbones.parse(name)(1).eval()
    side = 107 if name.startswith("inception") else 64
    with torch.no_grad():
        small, large = (
            backbone(torch.zeros(1, 1, side + more, side + more)).shape[-1]
            for more in (0, backbone.grid.stride)
        )
    assert large == small + 1


@pytest.mark.parametrize("name", sample(OF_TIMM))
def test_colour_weights_serve_grey_images_as_the_sum_of_their_channels(name, tmp_path) -> None:
    _, grey = loaded(name, 1, tmp_path)
    colour = backbones.parse(name)(3, str(tmp_path / "whole.safetensors")).eval()
    images = images_for(name, 1)[:1]
    with torch.no_grad():
        expected = colour.double()(images.double().expand(-1, 3, -1, -1))
        found = grey.double()(images.double())
    assert (found - expected).norm() < 1e-4 * expected.norm()  # the sum of weights is rounded


def test_what_the_heads_replace_is_no_part_of_the_backbone() -> None:
    """120 of VGG's 140 million weights, ConvNeXt's norm of the mean feature."""
    assert sum(p.numel() for p in backbones.parse("vgg19")().parameters()) == 20_024_384
    for name in ("vgg19", "convnext_tiny", "inception_v3"):
        blocks = dict(backbones.parse(name)().named_children())
        assert not {"head", "pre_logits", "AuxLogits", "fc"} & set(blocks)


def test_weights_of_an_auxiliary_classifier_are_left_out(tmp_path) -> None:
    network = timm.create_model("inception_v3", aux_logits=True)
    assert any(key.startswith("AuxLogits") for key in network.state_dict())
    save_file(network.state_dict(), tmp_path / "aux.safetensors")
    backbone = backbones.parse("inception_v3")(3, str(tmp_path / "aux.safetensors"))
    assert torch.equal(backbone.stem.Conv2d_1a_3x3.conv.weight, network.Conv2d_1a_3x3.conv.weight)


@pytest.mark.parametrize("size", [(64, 80), (72, 72)])
def test_transformers_refuse_what_does_not_fit_their_patches(size) -> None:
    backbone = backbones.parse("vit_small")(1).eval()
    message = rf"images are {size[0]} x {size[1]}.*squares.* multiple of 16"
    with pytest.raises(ModelError, match=message):
        backbone(torch.zeros(1, 1, *size))


def test_inception_cells_look_where_the_documentation_says() -> None:
    """Around pixel 37.5 + 32 i, so that the grid of 299 pixels is centred, and not 16 + 32 i."""
    torch.manual_seed(0)
    backbone = backbones.parse("inception_v3")(1).eval()
    image = torch.rand(1, 1, 491, 491, generator=torch.Generator().manual_seed(0))
    image.requires_grad_()
    (gradient,) = torch.autograd.grad(backbone(image)[:, :, 6, 6].sum(), image)
    seen = gradient.abs().sum(dim=(0, 1, 2))
    centre = (seen * (torch.arange(491) + 0.5)).sum() / seen.sum()
    assert abs(float(centre) - (37.5 + 32 * 6)) < 32 / 4


def test_names_of_blocks_say_what_they_are() -> None:
    blocks = [name for name, _ in backbones.parse("densenet121")().named_children()]
    assert blocks[0] == "stem"
    assert blocks[-2:] == ["denseblock4", "norm"]


def test_weights_come_from_a_file_with_or_without_classifier(tmp_path) -> None:
    network = timm.create_model("resnet18", num_classes=5)
    save_file(network.state_dict(), tmp_path / "whole.safetensors")
    torch.save({"state_dict": network.state_dict()}, tmp_path / "nested.pt")
    for file in ("whole.safetensors", "nested.pt"):
        backbone = backbones.parse("resnet18")(3, str(tmp_path / file))
        assert backbone.pretrained == f"file {file}"
        assert torch.equal(backbone.layer4[1].conv2.weight, network.layer4[1].conv2.weight)


def test_weights_of_another_network_are_refused(tmp_path) -> None:
    torch.save(timm.create_model("resnet10t", num_classes=0).state_dict(), tmp_path / "ten.pt")
    with pytest.raises(ModelError, match=r"lacks conv1\.weight of resnet18"):
        backbones.parse("resnet18")(3, str(tmp_path / "ten.pt"))
    state = timm.create_model("resnet18", num_classes=0).state_dict()
    torch.save(state | {"extra": torch.zeros(1)}, tmp_path / "extra.pt")
    with pytest.raises(ModelError, match="resnet18 has no extra"):
        backbones.parse("resnet18")(3, str(tmp_path / "extra.pt"))
    state["layer4.1.conv2.weight"] = torch.zeros(3, 3)
    torch.save(state, tmp_path / "shape.pt")
    with pytest.raises(ModelError, match=r"has shape \(3, 3\)"):
        backbones.parse("resnet18")(3, str(tmp_path / "shape.pt"))


def test_imagenet_weights_go_through_timm_and_say_which(monkeypatch) -> None:
    create, asked = timm.create_model, []

    def reachable(name: str, *, pretrained: bool, **options):
        asked.append(pretrained)
        return create(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", reachable)
    backbone = backbones.parse("resnet18")(3, "imagenet")
    assert asked == [True]
    assert backbone.pretrained.startswith("imagenet (timm resnet18.")


def test_unreachable_weights_are_an_error_and_no_silent_randomness(monkeypatch) -> None:
    def unreachable(*_, **__):
        raise OSError("network is unreachable")

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(ModelError, match='give the path of a weights file, or weights="random"'):
        backbones.parse("resnet18")(3, "imagenet")


def test_unknown_names_are_answered_with_near_misses() -> None:
    with pytest.raises(SpecError, match="did you mean densenet121"):
        backbones.parse("densnet121")


def test_a_finer_grid_and_narrower_layers_are_options() -> None:
    backbone = backbones.parse("resnet10t(stride=16, width=16)")(1).eval()
    with torch.no_grad():
        assert backbone(torch.randn(1, 1, 96, 96)).shape == (1, 128, 6, 6)
    assert (backbone.grid.stride, backbone.grid.channels) == (16, 128)
    wide = backbones.parse("resnet10t")()
    assert sum(p.numel() for p in wide.parameters()) == sum(
        p.numel() for p in timm.create_model("resnet10t", num_classes=0).parameters()
    )


def test_offline_is_an_error_in_words(monkeypatch, tmp_path) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="cannot be downloaded"):
        backbones.parse("resnet18")(3, "imagenet")


def test_the_grid_of_a_dilated_network_stays_centred():
    """What a cell sees lies around the middle of the cell: otherwise every map is shifted."""
    backbone = backbones.parse("resnet10t(stride=16, width=16)")(1).eval()
    image = torch.rand(4, 1, 192, 192, generator=torch.Generator().manual_seed(0))
    image.requires_grad_()
    features = backbone(image)
    cell = features.shape[-1] // 2
    (gradient,) = torch.autograd.grad(features[:, :, cell, cell].sum(), image)
    seen = gradient.abs().sum(dim=(0, 1, 2))
    centre = (seen * (torch.arange(192) + 0.5)).sum() / seen.sum()
    assert abs(float(centre) - 16 * (cell + 0.5)) < 4  # a quarter of a cell


@pytest.mark.parametrize("channels", [1, 3])
def test_any_convolutional_network_of_timm_by_name(channels: int, tmp_path) -> None:
    network = timm.create_model("mobilenetv3_small_050", num_classes=2)
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    backbone = backbones.parse("timm(name='mobilenetv3_small_050')")(
        channels, str(tmp_path / "weights.safetensors")
    )
    images = torch.randn(2, channels, 64, 96)
    expected = timm.create_model("mobilenetv3_small_050", num_classes=0, in_chans=channels)
    expected.load_state_dict(backbone[0].network.state_dict())
    with torch.no_grad():
        features = backbone.eval()(images)
        torch.testing.assert_close(features, expected.eval().forward_features(images))
    assert features.shape == (2, backbone.grid.channels, 2, 3)
    assert backbone.grid.stride == 32


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mobilenetv3_smal_050", "mobilenetv3_small_050"),
        ("coat_tiny", "of which timm tells no grid"),
    ],
)
def test_networks_without_a_name_or_a_grid_are_refused(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        backbones.parse(f"timm(name={name!r})")(3)


@pytest.mark.parametrize("name", [*sample(NAMES), "timm(name='resnext26ts')"])
def test_wildcat_stands_on_every_backbone(name: str) -> None:
    images = images_for(name, 1)
    preprocessing = Preprocessing(Squash(*images.shape[2:]), channels=1, mean=(0.5,), std=(0.25,))
    model = build(name, "wildcat(maps=2, highest=1)", ["a", "b"], preprocessing)
    with torch.no_grad():
        features, logits = model.features_and_logits(images)
        maps = model.class_map(features)
    assert maps.shape == (2, 2, *features.shape[2:])
    highest, lowest = maps.flatten(2).max(dim=-1).values, maps.flatten(2).min(dim=-1).values
    torch.testing.assert_close(logits, (highest + 0.7 * lowest) / 2)
