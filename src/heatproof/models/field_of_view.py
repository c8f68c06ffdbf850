"""Which part of its input does a network look at?

A network that crops inside itself has features that cover a part of the input only, while maps of
features are laid over all of it: every one would lie at the wrong place.  What is not a number
spreads through every layer, so that an output stays a number only where nothing depends on what
was replaced; and there, other values have to leave the output as it is, too.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.errors import HeatproofError
from heatproof.models import Model
from heatproof.models.still import held_still

_CELLS = 16  # along each side, where the features' grid is not known
_START = 50  # what part of a side may be unseen at its start


@dataclass(frozen=True)
class Band:
    """Rows or columns along one border of the input.

    Attributes:
        axis: 0 for rows, 1 for columns.
        last: Whether they are the last ones.
    """

    axis: int
    last: bool


_BANDS = tuple(Band(axis, last) for axis in (0, 1) for last in (False, True))


def unseen(model: Model, grid: tuple[int, int] | None = None) -> str:
    """Why maps of features would lie at the wrong place, as a clause.

    Empty for a network that looks at all of its input, but for what strides leave at its end.

    Args:
        model: Costs one pass for each border, and some more for a network that crops.
        grid: Rows and columns of its features.
    """
    size = model.preprocessing.size
    rows, columns = grid or (_CELLS, _CELLS)
    # Strides may leave less than a cell at the end, and nothing at the start.
    at_end = size[0] // rows, size[1] // columns
    at_start = max(size[0] // _START, 1), max(size[1] // _START, 1)
    least = {band: (at_end if band.last else at_start)[band.axis] for band in _BANDS}
    image = torch.randn(
        1, model.preprocessing.channels, *size, generator=torch.Generator().manual_seed(0)
    )
    with held_still(model), torch.no_grad():
        try:
            blind = [_blind(model, image, band, least[band]) for band in _BANDS]
            # All rows: what sees nothing at all is another fault.
            if not any(blind) or _blind(model, image, _BANDS[0], size[0]):
                return ""
            blind_at = {
                band: _extent(model, image, band, least[band]) if is_blind else 0
                for band, is_blind in zip(_BANDS, blind, strict=True)
            }
        except HeatproofError:
            return ""  # it refuses what is not a number, so that nothing is known
    top, bottom, left, right = (blind_at[band] for band in _BANDS)
    height, width = size[0] - top - bottom, size[1] - left - right
    return (
        f"the network looks only at rows {top} to {size[0] - bottom} and columns {left} to"
        f" {size[1] - right} of an input of {size[0]} x {size[1]}: does it crop inside itself? Maps"
        " of its features would lie at the wrong place. Take the crop out of the network, and say"
        f" it as geometry, such as center_crop(height={height}, width={width}, resize={min(size)})"
    )


def _extent(model: Model, image: Float[Tensor, "1 c h w"], band: Band, blind: int) -> int:
    """How many rows or columns of a band no output depends on."""
    sees = image.shape[2 + band.axis]
    while sees - blind > 1:
        middle = (blind + sees) // 2
        if _blind(model, image, band, middle):
            blind = middle
        else:
            sees = middle
    return blind


def _blind(model: Model, image: Float[Tensor, "1 c h w"], band: Band, thickness: int) -> bool:
    """Whether no output depends on that many rows or columns of a band."""
    if not _output(model, _replaced(image, band, thickness, float("nan"))).isfinite().all():
        return False
    # Some operations make a number of what is none, such as a comparison.
    plain = _output(model, image)
    return all(
        torch.equal(_output(model, _replaced(image, band, thickness, value)), plain)
        for value in (-30.0, 30.0)
    )


def _replaced(
    image: Float[Tensor, "1 c h w"], band: Band, thickness: int, value: float
) -> Float[Tensor, "1 c h w"]:
    replaced, length = image.clone(), image.shape[2 + band.axis]
    start = length - thickness if band.last else 0
    replaced.narrow(2 + band.axis, start, thickness).fill_(value)
    return replaced


def _output(model: Model, image: Float[Tensor, "1 c h w"]) -> Tensor:
    # A model in memory may be on a GPU.
    device = next((weight.device for weight in model.parameters()), image.device)
    output: Tensor = model(image.to(device))
    return output
