"""MobileNetV2 of width 0.35 with the ImageNet features that were found, as a network whose stages have names."""

import importlib.util
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn

STAGES = {  # first and last of the 19 features, cut where they stride
    "stem": (0, 2), "stage1": (2, 4), "stage2": (4, 7), "stage3": (7, 11), "stage4": (11, 14),
    "stage5": (14, 18), "top": (18, 19),
}  # fmt: skip


def build(code: Path, weights: Path) -> nn.Sequential:
    """From the file that says what the network is, and its weights."""
    spec = importlib.util.spec_from_file_location("mobilenet", code)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    features = module.mobilenet(nn.Identity()).features
    features.load_state_dict(torch.load(weights, weights_only=True))
    return nn.Sequential(
        OrderedDict({name: features[first:last] for name, (first, last) in STAGES.items()})
    )
