"""Occlusion: by how much the logit falls when a window is hidden.

M(window) = y(x) - y(x with the window at a baseline, by default the mean of the training images).
Zeiler & Fergus, ECCV 2014, https://arxiv.org/abs/1311.2901; window and stride of 40 at 320 x 320 as
in Saporta et al., 2022.

Windows start at multiples of the stride and are cut off at the border.  Where they tile the image
exactly, the map has one cell per window; otherwise it has the size of the image, and a pixel has
the mean of the windows that cover it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from heatproof.errors import SpecError
from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass


@methods.register("occlusion")
@dataclass(frozen=True)
class Occlusion:
    """One set of passes serves all targets; signed.

    Attributes:
        window: Side of the square, in pixels of the input (int) or as a share of its shorter side
            (float below 1).
        stride: Distance from window to window, in the units of ``window``.
        baseline: What a hidden window shows: the ``mean`` of the training images (0 after
            normalization), or ``black``.
    """

    window: int | float = 40
    stride: int | float = 40
    baseline: Literal["mean", "black"] = "mean"
    title: ClassVar[str] = "Occlusion"
    kind: ClassVar[Kind] = "perturbation"
    needs: ClassVar[Need] = "logits"

    def __post_init__(self) -> None:
        for name, length in (("window", self.window), ("stride", self.stride)):
            if length <= 0 or (isinstance(length, float) and length >= 1):
                raise SpecError(
                    f"{name}={length}: expected pixels (an integer from 1) or a share of the side"
                    " (a float between 0 and 1)"
                )
        if isinstance(self.window, float) != isinstance(self.stride, float):
            raise SpecError(
                f"window={self.window} and stride={self.stride}: give both in pixels (integers) or"
                " both as a share of the side (floats)"
            )
        if self.stride > self.window:
            raise SpecError(
                f"stride={self.stride} is larger than window={self.window}: pixels between would"
                " never be hidden"
            )

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        images, chosen = forward.images, list(targets)
        height, width = images.shape[2:]
        window, stride = (_pixels(side, min(height, width)) for side in (self.window, self.stride))
        rows, columns = (
            _strips(side, window, stride).to(images.device) for side in (height, width)
        )
        # A pass holds every image once for each of its windows.
        batch = max(1, forward.at_once(differentiated=False) // len(images))
        fill = torch.zeros_like(images[:, :, :1, :1])
        if self.baseline == "black":
            ends = forward.model.preprocessing.ends
            fill = torch.stack([ends(image)[0] for image in images])
        # Window by window, row by row.  All windows at once would take as many images of booleans.
        every = torch.arange(len(rows) * len(columns), device=images.device)
        hidden = [
            _logits(forward, rows[chunk // len(columns)], columns[chunk % len(columns)], fill)
            for chunk in torch.split(every, batch)
        ]
        drops = (forward.logits - torch.cat(hidden))[:, :, chosen].permute(1, 2, 0)
        drops = drops.reshape(*drops.shape[:2], len(rows), len(columns))
        if window == stride and height % stride == 0 and width % stride == 0:
            return Maps(drops)
        down, across = rows.to(drops), columns.to(drops)
        covering = down.sum(dim=0)[:, None] * across.sum(dim=0)
        return Maps(down.T @ drops @ across / covering)


def _pixels(length: int | float, side: int) -> int:
    return length if isinstance(length, int) else max(1, round(length * side))


def _strips(side: int, window: int, stride: int) -> Bool[Tensor, "s side"]:
    """What windows hide of one side: each is where a strip of rows and one of columns meet."""
    start = torch.arange(0, side, stride)[:, None]
    return (start <= torch.arange(side)) & (torch.arange(side) < start + window)


def _logits(
    forward: ForwardPass,
    rows: Bool[Tensor, "m h"],
    columns: Bool[Tensor, "m w"],
    fill: Float[Tensor, "n c 1 1"],
) -> Float[Tensor, "m n findings"]:
    """The logits of each image with each window hidden."""
    images = forward.images
    windows = rows[:, None, None, :, None] & columns[:, None, None, None, :]
    hidden = torch.where(windows, fill, images)
    with torch.no_grad():
        logits: Tensor = forward.model(hidden.flatten(0, 1))
    return logits.view(len(windows), len(images), -1)
