"""The saliency methods, one file each, and what a method is.

A method returns raw signed relevance at its own resolution, covering the whole input; resizing and
display come later and are named steps.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import ClassVar, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from heatproof.registry import Registry, docstring_summary, file_summary
from heatproof.saliency.forward import ForwardPass
from heatproof.types import SINGLE, Validity

Need = Literal["input gradients", "feature gradients", "features", "class map", "logits"]
Kind = Literal[
    "class activation", "gradient", "path", "propagation", "perturbation", "refinement", "control"
]


SPEED = "speed.json"
"""File in this folder with what each method takes."""


@dataclass(frozen=True)
class Maps:
    """What a method returns.

    Attributes:
        values: One map per image and target.
        residual: How far each map is from what it must sum to, as the method defines it; None where
            a map need not sum to anything.
        tolerance: A map is incomplete where the magnitude of its residual is above this.
        ledger: What each map must add up to, part by part and by name, where the method keeps one.
    """

    values: Float[Tensor, "n k y x"]
    residual: Float[Tensor, "n k"] | None = None
    tolerance: float = float("inf")
    ledger: Mapping[str, Float[Tensor, "n k"]] = field(default_factory=dict)


@runtime_checkable
class Method(Protocol):
    """Explains logits.

    A method whose map is the same for every finding says ``asks_finding: ClassVar[bool] = False``;
    a method with another as its base has a property that passes on what the base says.  ``kind:
    ClassVar[Kind]`` says among which methods it is listed.

    Attributes:
        title: What people call it.
        needs: What it needs of a model besides its logits; that of its base, where it has one.
    """

    title: ClassVar[str]

    @property
    def needs(self) -> Need:
        """What it needs of a model; most methods have a ``ClassVar``."""
        ...

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """Maps of the targets, in their order."""
        ...


def validity_of_range(values: Float[Tensor, "n k y x"]) -> tuple[tuple[Validity, ...], ...]:
    """What the least and the greatest value of each map say of it, in the precision of the store.

    See ``Validity.of_range``; a map of one value up to rounding is constant.
    """
    # Maps are kept in single precision, in which values may become equal or infinite.
    flat = values.detach().flatten(2)
    low, high = (extreme.float().cpu().tolist() for extreme in torch.aminmax(flat, dim=-1))
    epsilon = max(torch.finfo(values.dtype).eps, SINGLE)
    return tuple(
        tuple(Validity.of_range(*limits, epsilon) for limits in zip(*rows, strict=True))
        for rows in zip(low, high, strict=True)
    )


def is_constant(values: Float[Tensor, "n k y x"]) -> Bool[Tensor, "n k 1 1"]:
    """Whether each map has one value, zero or another, up to rounding."""
    flat = (Validity.ZERO, Validity.CONSTANT)
    holds = [[one in flat for one in row] for row in validity_of_range(values)]
    return torch.tensor(holds, device=values.device)[..., None, None]


methods: Registry[Method] = Registry("saliency method", __name__, "heatproof.methods")


def asks_finding(method: Method) -> bool:
    """Whether its map of one finding differs from that of another."""
    return bool(getattr(method, "asks_finding", True))


def kind_of(cls: type) -> Kind | None:
    """Among which methods it is listed; None where it does not say."""
    return getattr(cls, "kind", None)


def forward_passes() -> dict[str, float]:
    """What one map takes of each method that was measured, in forward passes of one image.

    In seconds of CPU, with the options that a method has unless told; ``benchmarks/methods.py``
    measures them and writes the file.
    """
    text = resources.files(__name__).joinpath(SPEED).read_text(encoding="utf-8")
    return dict(json.loads(text)["forward passes"])


def definition(cls: type) -> str:
    """What a method does and at which resolution: the first sentences of its file and its class."""
    return f"{file_summary(cls)} {docstring_summary(cls.__doc__)}".strip()
