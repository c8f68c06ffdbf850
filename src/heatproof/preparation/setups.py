"""How a model's outputs come about: what is done to films, and how its outputs are read."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.models import Model
from heatproof.models.own_transform import AnyPreprocessing
from heatproof.models.still import held_still
from heatproof.saliency.memory import LEAST, fitting

Film = Float[np.ndarray, "_ _"]  # films have several sizes


@dataclass(frozen=True)
class Films:
    """A few films.

    Attributes:
        names: What their owner calls them.
        pixels: Each in [0, 1].
    """

    names: tuple[str, ...]
    pixels: tuple[Film, ...]


@dataclass(frozen=True)
class Setup:
    """How outputs come about.

    Attributes:
        preprocessing: What the network sees.
        kind: ``"logits"`` or ``"probabilities"``: as what outputs are compared.
        film: Done to each film first.
        read: Makes what is compared of logits; by default the logits, or their sigmoid.
        training: Whether the network is in training mode: ``"together"`` where batch norm sees all
            films at once, ``"alone"`` where it sees one after the other.
    """

    preprocessing: AnyPreprocessing
    kind: str
    film: Callable[[Film], Film] | None = None
    read: Callable[[Tensor], Tensor] | None = None
    training: str = ""


def apart(
    ours: Float[np.ndarray, "n k"], theirs: Float[np.ndarray, "n k"]
) -> Float[np.ndarray, "n k"]:
    """How far outputs lie apart.

    Args:
        ours: Of the model as heatproof runs it.
        theirs: What its owner says; nan where nothing is said.

    Returns:
        The distances: 0 where nothing is said, infinite where ours is not finite and theirs is.
    """
    distances: np.ndarray = np.nan_to_num(np.abs(ours - theirs), nan=np.inf, posinf=np.inf)
    distances[np.isnan(theirs)] = 0
    return distances


def outputs_of(model: Model, films: Films, setup: Setup) -> Float[np.ndarray, "n k"]:
    """What a model gives for films; raises HeatproofError."""
    changed = setup.film or (lambda film: film)
    images = [setup.preprocessing.tensor(changed(film)) for film in films.pixels]
    # A model in memory may be on a GPU.
    device = next((weight.device for weight in model.parameters()), torch.device("cpu"))
    batch = torch.stack(images).to(device)
    if setup.training:
        # Batch norm changes its statistics in training mode: those of a copy.
        model, alone = copy.deepcopy(model).train(), setup.training == "alone"
        with torch.no_grad():
            logits = torch.cat(
                [model(one) for one in (torch.split(batch, 1) if alone else [batch])]
            )
    else:
        with held_still(model), torch.no_grad():
            logits = torch.cat(fitting(lambda images, _: model(images), batch, int(LEAST)))
    if setup.read is not None:
        values = setup.read(logits)
    else:
        values = model.probabilities(logits) if setup.kind == "probabilities" else logits
    return values.double().cpu().numpy()
