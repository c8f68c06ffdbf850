"""Where networks run, and how: on a GPU too, what is done twice gives the same digits twice.

Left to itself, cuDNN may choose another kernel every time, some of which add up in whatever order
threads arrive, and rounds what convolutions multiply to eleven binary digits (TF32) where it can.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from heatproof.errors import ModelError, SpecError
from heatproof.types import AUTO

_FULL = ("out of memory", "allocate memory", "not enough memory", "alloc_failed")
"""In the messages of CUDA, cuDNN, cuBLAS, Apple's devices and the CPU's allocator."""


def device_named(name: str) -> torch.device:
    """A device of this machine; ``auto`` is its GPU if CUDA or ROCm has one, else the CPU.

    Raises:
        SpecError: Torch knows no such device, or it is not here.
    """
    if name == AUTO:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    expected = "expected auto, cpu, or a device that torch finds here, such as cuda or cuda:0"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SpecError(f"device={name!r}: torch knows no such device; {expected}") from error
    try:
        # Torch knows names of devices that are not there, which only using one shows.
        torch.empty(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition(". ")[0].partition("\n")[0]
        raise SpecError(f"device={name!r}: {reason}; {expected}") from error
    return device


@contextmanager
def repeatable(*, rounded: bool = False) -> Iterator[None]:
    """Make convolutions on a GPU give the same digits every time, for the length of a block.

    Args:
        rounded: Whether they may round what they multiply to TF32, as torch lets them, which is
            good enough to learn with.  Maps are made of all digits, so that those of a GPU and of
            a CPU agree.
    """
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = (
        convolutions.benchmark,
        convolutions.deterministic,
        convolutions.allow_tf32,
        products.allow_tf32,
    )
    convolutions.benchmark, convolutions.deterministic = False, True
    if not rounded:
        convolutions.allow_tf32 = products.allow_tf32 = False
    try:
        yield
    finally:
        convolutions.benchmark, convolutions.deterministic = before[:2]
        convolutions.allow_tf32, products.allow_tf32 = before[2:]


@contextmanager
def full_memory_as_such() -> Iterator[None]:
    """Raise torch.OutOfMemoryError where memory is full, whatever a library raises for that."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, MemoryError) as error:
        # Outside of CUDA's own allocator a full memory is a RuntimeError like any other.
        told = str(error).lower()
        if isinstance(error, MemoryError) or any(text in told for text in _FULL):
            raise torch.OutOfMemoryError(str(error) or "MemoryError") from error
        raise


@contextmanager
def within_memory(advice: str, kind: type[ModelError] = ModelError) -> Iterator[None]:
    """Raise an error of that kind, which says what helps, where memory is full."""
    try:
        with full_memory_as_such():
            yield
    except torch.OutOfMemoryError as error:
        reason = str(error).replace("\n", " ")
        raise kind(f"the memory of the device does not suffice: {reason} {advice}") from error
