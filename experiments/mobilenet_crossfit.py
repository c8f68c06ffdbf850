"""The cross-fitted MobileNetV2 of the shared data; an experiment runs code beside it alone."""

import importlib.util
from pathlib import Path

from torch import nn


def build(code: Path, weights: Path) -> nn.Module:
    """From the file that says what the network is, and its weights."""
    spec = importlib.util.spec_from_file_location("mobilenet", code)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network: nn.Module = module.replicate(weights)
    return network
