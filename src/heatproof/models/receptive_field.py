"""Where the cells of a feature grid look, beside where they are drawn.

A map of y * x cells is drawn over the film in equal squares.  What a cell looks at is its effective
receptive field (Luo et al., NeurIPS 2016, https://arxiv.org/abs/1701.04128): with v a random
direction in the channels, a pixel p has the weight

    w_p = sum over channels of (d <v, F_yx> / d x_p) ** 2

and the field's centre is the mean of all places by these weights.  Its distance from the centre of
the square is the *offset* of the cell.  Convolutions that stride and pad to one side put it up to
half a cell up and left of its square.

Measured on films of noise, at the cells in the middle of the grid, where the border of the film
cuts a field off equally on both sides; the median over films and cells.  The weights of a network
decide what it looks at within the theoretical field, so this is measured for each network and not
computed from its padding.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.errors import HeatproofError
from heatproof.models import Model
from heatproof.models.still import held_still
from heatproof.models.trial import noise

FILMS = 3


@dataclass(frozen=True)
class Offset:
    """How far from its square a cell looks, in pixels of the network's input.

    Attributes:
        down: Downwards; negative where cells look further up.
        right: To the right; negative where cells look further left.
        cell: Height and width of a cell.
    """

    down: float
    right: float
    cell: tuple[float, float]


def offset(model: Model) -> Offset | None:
    """The offset of the cells of a model's features.

    None where it has no features, no gradient leads from them to the image, or they do not depend
    on it.
    """
    try:
        with held_still(model):
            measured = [one for seed in range(FILMS) for one in _offsets(model, seed)]
    except (HeatproofError, RuntimeError):
        return None  # what the model lacks is told to the methods that need it
    finite = [one for one in measured if np.isfinite((one.down, one.right)).all()]
    if not finite:
        return None
    down, right = (np.median([getattr(one, way) for one in finite]) for way in ("down", "right"))
    return Offset(float(down), float(right), finite[0].cell)


def _offsets(model: Model, seed: int) -> Iterator[Offset]:
    """The offset of each cell in the middle, for one film."""
    image = noise(model.preprocessing, seed)[:1]
    weight = next(model.parameters(), image)
    image = image.to(weight.device).requires_grad_()
    features, _ = model.features_and_logits(image)
    _, channels, rows, columns = features.shape
    height, width = image.shape[2:]
    cell = (height / rows, width / columns)
    direction = torch.randn(channels, generator=torch.Generator().manual_seed(seed)).to(features)
    for row in sorted({(rows - 1) // 2, rows // 2}):
        for column in sorted({(columns - 1) // 2, columns // 2}):
            seen = direction @ features[0, :, row, column]
            (gradient,) = torch.autograd.grad(seen, image, retain_graph=True)
            down, right = _centre(gradient[0].double().square().sum(dim=0))
            yield Offset(down - (row + 0.5) * cell[0], right - (column + 0.5) * cell[1], cell)


def _centre(weights: Float[Tensor, "h w"]) -> tuple[float, float]:
    """Mean place by weights, in pixels from the upper left corner; nan where all are 0."""
    total = weights.sum()
    down, right = (
        float(weights.sum(dim=1 - axis) @ (torch.arange(side).to(weights) + 0.5) / total)
        for axis, side in enumerate(weights.shape)
    )
    return down, right
