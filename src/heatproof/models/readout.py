"""What a network returns, read as logits: which output is meant, and what its numbers are.

A network may return a tensor, a tuple, a dictionary or an object; ``output`` says which of several
tensors is meant, by index, key or attribute.  ``outputs`` says what its numbers are:

- ``logits``: one logit per finding, each by itself (several that always add up to 1 are none);
- ``probabilities``: behind a sigmoid or a softmax; the logit of a probability is explained;
- ``softmax``: logits of classes that exclude each other, before the softmax.  Of class k the logit
  of its probability is explained, its odds against all other classes,

      log p_k / (1 - p_k) = y_k - log sum_{j != k} exp y_j,

  since a softmax does not change when all y_j rise together, and a map of y_k alone may show what
  speaks for every class.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.errors import ModelError, near_misses
from heatproof.types import Outputs

_ONE = 1e-5  # how far from 1 probabilities may add up
_FULL = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Readout:
    """Reads the logits of the findings.

    Attributes:
        findings: Names of the outputs, in order; ``""`` for one that nobody asks about, as of a
            label that the weights do not know.
        outputs: What the numbers are.
        output: Index, key or attribute of the tensor among several, or a dotted path of these
            (``"out.logits"``); None where there is one.
        sign: -1 to read the logits of the absence of each finding.

    Raises:
        ModelError: No finding has a name, or two have the same.
    """

    findings: tuple[str, ...]
    outputs: Outputs = "logits"
    output: int | str | None = None
    sign: int = 1

    def __post_init__(self) -> None:
        if self.outputs not in get_args(Outputs):
            raise ModelError(
                f"outputs = {self.outputs!r}: expected one of {', '.join(get_args(Outputs))}"
            )
        named = [name for name in self.findings if name]
        if not named:
            raise ModelError(f"findings {list(self.findings)}: expected at least one with a name")
        for name in named:
            if named.count(name) > 1:
                places = [i for i, other in enumerate(self.findings) if other == name]
                raise ModelError(
                    f"findings name {name!r} for the outputs {places}, counted from 0; expected"
                    " each name once. An output that nobody asks about is called ''"
                )
        if self.outputs == "softmax" and len(self.findings) == 1:
            raise ModelError(
                f"outputs = 'softmax' with one finding, {named[0]!r}: a softmax of one output is"
                " always 1; name every class in findings, or say outputs = 'logits'"
            )

    def __call__(self, returned: Any, images: int) -> Float[Tensor, "n k"]:
        """The logits in what a network returned for so many images; raises ModelError.

        A probability of 0 or 1 counts as the nearest number between them, and nan stays nan.
        """
        values = self._shaped(self._chosen(returned), images)
        match self.outputs:
            case "logits":
                _check_logits(values)
                logits = values
            case "probabilities":
                logits = _logits(values)
            case "softmax":
                logits = _odds(values)
        return logits if self.sign == 1 else -logits

    def _chosen(self, returned: Any) -> Tensor:
        if self.output is None:
            if isinstance(returned, Tensor):
                return returned
            raise ModelError(
                f"the network returns {_kind(returned)}; expected a tensor of logits. Say which of"
                f" its outputs has them: output = {_first(_tensors(returned))}"
            )
        if isinstance(returned, Tensor):
            raise ModelError(
                f"output = {self.output!r}, but the network returns one tensor of shape"
                f" {tuple(returned.shape)}; leave output out"
            )
        chosen = _item(returned, self.output)
        if not isinstance(chosen, Tensor):
            raise ModelError(
                f"output = {self.output!r}: the network returns {_kind(returned)}; expected the"
                f" index, key or attribute of a tensor, {_among(self.output, returned)}"
            )
        return chosen

    def _shaped(self, values: Tensor, images: int) -> Float[Tensor, "n k"]:
        count = len(self.findings)
        # Convolutional heads leave axes of one cell, and some networks leave out the axis of one.
        if values.shape[:1] == (images,) and values.numel() == images * count:
            shape = [side for side in values.shape[1:] if side != 1]
            if shape in ([], [count]) and values.is_floating_point():
                if values.dtype not in _FULL:
                    raise ModelError(
                        f"the network gives {values.dtype}, which rounds maps away; expected"
                        " float32: leave torch.autocast out of its forward pass"
                    )
                return values if values.ndim == 2 else values.reshape(images, count)  # noqa: PLR2004
        raise ModelError(
            f"the network gives logits of shape {tuple(values.shape)} for {images} images; expected"
            f" one per finding {list(self.findings)}. Name every output in findings, in order:"
            " those that no data set labels are not judged"
        )


def _check_logits(values: Float[Tensor, "n k"]) -> None:
    """Raises ModelError for what a softmax gave."""
    seen = values.detach()
    shares = bool(((seen >= 0) & (seen <= 1)).all())
    if seen.shape[1] > 1 and shares and bool(((seen.double().sum(1) - 1).abs() < _ONE).all()):
        raise ModelError(
            "its outputs lie between 0 and 1 and add up to 1, as those of a softmax do: say"
            " outputs = 'probabilities'"
        )


def _logits(probabilities: Tensor) -> Tensor:
    if ((probabilities < 0) | (probabilities > 1)).any():
        seen = probabilities.detach()
        low, high = seen[~seen.isnan()].aminmax()
        raise ModelError(f"outputs from {low:g} to {high:g} are no probabilities; are they logits?")
    return probabilities.logit(eps=torch.finfo(probabilities.dtype).eps)


def _odds(classes: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """Of each class, the logit of its softmax probability."""
    count = classes.shape[1]
    others = [[other for other in range(count) if other != one] for one in range(count)]
    return classes - classes[:, torch.tensor(others, device=classes.device)].logsumexp(dim=-1)


def _tensors(returned: Any, depth: int = 2) -> list[int | str]:
    """What names the tensors in what a network returned; those further in by a dotted path."""
    if isinstance(returned, Mapping):
        named = list(returned.items())
    elif isinstance(returned, Sequence) and not isinstance(returned, str):
        named = list(enumerate(returned))
    else:
        named = list(getattr(returned, "__dict__", {}).items())
    names: list[int | str] = []
    for name, value in named:
        if isinstance(value, Tensor):
            names.append(name)
        elif depth > 1:
            names += [f"{name}.{inner}" for inner in _tensors(value, depth - 1)]
    return names


def _item(returned: Any, output: int | str) -> Any:
    found = _entry(returned, output)
    if found is None and isinstance(output, str) and "." in output:
        first, _, rest = output.partition(".")
        inner = _entry(returned, int(first) if first.isdigit() else first)
        return inner if inner is None else _item(inner, int(rest) if rest.isdigit() else rest)
    return found


def _entry(returned: Any, output: int | str) -> Any:
    if isinstance(output, str) and not isinstance(returned, Mapping):
        return getattr(returned, output, None)
    try:
        return returned[output]
    except (KeyError, IndexError, TypeError):
        return None


def _kind(returned: Any) -> str:
    names = ", ".join(map(repr, _tensors(returned)))
    return f"{type(returned).__name__} (tensors: {names or 'none'})"


def _first(names: Sequence[int | str]) -> str:
    return repr("logits" if "logits" in names else names[0]) if names else "..."


def _among(output: int | str, returned: Any) -> str:
    return near_misses(str(output), [str(name) for name in _tensors(returned)])
