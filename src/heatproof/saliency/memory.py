"""How many images a pass may hold, so that a stated memory budget is kept, and none is too large.

What one image costs is measured, once per model and size: the bytes that a differentiated pass
keeps for its backward pass, and the largest tensor among them.  Batches follow from the budget
alone and not from what happens to be free, so that the same experiment makes the same batches, and
the same rounding, on every CPU, and on every GPU of one kind.

On a CPU more is not faster.  Tensors beyond ``LARGEST`` no longer fit into its caches, and the C
library gets each of them from the system anew, page by page: eight images of 320 x 320 pixels at
once take a fifth longer per image than four (ResNet-50).
"""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn

from heatproof.errors import FullMemory, SpecError
from heatproof.models import Model
from heatproof.models.devices import full_memory_as_such
from heatproof.types import AUTO

GB = 10**9
DEFAULT = 4 * GB
SHARE = 0.5  # of a GPU; what is on its way between passes, and other programs, have the rest
RESERVED = 1.1 * GB  # the interpreter, torch and scratch space, measured at .8 to 1.0 GB
LEAST = RESERVED + GB / 2  # the smallest budget that a user may set
IN_FLIGHT = 1.5  # gradients on their way beside what is kept, measured at .8 to 1.2
UNDIFFERENTIATED = 4  # a pass that keeps nothing may be this much larger
LARGEST = 2**25  # bytes; above it glibc maps memory afresh whatever has been freed
Made = TypeVar("Made")
UNITS = {"GB": GB, "MB": 10**6, "GiB": 2**30, "MiB": 2**20}


@dataclass(frozen=True)
class Cost:
    """What a model and a differentiated pass over one image cost, in bytes.

    Attributes:
        weights: Parameters and buffers.
        kept: What is kept for the backward pass.
        largest: Bytes of the largest tensor that is kept.
    """

    weights: int
    kept: int
    largest: int


_told: set[type[Warning]] = set()  # once in a process; torch lets filters forget what was shown
# The keys are weak: a model that is let go does not stay for the sake of its cost.
_costs: "WeakKeyDictionary[nn.Module, dict[tuple[object, ...], Cost]]" = WeakKeyDictionary()


def default_memory(device: torch.device) -> int:
    """4 GB, and half of a GPU, whose passes are faster the more images they hold."""
    if device.type != "cuda":
        return DEFAULT
    return int(SHARE * torch.cuda.get_device_properties(device).total_memory)


def parse_memory(text: str) -> int | None:
    """Bytes from ``"4GB"``; None, for what suits the device, from ``auto``.  Raises SpecError."""
    if text == AUTO:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(\w+)\s*", text)
    if match is None or match[2] not in UNITS:
        raise SpecError(
            f"memory={text!r}: expected auto, or a number and a unit, such as 4GB or 512MiB"
        )
    size = int(float(match[1]) * UNITS[match[2]])
    if size < LEAST:
        raise SpecError(
            f"memory={text!r} is too little: Python and torch alone take up to"
            f" {RESERVED / GB:g} GB, so give at least {LEAST / GB:g}GB"
        )
    return size


def fitting(
    make: Callable[[Tensor, int], Made], images: Float[Tensor, "n c h w"], memory: int
) -> list[Made]:
    """What is made of images, in halves, with half of the memory for each, where memory is full.

    Args:
        make: Makes something of images within a budget in bytes.
        images: As many as should fit.
        memory: The budget that should have been enough.

    Raises:
        torch.OutOfMemoryError: Not even one image fits, with the smallest budget.
    """
    try:
        with full_memory_as_such():
            return [make(images, memory)]
    except torch.OutOfMemoryError:
        if len(images) == 1 and memory <= LEAST:
            raise
    # Outside the block, which holds on to the tensors of the pass that failed.
    torch.cuda.empty_cache()  # which does nothing where CUDA was not used
    if FullMemory not in _told:
        _told.add(FullMemory)
        warnings.warn(
            "memory was full; where it is, half as many images go through at once. A smaller"
            " memory, such as memory = '2GB', spares the attempts",
            FullMemory,
            stacklevel=2,
        )
    half = -(-len(images) // 2)
    return [one for part in torch.split(images, half) for one in fitting(make, part, memory // 2)]


def images_at_once(
    model: Model,
    image: Tensor,
    memory: int,
    *,
    differentiated: bool,
    each: int = 1,
    beside: int = 0,
) -> int:
    """Images like ``image`` (``c h w``) in one pass within so many bytes; at least 1.

    Args:
        model: Held still.
        image: One of them.
        memory: What the whole process, or its passes on the accelerator, may take, in bytes.
        differentiated: Whether the pass keeps what its backward pass needs.
        each: What an image keeps, in multiples of a plain pass.
        beside: Images that the pass holds besides.
    """
    cost = _cost(model, image)
    free = memory - RESERVED - cost.weights
    fitting = free / (IN_FLIGHT * max(1, cost.kept) * each)
    fitting = int(fitting * (1 if differentiated else UNDIFFERENTIATED)) - beside
    if image.device.type == "cpu":
        fitting = min(fitting, LARGEST // max(1, cost.largest))
    return max(1, fitting)


def _cost(model: Model, image: Tensor) -> Cost:
    costs = _costs.setdefault(model, {})
    key = (tuple(image.shape), image.dtype)
    if key not in costs:
        tensors = (*model.parameters(), *model.buffers())
        weights = {tensor.data_ptr() for tensor in tensors}
        storages: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            # Views share a storage, which counts once; weights are there anyway.
            if storage.data_ptr() not in weights:
                storages[storage.data_ptr()] = storage.nbytes()
            return tensor.detach()  # itself, it would close a cycle through its own graph

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            # The output must live while storages are told apart by their addresses.
            output = model(image[None].detach().requires_grad_())
        costs[key] = Cost(
            sum(tensor.nbytes for tensor in tensors),
            sum(storages.values()),
            max(storages.values(), default=0),
        )
        del output
    return costs[key]
