"""How a layer lays its output over the image: what makes features on a grid of it, and back.

Networks give features channels first (n d y x), channels last (n y x d), or as tokens (n t d), one
for each cell, row by row, with others before or after them that belong to no place (class and
register tokens).  Shapes alone do not tell these apart: (n 8 8 8) may be either grid.

So the layout is measured.  One film of noise is shown five times, as it is and with another noise
in its upper, lower, left or right half; along the true axis of rows, the response moves from the
upper half to the lower.  With r the sum of squared differences over a slice i of an axis,

    moved_i = (r_lower - r_upper) / (r_lower + r_upper),

and the *lean* of the axis is the mean of ``moved`` in its second half less that in its first,
between -2 and 2; likewise for columns.  Features that look at the whole film lean little, those of
one place 2.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

LEAST = 0.05  # a lean below it may be chance; channels of random networks lean up to .02
SQUARE = 1.3  # sides of a cell, in pixels of the film, differ at most by this factor
MOST_OTHERS = 16  # tokens that belong to no place

Kind = Literal["channels first", "channels last", "tokens"]


@dataclass(frozen=True)
class Layout:
    """Where the grid is in the output of a layer.

    Attributes:
        kind: Order of the axes.
        rows: Cells from top to bottom.
        columns: Cells from left to right.
        before: Tokens before those of the grid.
        after: Tokens after them.
    """

    kind: Kind
    rows: int
    columns: int
    before: int = 0
    after: int = 0

    @property
    def others(self) -> int:
        """Number of tokens that belong to no place."""
        return self.before + self.after

    def grid(self, output: Float[Tensor, "n ..."]) -> Float[Tensor, "n d y x"]:
        """The features on their grid."""
        match self.kind:
            case "channels first":
                return output
            case "channels last":
                return output.permute(0, 3, 1, 2)
            case _:
                placed = output[:, self.before : output.shape[1] - self.after]
                return placed.mT.reshape(len(placed), -1, self.rows, self.columns)

    def output(
        self, grid: Float[Tensor, "n d y x"], like: Float[Tensor, "n ..."]
    ) -> Float[Tensor, "n ..."]:
        """The output of the layer with these features; other tokens are those of ``like``."""
        match self.kind:
            case "channels first":
                return grid
            case "channels last":
                return grid.permute(0, 2, 3, 1)
            case _:
                placed: Tensor = grid.flatten(2).mT
                if not self.others:
                    return placed
                last = like.shape[1] - self.after
                return torch.cat([like[:, : self.before], placed, like[:, last:]], dim=1)

    def __str__(self) -> str:
        """Such as ``"14 x 14 cells, tokens after 1 of no place"``."""
        others = [f"after {self.before}"] * bool(self.before)
        others += [f"before {self.after}"] * bool(self.after)
        told = f", {self.kind}" if self.kind != "channels first" else ""
        told += f" {' and '.join(others)} of no place" if others else ""
        return f"{self.rows} x {self.columns} cells{told}"


def possible(shape: Sequence[int], size: tuple[int, int]) -> list[Layout]:
    """The layouts that an output of this shape can have, with square cells; the likely first.

    Args:
        shape: Of the output, for one image or several.
        size: Height and width of the images.
    """
    match tuple(shape)[1:]:
        case (first, second, third):
            grids = [
                Layout("channels first", second, third),
                Layout("channels last", first, second),
            ]
            return [one for one in grids if _square(one.rows, one.columns, size)]
        case (tokens, _):
            return list(_tokens(tokens, size))
    return []


def halves(films: Float[Tensor, "2 c h w"]) -> Float[Tensor, "5 c h w"]:
    """The first film; and with the second in its upper, lower, left and right half."""
    film, other = films
    mixed: Tensor = film.repeat(5, 1, 1, 1)
    row, column = (side // 2 for side in film.shape[1:])
    mixed[1, :, :row], mixed[2, :, row:] = other[:, :row], other[:, row:]
    mixed[3, ..., :column], mixed[4, ..., column:] = other[..., :column], other[..., column:]
    return mixed


def measured(outputs: Float[Tensor, "5 ..."], size: tuple[int, int]) -> tuple[Layout | None, str]:
    """The layout of an output by what it does when a half of the film changes.

    Args:
        outputs: For the films of ``halves``.
        size: Height and width of the films.

    Returns:
        The layout and an empty text; or None, and as a clause why there is none.
    """
    candidates = possible(outputs.shape, size)
    if not candidates:
        return None, _no_grid(outputs.shape, size)
    responses = (outputs[1:].double() - outputs[:1].double()).square().nan_to_num()
    leans = [_leans(responses, layout) for layout in candidates]
    strength = [max(min(map(abs, lean[:2])), min(map(abs, lean[2:]))) for lean in leans]
    best = strength.index(max(strength))
    layout, (rows, columns, *swapped) = candidates[best], leans[best]
    if layout.rows * layout.columns == 1:
        return layout, ""
    if min(swapped) > LEAST and sum(swapped) > rows + columns:
        return None, "its rows follow the columns of the film: the network transposes its images"
    if min(rows, columns) < -LEAST:
        return None, "its cells run against the film: the network flips or rolls its images"
    # What no film moves makes constant maps, whatever its layout.
    if min(rows, columns) < LEAST and (responses.any() or len(candidates) > 1):
        given = " x ".join(map(str, outputs.shape[1:]))
        return None, (
            f"its output of {given} follows no half of the film, as a layer does whose every cell"
            " looks at the whole film; nothing tells which axes are its rows and columns"
        )
    return layout, ""


def _leans(responses: Float[Tensor, "4 ..."], layout: Layout) -> tuple[float, ...]:
    """Leans of rows and columns along the axes of rows and columns, and along each other's."""
    upper, lower, left, right = layout.grid(responses.double()).sum(dim=1)
    down, across = (upper, lower), (left, right)
    return tuple(
        _lean(*halves, axis) for halves, axis in ((down, 0), (across, 1), (down, 1), (across, 0))
    )


def _lean(first: Float[Tensor, "y x"], second: Float[Tensor, "y x"], axis: int) -> float:
    first, second = first.sum(dim=1 - axis), second.sum(dim=1 - axis)
    moved = (second - first) / (second + first).clamp_min(torch.finfo(first.dtype).tiny)
    half = len(moved) // 2
    return float(moved[len(moved) - half :].mean() - moved[:half].mean()) if half else 0.0


def _square(rows: int, columns: int, size: tuple[int, int]) -> bool:
    height, width = size[0] / rows, size[1] / columns
    return min(height, width) >= 1 and max(height, width) <= SQUARE * min(height, width)


def _tokens(count: int, size: tuple[int, int]) -> Iterator[Layout]:
    for others in range(min(MOST_OTHERS + 1, count)):
        rows = round(math.sqrt((count - others) * size[0] / size[1]))
        columns = (count - others) // max(1, rows)
        if rows and rows * columns == count - others and _square(rows, columns, size):
            yield Layout("tokens", rows, columns, before=others)
            if others:
                yield Layout("tokens", rows, columns, after=others)


def _no_grid(shape: Sequence[int], size: tuple[int, int]) -> str:
    given = " x ".join(map(str, tuple(shape)[1:])) or "one number"
    return (
        f"it gives {given} for each image, which is no grid of square cells on a film of"
        f" {size[0]} x {size[1]} pixels"
    )
