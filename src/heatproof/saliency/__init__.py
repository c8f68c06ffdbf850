"""Saliency methods: from a model and images to one map per image and finding.

A method returns raw signed relevance at its own resolution, covering the whole input; resizing and
display come later and are named steps.  ``explain`` is the front door: it holds the model still,
shares one forward pass among all methods and findings, and judges every map.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.ndimage import label
from torch import Tensor

from heatproof.errors import MapError
from heatproof.models import Model
from heatproof.models.still import held_still
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.memory import GB, fitting
from heatproof.saliency.methods import (
    Kind,
    Maps,
    Method,
    Need,
    asks_finding,
    definition,
    is_constant,
    methods,
    validity_of_range,
)
from heatproof.types import Validity

__all__ = [
    "Explanation",
    "Kind",
    "Maps",
    "Method",
    "Need",
    "asks_finding",
    "check",
    "check_methods",
    "definition",
    "explain",
    "explain_pass",
    "is_constant",
    "joined",
    "judge",
    "methods",
]


@dataclass(frozen=True)
class Explanation:
    """What a model and some methods say about some images.

    Attributes:
        logits: Logits of all findings of the model, in its order.
        probabilities: Probabilities of the same findings, calibrated where the model is.
        maps: The maps of the targets, by spec of the method.
        validity: Whether each map may be read as one, by spec, then by image and target.
    """

    logits: Float[Tensor, "n findings"]
    probabilities: Float[Tensor, "n findings"]
    maps: Mapping[str, Maps]
    validity: Mapping[str, tuple[tuple[Validity, ...], ...]]


def explain(
    methods: Mapping[str, Method],
    model: Model,
    images: Float[Tensor, "n c h w"],
    targets: Sequence[int],
    memory: int | None = None,
    told: Callable[[float], None] = lambda _: None,
) -> Explanation:
    """Explain some logits by some methods, and leave the model as it was.

    Args:
        methods: The methods, by spec.
        model: A model in any mode; it is explained in evaluation mode.
        images: Preprocessed images.
        targets: Indices of findings of the model, each once.
        memory: What the process, or on a GPU its passes, may take, in bytes: images go through in
            batches that fit.  None for 4 GB, or half of the GPU.
        told: Hears after each batch which share of the images, in (0, 1], is explained.

    Raises:
        MapError: The images are not the model's, a target does not exist, or a method cannot
            explain this model.
    """
    check(methods, model, images, targets)
    with held_still(model):
        first = ForwardPass(model, images[:1], memory)

        def explained(chunk: Tensor, budget: int) -> Explanation:
            return explain_pass(methods, ForwardPass(model, chunk, budget), targets)

        # The same batches whatever the methods: with other batches the last digits would differ.
        batch = first.at_once(differentiated=True)
        parts: list[Explanation] = []
        for number, chunk in enumerate(torch.split(images, batch), start=1):
            parts += fitting(explained, chunk, first.memory)
            told(min(1.0, number * batch / len(images)))
    return joined(parts)


def joined(parts: Sequence[Explanation]) -> Explanation:
    """The explanation of all images, from those of consecutive batches by the same methods."""
    if len(parts) == 1:
        return parts[0]
    specs = parts[0].maps
    return Explanation(
        torch.cat([part.logits for part in parts]),
        torch.cat([part.probabilities for part in parts]),
        {spec: _joined([part.maps[spec] for part in parts]) for spec in specs},
        {spec: tuple(row for part in parts for row in part.validity[spec]) for spec in specs},
    )


def explain_pass(
    methods: Mapping[str, Method], forward: ForwardPass, targets: Sequence[int]
) -> Explanation:
    """Explain what went through one pass, made inside ``held_still``; see ``explain``.

    For those who make passes of their own, such as of copies of a model; ``check`` first.
    """
    maps = _maps(methods, forward, targets)
    finite_logits = forward.logits[:, list(targets)].isfinite()
    validity = {spec: judge(maps[spec], finite_logits) for spec in maps}
    return Explanation(forward.logits, forward.model.probabilities(forward.logits), maps, validity)


def _maps(
    methods: Mapping[str, Method], forward: ForwardPass, targets: Sequence[int]
) -> dict[str, Maps]:
    """The maps of each method, from one pass."""
    maps: dict[str, Maps] = {}
    # Methods that need the graph down to the input go first: their pass then serves the others.
    for spec in sorted(methods, key=lambda spec: methods[spec].needs != "input gradients"):
        with _memory_of(spec):
            maps[spec] = methods[spec](forward, targets)
        _check_maps(maps[spec], spec, (len(forward.images), len(targets)))
    return maps


@contextmanager
def _memory_of(spec: str) -> Iterator[None]:
    """Say which method asks for more memory than there is."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise  # of a GPU, where fewer images at once may fit
    except (RuntimeError, MemoryError) as error:
        # On a CPU, torch has no class of its own for it.
        if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
            raise
        asked = re.search(r"allocate (\d+) bytes", str(error))
        size = f" ({int(asked[1]) / GB:.3g} GB)" if asked else ""
        raise MemoryError(
            f"{spec} asks for more memory at once{size} than there is; are its numbers meant?"
        ) from error


def _joined(parts: Sequence[Maps]) -> Maps:
    """The maps of all images, from those of consecutive batches."""
    first = parts[0]
    return Maps(
        torch.cat([part.values for part in parts]),
        None
        if first.residual is None
        else torch.cat([part.residual for part in parts if part.residual is not None]),
        first.tolerance,
        {name: torch.cat([part.ledger[name] for part in parts]) for name in first.ledger},
    )


def check(
    methods: Mapping[str, Method], model: Model, images: Tensor, targets: Sequence[int]
) -> None:
    """Raises MapError where images, targets or methods do not fit the model."""
    expected = (model.preprocessing.channels, *model.preprocessing.size)
    if not len(images) or tuple(images.shape[1:]) != expected:
        raise MapError(
            f"images have shape {tuple(images.shape)}; the model expects n x {expected},"
            " as its preprocessing makes them"
        )
    count = len(model.findings)
    if not targets or len(set(targets)) != len(targets):
        raise MapError(f"targets {list(targets)}: expected at least one, each once")
    if wrong := [target for target in targets if not 0 <= target < count]:
        raise MapError(
            f"target {wrong[0]} does not exist: the model has {count} findings"
            f" ({', '.join(model.findings)}), counted from 0"
        )
    check_methods(methods, model)


def check_methods(methods: Mapping[str, Method], model: Model) -> None:
    """Raises MapError for a method that needs what the model does not offer."""
    for spec, method in methods.items():
        if reason := model.lacks.get(method.needs):
            raise MapError(f"{spec} needs {method.needs}: {reason}")
        if method.needs == "class map" and not model.has_class_map:
            raise MapError(
                f"{spec} reads the class map of a head, and {type(model).__name__} has none;"
                " use grad_cam, which equals it for a linear head"
            )


def _check_maps(maps: Maps, spec: str, expected: tuple[int, int]) -> None:
    if maps.values.shape[:2] != expected or not maps.values.numel():
        raise MapError(
            f"{spec} gave maps of shape {tuple(maps.values.shape)};"
            f" expected {expected[0]} images x {expected[1]} targets x y x x"
        )


def judge(
    maps: Maps, finite_logits: Bool[Tensor, "n k"] | None = None
) -> tuple[tuple[Validity, ...], ...]:
    """Say whether each map may be read as one; the first reason against it counts.

    ``finite_logits`` says which logits are finite, where that is known: ReLU and pooling can give
    a finite gradient of a logit that is not.
    """
    shape = maps.values.shape[:2]
    residual = torch.zeros(shape) if maps.residual is None else maps.residual.detach().cpu()
    finite = torch.ones(shape, dtype=torch.bool) if finite_logits is None else finite_logits.cpu()
    ranges = validity_of_range(maps.values)
    # Negated, so that a residual of nan counts as incomplete.
    incomplete = ~(residual.abs() <= maps.tolerance)
    tied = _tied(maps.values.detach().float())
    return tuple(
        tuple(
            _first(ranges[image][target], *(w[image, target] for w in (finite, incomplete, tied)))
            for target in range(shape[1])
        )
        for image in range(shape[0])
    )


def _first(of_range: Validity, finite: Tensor, incomplete: Tensor, tied: Tensor) -> Validity:
    """The first reason against a map."""
    if not finite:
        return Validity.NOT_FINITE
    if of_range is not Validity.OK:
        return of_range
    if incomplete:
        return Validity.INCOMPLETE
    return Validity.TIED if tied else Validity.OK


def _tied(values: Float[Tensor, "n k y x"]) -> Bool[Tensor, "n k"]:
    """Whether cells that do not touch share the maximum."""
    peaks = values == values.amax(dim=(2, 3), keepdim=True)
    # Most maps have one highest cell, and need neither labelling nor a way from the GPU.
    tied = (peaks.sum(dim=(2, 3)) > 1).cpu()
    for image, target in tied.nonzero().tolist():
        # Cells that meet at a corner touch.
        many = peaks[image, target].cpu().numpy()
        tied[image, target] = label(many, np.ones((3, 3)))[1] > 1
    return tied
