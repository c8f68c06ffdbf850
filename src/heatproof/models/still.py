"""A model held still: as it judges, with gradients of everything but its weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def held_still(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, and gradients of all but the weights, for the length of a block.

    Inside, gradients are on whatever the caller's mode (tensors of inference mode cannot enter
    autograd), and nothing is recorded as long as nothing asks for its gradient.
    """
    training = [module for module in model.modules() if module.training]
    requiring = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        if training:
            model.eval()
        for parameter in requiring:
            parameter.requires_grad_(False)
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for module in training:
            # Mode by mode: train() would also switch modules that were in evaluation mode before.
            module.training = True
        for parameter in requiring:
            parameter.requires_grad_(True)
