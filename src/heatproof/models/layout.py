"""How a layer lays its output over the image: what makes features on a grid of it, and back.

Networks give features channels first (n d y x), channels last (n y x d), or as tokens (n t d), one
for each cell, row by row, with others before or after them that belong to no place (class and
register tokens).  Shapes alone do not tell these apart: (n 8 8 8) may be either grid.

So the layout is measured.  One film of noise is shown five times, as it is and with another noise
in its upper, lower, left or right half; along the true axis of rows, the response moves from the
upper half to the lower.  With r the sum of squared differences over a slice i of an axis,

    moved_i = (r_lower - r_upper) / (r_lower + r_upper),

and the *lean* of the axis is the mean of ``moved`` in its second half less that in its first,
between -2 and 2; likewise for columns.  Features of one place lean by 2, those that look at the
whole film by chance alone.  Where only one layout has square cells, it stands unless a lean speaks
clearly against it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

LEAST = 0.2  # a smaller lean may be chance; 2 x 2 cells that see the whole film lean up to .15
STRONG = 0.5  # a lean that is not by chance
MARGIN = 0.1  # share of a side whose cells may see nothing: of layers that pad for themselves
MOST_OTHERS = 9  # tokens that belong to no place

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
    best = max(range(len(candidates)), key=lambda index: _evidence(*leans[index]))
    if _evidence(*leans[best]) < LEAST and len(candidates) > 1:
        if candidates[0].kind != "tokens":
            given = " x ".join(map(str, outputs.shape[1:]))
            return None, (
                f"its output of {given} looks at the whole film everywhere, so that nothing tells"
                " which axes are its rows and columns"
            )
        best = 0  # tokens of no place are few, and by convention come first
    reason = _against(*leans[best]) or _padded(responses, candidates[best])
    return (None, reason) if reason else (candidates[best], "")


def _evidence(rows: float, columns: float, rows_across: float, columns_down: float) -> float:
    """How clearly a layout, or its mirror or transposed image, is that of an output."""
    return max(min(abs(rows), abs(columns)), min(abs(rows_across), abs(columns_down)))


def _against(rows: float, columns: float, rows_across: float, columns_down: float) -> str:
    """What speaks against a layout, as a clause; empty where nothing does."""
    if max(abs(rows_across) - abs(rows), abs(columns_down) - abs(columns)) > STRONG:
        return "its rows and columns are not those of the film: does the network transpose it?"
    if min(rows, columns) < -STRONG:
        return "its cells run against the film: does the network flip or roll it?"
    return ""


def _padded(responses: Float[Tensor, "4 ..."], layout: Layout) -> str:
    """Whether many of the outermost cells see nothing of the film, as a clause."""
    change = layout.grid(responses).sum(dim=(0, 1))
    for axis, name in enumerate(("rows", "columns")):
        seen = change.sum(dim=1 - axis).nonzero().flatten().tolist()
        count = change.shape[axis]
        if seen and (margin := max(seen[0], count - 1 - seen[-1])) > MARGIN * count:
            return (
                f"its outermost {margin} {name} of {count} see nothing of the film: does the"
                " network pad its input? Take that out of it, and say it as geometry"
            )
    return ""


def _leans(responses: Float[Tensor, "4 ..."], layout: Layout) -> tuple[float, ...]:
    """Leans of rows and columns down and across the film, and across and down it."""
    upper, lower, left, right = layout.grid(responses).sum(dim=1)
    down, across = (upper, lower), (left, right)
    return tuple(
        _lean(*moved, axis) for moved, axis in ((down, 0), (across, 1), (across, 0), (down, 1))
    )


def _lean(first: Float[Tensor, "y x"], second: Float[Tensor, "y x"], axis: int) -> float:
    first, second = first.sum(dim=1 - axis), second.sum(dim=1 - axis)
    moved = (second - first) / (second + first).clamp_min(torch.finfo(first.dtype).tiny)
    half = len(moved) // 2
    return float(moved[len(moved) - half :].mean() - moved[:half].mean()) if half else 0.0


def _square(rows: int, columns: int, size: tuple[int, int]) -> bool:
    """Whether a grid has as many rows for its columns as the film, up to rounding.

    Stricter than square: without its first row a grid follows the film as well.
    """
    fits = rows <= size[0] and columns <= size[1]
    return fits and abs(rows * size[1] - columns * size[0]) < max(size)


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
