"""Classifiers of others, with random weights, as their users would bring them: few lines each.

``docs/networks.py`` makes a table of which methods explain them, and tests compare it.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from heatproof.data.geometry import Squash
from heatproof.models.adapter import Adapted
from heatproof.models.preprocessing import Preprocessing

FINDINGS = ("Opacity", "Effusion")
TORCHXRAYVISION = {"channels": 1, "mean": (0.5,), "std": (1 / 2048,)}  # from -1024 to 1024
MONAI = {"channels": 1, "mean": (0.5,), "std": (0.25,)}


@dataclass(frozen=True)
class Network:
    """A network, and what is said of it to ``Adapted``.

    Attributes:
        package: Where it comes from.
        name: There.
        build: Makes it of the package, or of the module of its models.
        side: Of its images, in pixels.
        quick: Whether it is tried in seconds.
    """

    package: str
    name: str
    build: Callable[[Any], nn.Module]
    side: int = 64
    quick: bool = False
    scaling: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    findings: tuple[str, ...] = FINDINGS

    def __str__(self) -> str:
        return f"{self.package} {self.name}"

    def adapted(self) -> Adapted:
        """The network, ready to be explained; raises ImportError without its package."""
        source = importlib.import_module(MODULES[self.package])
        torch.manual_seed(0)
        network = self.build(source)
        for weight in network.parameters():
            if weight.ndim > 1 and not weight.any():
                nn.init.normal_(weight, std=0.02)  # some heads start at 0, and explain nothing
        preprocessing = Preprocessing(Squash(self.side, self.side), **self.scaling)
        return Adapted(network, "auto", self.findings, preprocessing, **self.options)


MODULES = {
    "torchvision": "torchvision.models",
    "timm": "timm",
    "transformers": "transformers",
    "torchxrayvision": "torchxrayvision.models",
    "MONAI": "monai.networks.nets",
}


def _torchvision(name: str, side: int = 64, **more: Any) -> Network:
    options = more.pop("of", {})
    return Network(
        "torchvision",
        name,
        lambda models: models.get_model(name, weights=None, num_classes=2, **options),
        side,
        **more,
    )


def _timm(name: str, side: int = 64, **more: Any) -> Network:
    options = more.pop("of", {})
    return Network(
        "timm", name, lambda timm: timm.create_model(name, num_classes=2, **options), side, **more
    )


SMALL = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 96,
    "image_size": 64,
    "patch_size": 8,
}


def _transformers(kind: str, side: int = 64, **options: Any) -> Network:
    def build(transformers: Any) -> nn.Module:
        config = getattr(transformers, f"{kind}Config")(num_labels=2, **options)
        network: nn.Module = getattr(transformers, f"{kind}ForImageClassification")(config)
        return network

    return Network("transformers", kind, build, side, quick=True, options={"output": "logits"})


def _monai(
    name: str, side: int = 64, output: int | None = None, quick: bool = True, **options: Any
) -> Network:
    return Network(
        "MONAI",
        name,
        lambda nets: getattr(nets, name)(**options),
        side,
        quick=quick,
        scaling=MONAI,
        options={} if output is None else {"output": output},
    )


def _pathologies(models: Any) -> nn.Module:
    """As its weights say: labels that they do not know, thresholds of operation, probabilities."""
    network: nn.Module = models.DenseNet(weights=None, num_classes=3, in_channels=1)
    network.targets, network.op_threshs = ["Opacity", "", "Effusion"], None
    return network


DYNAMIC = {"dynamic_img_size": True}
NETWORKS = (
    _torchvision("resnet18", quick=True),
    _torchvision("resnet50"),
    _torchvision("densenet121"),
    _torchvision("vgg11_bn", 96),
    _torchvision("alexnet", 96),
    _torchvision("squeezenet1_1", quick=True),
    _torchvision("mobilenet_v2", quick=True),
    _torchvision("mobilenet_v3_small", quick=True),
    _torchvision("efficientnet_b0"),
    _torchvision("efficientnet_v2_s"),
    _torchvision("mnasnet0_5", quick=True),
    _torchvision("shufflenet_v2_x0_5", quick=True),
    _torchvision("regnet_y_400mf"),
    _torchvision("resnext50_32x4d"),
    _torchvision("googlenet", of={"aux_logits": False, "init_weights": False}),
    _torchvision("inception_v3", 128, of={"init_weights": False}),
    _torchvision("convnext_tiny"),
    _torchvision("vit_b_16", of={"image_size": 64}),
    _torchvision("swin_t"),
    _torchvision("maxvit_t", 224),
    _timm("resnet10t", quick=True),
    _timm("convnextv2_atto", quick=True),
    _timm("vit_tiny_patch16_224", of=DYNAMIC, quick=True),
    _timm("deit_tiny_distilled_patch16_224", of=DYNAMIC, quick=True),
    _timm("vit_small_patch14_dinov2", 112, of=DYNAMIC),
    _timm("vit_small_patch14_reg4_dinov2", 112, of=DYNAMIC),
    _timm("eva02_tiny_patch14_224", 112, of=DYNAMIC),
    _timm("swin_tiny_patch4_window7_224", 112, of={"strict_img_size": False}),
    _timm("swinv2_tiny_window8_256", 128, of={"strict_img_size": False}),
    _timm("maxvit_tiny_tf_224", 224),
    _timm("mobilenetv4_conv_small"),
    _timm("levit_128s", 224),
    _timm("pvt_v2_b0"),
    _timm("poolformer_s12"),
    _timm("mobilevit_xxs"),
    _timm("coat_tiny", 224),
    _timm("mixer_s32_224", 224),
    _transformers("ViT", **SMALL),
    _transformers("DeiT", **SMALL),
    _transformers("Dinov2", **SMALL),
    _transformers("Beit", **SMALL),
    _transformers(
        "Swin", image_size=64, embed_dim=24, depths=[1, 1], num_heads=[2, 2], window_size=4
    ),
    _transformers("ConvNext", hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 1, 1]),
    _transformers("ResNet", hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 1, 1], embedding_size=16),
    Network(
        "torchxrayvision",
        "DenseNet",
        _pathologies,
        64,
        scaling=TORCHXRAYVISION,
        findings=("Opacity", "", "Effusion"),
    ),
    _monai("DenseNet121", quick=False, spatial_dims=2, in_channels=1, out_channels=2),
    _monai(
        "ResNet",
        block="basic",
        layers=[1, 1, 1, 1],
        block_inplanes=[16, 24, 32, 48],
        spatial_dims=2,
        n_input_channels=1,
        num_classes=2,
    ),
    _monai(
        "EfficientNetBN",
        model_name="efficientnet-b0",
        pretrained=False,
        spatial_dims=2,
        in_channels=1,
        num_classes=2,
    ),
    _monai("SEResNet50", quick=False, spatial_dims=2, in_channels=1, num_classes=2),
    _monai(
        "ViT",
        output=0,
        in_channels=1,
        img_size=(64, 64),
        patch_size=(8, 8),
        hidden_size=48,
        mlp_dim=96,
        num_layers=2,
        num_heads=2,
        classification=True,
        num_classes=2,
        spatial_dims=2,
        post_activation="",
    ),
)
