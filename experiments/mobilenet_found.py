"""MobileNetV2 of width 0.35, whose code and weights lie with the shared data: an experiment runs code beside it alone."""

import importlib.util
from collections import OrderedDict
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

STAGES = {  # first and last of the 19 features, cut where they stride
    "stem": (0, 2), "stage1": (2, 4), "stage2": (4, 7), "stage3": (7, 11), "stage4": (11, 14),
    "stage5": (14, 18), "top": (18, 19),
}  # fmt: skip


def build(code: Path, weights: Path) -> nn.Sequential:
    """The ImageNet features that were found, as a network whose stages have names.

    Args:
        code: The file that says what the network is.
        weights: Its weights.
    """
    features = _described(code).mobilenet(nn.Identity()).features
    features.load_state_dict(torch.load(weights, weights_only=True))
    return nn.Sequential(
        OrderedDict({name: features[first:last] for name, (first, last) in STAGES.items()})
    )


def crossfit(code: Path, weights: Path) -> nn.Module:
    """A classifier of lung opacity, to be judged on the fold that did not train it."""
    network: nn.Module = _described(code).replicate(weights)
    return network


def _described(code: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("mobilenet", code)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
