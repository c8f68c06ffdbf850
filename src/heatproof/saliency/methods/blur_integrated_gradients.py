"""Blur integrated gradients: integrated gradients on the way from the blurred image to the image.

    M = - integral over s in [0, max_sigma] of dy/dx (x_s) * dx_s/ds ds, summed over channels,

where x_s is the image, blurred by a Gaussian of the standard deviation s, cut off at 4 s.  Xu,
Venugopalan & Sundararajan, CVPR 2020, https://arxiv.org/abs/2004.03383.  No baseline is chosen:
blurring takes information away and, unlike a change of brightness, brings none in.

By ``rule``, with s_0 = 0 < s_1 < .. < s_m = max_sigma:

    midpoint   sum of dy/dx (x at (s_j + s_{j+1}) / 2) * (x at s_j - x at s_{j+1})
    pair       sum of dy/dx (x_j) * (s_{j+1} - s_j) * (x at s_j - x at (s_j + .01)) / .01, as PAIR's

PAIR's differs from the integral in three ways.  Its differences over .01 see the jumps of the
kernel's cut-off radius, one hundredfold, and at s = 0 they are 0.  Beyond the border it blurs with
0, which after normalization is a grey frame that grows into the image; ``reflect`` keeps the mean,
and comes to it in the limit.  And where it spaces s by square roots, it ends at the root of
``max_sigma``, and takes one step's length for a whole batch.

Completeness: the map sums to y(x) - y(x at max_sigma); residual as in ``integrated_gradients``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.errors import SpecError
from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass

Border = Literal["reflect", "zero"]
CUT_OFF = 4  # standard deviations
PAIR_STEP = 0.01


@methods.register("blur_integrated_gradients")
@dataclass(frozen=True)
class BlurIntegratedGradients:
    """Path attribution, signed, at the resolution of the input.

    Attributes:
        steps: Points on the path.
        max_sigma: Where the path starts, in pixels of the input.
        rule: ``midpoint`` or ``pair``.
        border: What lies beyond the image: its reflection, or ``zero`` (after normalization) as
            PAIR has it.
        spacing: s_j grows with j (``linear``) or with its root (``sqrt``: equal steps of the
            variance).
        tolerance: Largest residual of a complete map.
    """

    steps: int = 100
    max_sigma: float = 50.0
    rule: Literal["midpoint", "pair"] = "midpoint"
    border: Border = "reflect"
    spacing: Literal["linear", "sqrt"] = "linear"
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"tolerance": (0, 1e9)}
    tolerance: float = 0.05
    title: ClassVar[str] = "Blur Integrated Gradients"
    kind: ClassVar[Kind] = "path"
    needs: ClassVar[Need] = "input gradients"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise SpecError(f"steps={self.steps}; blur integrated gradients needs at least 1")
        if not 0 < self.max_sigma < float("inf"):
            raise SpecError(f"max_sigma={self.max_sigma}; expected pixels, above 0")

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target, with its residual."""
        images, chosen = forward.images, list(targets)
        values = self._maps(forward, images.double(), chosen).to(images)
        start = blurred(images.double(), self.max_sigma, self.border)
        rise = (forward.logits - forward.over(start.to(images)).logits)[:, chosen]
        return Maps(values, (values.sum(dim=(2, 3)) - rise) / rise.abs(), self.tolerance)

    def _maps(
        self, forward: ForwardPass, images: Float[Tensor, "n c h w"], targets: Sequence[int]
    ) -> Float[Tensor, "n k h w"]:
        """The maps; paths are blurred in doubles, whatever the network uses."""
        points = torch.arange(self.steps + 1, dtype=torch.float64) / self.steps
        sigmas = (self.max_sigma * (points.sqrt() if self.spacing == "sqrt" else points)).tolist()
        steps = list(pairwise(sigmas))
        totals = images.new_zeros(len(images), len(targets), *images.shape[2:])
        batch = forward.at_once(differentiated=True)
        for first in range(0, self.steps, batch):
            chunk = steps[first : first + batch]
            # Made once for all images, and no more at once than a pass holds points.
            kernels = [[_kernels(images, s, self.border) for s in self._sigmas(*x)] for x in chunk]
            # Image by image: the map must not depend on what else is in the batch.
            for index, image in enumerate(images):
                path, changes = zip(
                    *(
                        self._step([_convolved(image, kernel) for kernel in each], then - sigma)
                        for each, (sigma, then) in zip(kernels, chunk, strict=True)
                    ),
                    strict=True,
                )
                passed = forward.over(torch.stack(path).to(forward.images))
                gradients = passed.input_gradients(targets).double()
                totals[index] += torch.einsum("mchw,mkchw->khw", torch.stack(changes), gradients)
        return totals

    def _sigmas(self, sigma: float, then: float) -> tuple[float, ...]:
        """The widths that a step asks for; at the first it takes the gradient."""
        if self.rule == "pair":
            return sigma, sigma + PAIR_STEP
        return (sigma + then) / 2, sigma, then

    def _step(
        self, blurred: Sequence[Float[Tensor, "c h w"]], length: float
    ) -> tuple[Float[Tensor, "c h w"], Float[Tensor, "c h w"]]:
        """A point of the path, and by how much the image changes there, towards the image."""
        point, *ends = blurred
        if self.rule == "pair":
            return point, length * ((point - ends[0]) / PAIR_STEP)
        return point, ends[0] - ends[1]


def blurred(images: Float[Tensor, "*n h w"], sigma: float, border: Border) -> Tensor:
    """Images convolved with a Gaussian of that many pixels."""
    return _convolved(images, _kernels(images, sigma, border))


def _convolved(images: Float[Tensor, "*n h w"], kernels: tuple[Tensor, Tensor]) -> Tensor:
    """Images convolved along both axes."""
    rows, columns = kernels
    return rows @ images @ columns.T


def _kernels(
    images: Float[Tensor, "*n h w"], sigma: float, border: Border
) -> tuple[Float[Tensor, "h h"], Float[Tensor, "w w"]]:
    """What a Gaussian of that many pixels takes along each axis, on the device of the images."""
    height, width = images.shape[-2:]
    rows = _gaussian(height, sigma, border).to(images)
    return rows, rows if width == height else _gaussian(width, sigma, border).to(images)


def _gaussian(side: int, sigma: float, border: Border) -> Float[Tensor, "side side"]:
    """What each position of a line takes from each."""
    # SciPy's rounding of the radius.
    radius = int(CUT_OFF * sigma + 0.5)
    offsets = torch.arange(-radius, radius + 1)
    # For sigma = 0 the one offset is 0, and 0 / 0 would be nan.
    variance = max(sigma**2, torch.finfo(torch.float64).tiny)
    weights = torch.exp(-offsets.double().square() / (2 * variance))
    weights /= weights.sum()
    positions = torch.arange(side)[:, None] + offsets
    if border == "zero":
        inside = (positions >= 0) & (positions < side)
        positions, shares = positions.clamp(0, side - 1), weights * inside
    else:
        # A kernel wider than the image is reflected more than once.
        positions = positions % (2 * side)
        positions = torch.minimum(positions, 2 * side - 1 - positions)
        shares = weights.expand(side, -1)
    return torch.zeros(side, side, dtype=torch.float64).scatter_add_(1, positions, shares)
