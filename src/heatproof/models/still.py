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
    training, requiring = _moving(model)
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


def _moving(model: nn.Module) -> tuple[list[nn.Module], list[nn.Parameter]]:
    """The modules that train, and the parameters that require gradients.

    One walk without ``modules()`` and ``parameters()``, whose generators within generators take as
    long as the pass of a small network.
    """
    training: list[nn.Module] = []
    requiring: list[nn.Parameter] = []
    seen: set[nn.Module] = set()
    waiting: list[nn.Module | None] = [model]
    while waiting:
        module = waiting.pop()
        if module is None or module in seen:
            continue
        seen.add(module)
        if module.training:
            training.append(module)
        requiring += [p for p in module._parameters.values() if p is not None and p.requires_grad]
        waiting.extend(module._modules.values())
    return training, requiring
