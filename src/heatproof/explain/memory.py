"""How many images a pass may hold, so that a stated memory budget is kept.

What one image costs is measured, once per model and size: the bytes that a differentiated pass
keeps for its backward pass.  Batches follow from the budget alone and not from what happens to be
free, so that the same experiment makes the same batches, and the same rounding, everywhere.
"""

import re
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from heatproof.errors import SpecError
from heatproof.models import Model

GB = 10**9
DEFAULT = 4 * GB
RESERVED = 1.1 * GB  # the interpreter, torch and scratch space, measured at .8 to 1.0 GB
LEAST = RESERVED + GB / 2
IN_FLIGHT = 1.5  # gradients on their way beside what is kept, measured at .8 to 1.2
UNDIFFERENTIATED = 4  # a pass that keeps nothing may be this much larger
UNITS = {"GB": GB, "MB": 10**6, "GiB": 2**30, "MiB": 2**20}

_kept: "WeakKeyDictionary[nn.Module, dict[tuple[object, ...], int]]" = WeakKeyDictionary()


def parse_memory(text: str) -> int:
    """Bytes from ``"4GB"``; raises SpecError."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(\w+)\s*", text)
    if match is None or match[2] not in UNITS:
        raise SpecError(f"memory={text!r}: expected a number and a unit, such as 4GB or 512MiB")
    size = int(float(match[1]) * UNITS[match[2]])
    if size < LEAST:
        raise SpecError(
            f"memory={text!r} is too little: Python and torch alone take up to"
            f" {RESERVED / GB:g} GB, so give at least {LEAST / GB:g}GB"
        )
    return size


def images_at_once(model: Model, image: Tensor, memory: int, *, differentiated: bool) -> int:
    """Images like ``image`` (``c h w``) in one pass within so many bytes; at least 1.

    Args:
        model: Held still.
        image: One of them.
        memory: Of the whole process, or of the accelerator, in bytes.
        differentiated: Whether the pass keeps what its backward pass needs.
    """
    weights = sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers()))
    free = memory - RESERVED - weights
    images = free / (IN_FLIGHT * max(1, _bytes_kept(model, image)))
    return max(1, int(images * (1 if differentiated else UNDIFFERENTIATED)))


def _bytes_kept(model: Model, image: Tensor) -> int:
    """By a differentiated pass over one image, for its backward pass."""
    known = _kept.setdefault(model, {})
    key = (tuple(image.shape), image.dtype)
    if key not in known:
        weights = {tensor.data_ptr() for tensor in (*model.parameters(), *model.buffers())}
        storages: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                storages[storage.data_ptr()] = storage.nbytes()
            return tensor.detach()  # itself, it would close a cycle through its own graph

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            # The output must live while storages are told apart by their addresses.
            output = model(image[None].detach().requires_grad_())
        known[key] = sum(storages.values())
        del output
    return known[key]
