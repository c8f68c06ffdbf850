"""What is found out about a network of the user's when it is opened, by passes over films of noise.

Networks differ in ways that nobody declares, and each of them would give maps that look right:

- *memory format*: convolutions are faster channels last; a network that flattens by ``view`` fails
  there, and is run contiguous;
- *determinism*: one film, twice.  A network that draws at random (``F.dropout`` without
  ``training=self.training``) is another one in every pass;
- *company*: one film, alone and beside another.  A network that normalizes by the statistics of the
  batch judges each film by its neighbours;
- *features*: which layer, in which layout (``layout``), and whether gradients reach them;
- *gradients*: whether they reach the image (not under ``no_grad``, behind ``detach``, in
  ``inference_mode``, or through quantized layers).

Randomness and mixing are errors.  What a network lacks of features and gradients is told to the
methods that need it; the others explain it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from heatproof.errors import ModelError
from heatproof.models.devices import repeatable
from heatproof.models.grid_layers import finite_sum, grid_layers, offered
from heatproof.models.layout import Layout
from heatproof.models.own_transform import AnyPreprocessing
from heatproof.models.readout import Readout
from heatproof.models.still import held_still
from heatproof.models.tapping import on_grid
from heatproof.models.trial import Trial
from heatproof.types import AUTO

TRIED = 4  # layers whose layout is measured in search of features
FLOW = "(torch.no_grad, inference_mode, detach, or quantized layers)"


@dataclass(frozen=True)
class Probed:
    """What was found out.

    Attributes:
        memory_format: In which the network is run.
        features: Dotted name of the layer whose output are the features; None where there is none.
        layout: Of that output.
        lacks: Why the network has no ``features``, ``feature gradients`` or ``input gradients``, as
            clauses, by what it has not.
    """

    memory_format: torch.memory_format = torch.channels_last
    features: str | None = None
    layout: Layout | None = None
    lacks: Mapping[str, str] = field(default_factory=dict)


@repeatable()
def probe(
    network: nn.Module, readout: Readout, preprocessing: AnyPreprocessing, features: str | None
) -> Probed:
    """Find out how a network can be explained.

    Args:
        network: In any mode; it is tried, and later run, in evaluation mode.
        readout: Reads its logits.
        preprocessing: Says what its images are like.
        features: Dotted name of the layer whose output are the features, ``"auto"`` for the last
            grid, or None for a network that is explained without.

    Raises:
        ModelError: The network does not run, is random, or mixes the films of a batch; or it has no
            layer of that name.
    """
    with held_still(network):
        trial = Trial(network, readout, preprocessing)
        trial.check_repeats()
        trial.check_company()
        name, layout, reason = _features(trial, features)
        lacks = _unreached(trial, name, layout)
    if name is None:
        lacks |= dict.fromkeys(("features", "feature gradients"), reason)
    return Probed(trial.memory_format, name, layout, lacks)


def _features(trial: Trial, features: str | None) -> tuple[str | None, Layout | None, str]:
    """The name and layout of the features; or why there are none, as a clause."""
    if features is None:
        return None, None, f"no layer is named as its features; {offered(trial)}"
    if features == AUTO:
        for layer in grid_layers(trial)[:TRIED]:
            layout, _ = trial.layout_of(layer.name)
            if layout is not None:
                return layer.name, layout, ""
        return None, None, "features = 'auto' found no layer that gives a grid"
    if features not in dict(trial.network.named_modules()):
        raise ModelError(
            f"{type(trial.network).__name__} has no layer {features!r}; {offered(trial)}"
        )
    layout, reason = trial.layout_of(features)
    if layout is None:
        return None, None, f"layer {features!r}: {reason}; {offered(trial)}"
    return features, layout, ""


def _unreached(trial: Trial, name: str | None, layout: Layout | None) -> dict[str, str]:
    """Why gradients of the logits reach neither features nor image, by what they do not reach."""
    image = trial.films[:1].clone().requires_grad_()
    if name is None or layout is None:
        features = []
        total = finite_sum(trial.logits(image))
    else:
        with on_grid(trial.network.get_submodule(name), layout, cut=False) as features:
            total = finite_sum(trial.logits(image))
    lacks = {}
    if reason := _unlinked(total, image):
        lacks["input gradients"] = f"no gradient of its logits reaches the image: {reason}"
    for grid in features:
        if reason := _unlinked(total, grid):
            lacks["feature gradients"] = f"no gradient of its logits reaches {name!r}: {reason}"
        elif layout and layout.others and _moves(total, image) and not _moves(total, grid):
            lacks["feature gradients"] = (
                f"behind {name!r} the logits depend on the tokens of no place alone (a class"
                f" token), so every map would be zero; {offered(trial)}"
            )
    return lacks


def _moves(total: Tensor, by: Tensor) -> bool:
    """Whether the logits depend on any element of a tensor."""
    try:
        return bool(torch.autograd.grad(total, by, retain_graph=True)[0].any())
    except RuntimeError:
        return True  # nobody knows


def _unlinked(total: Tensor, to: Tensor) -> str:
    """Why no gradient leads from the logits to a tensor, as a clause; empty where one does."""
    if not total.requires_grad:
        return f"forward cuts it off {FLOW}"
    try:
        (gradient,) = torch.autograd.grad(total, to, retain_graph=True, allow_unused=True)
    except RuntimeError:
        return ""  # methods that replace operations may pass where torch cannot
    return "" if gradient is not None else f"forward cuts it off on the way {FLOW}"
