"""Integrated gradients: the rise of the logit on the way from a baseline, shared out to pixels.

    M = (x - x0) * integral over a in [0, 1] of dy/dx (x0 + a (x - x0)), summed over channels.

Sundararajan, Taly & Yan, ICML 2017, https://arxiv.org/abs/1703.01365.  With several baselines the
map is the mean over them.  The integral is a sum w_j dy/dx(a_j) over j = 1..m, by ``rule``:

    midpoint         a_j = (j - 1/2) / m,      w_j = 1 / m
    left, right      a_j = (j - 1) / m, j / m, w_j = 1 / m
    trapezoid        a_j = (j - 1) / (m - 1),  w_j = 1 / (m - 1), half of it at both ends
    gauss_legendre   roots and weights of the Legendre polynomial of degree m (Captum's default)
    pair             a_j = (j - 1) / (m - 1),  w_j = 1 / m (PAIR's: no quadrature, off by O(1 / m))

Captum's trapezoid has weights 1 / m, too, and so misses 1 / m of the integral.

Completeness: the map sums to y(x) - y(x0), or to its mean over the baselines.  The residual is the
difference as a share of that rise; beyond ``tolerance`` the path was too coarse and the map is
marked incomplete.  A pixel that equals the baseline has no relevance, whatever it shows: of a black
baseline these are the black pixels.  Over a constant baseline all values under a max-pooling window
tie, and rounding decides which gets the gradient: a rule with a point there (left, trapezoid, pair)
gives maps that differ between machines.

Presets: what Arun et al. 2021 and Venkatesh et al. 2024 had of PAIR, with the magnitudes that its
view adds up over channels; and the defaults of Captum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.errors import SpecError
from heatproof.models.own_transform import AnyPreprocessing
from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.methods.gradient import Channels, reduce_channels

Baseline = Literal["black", "white", "mean", "black_and_white", "extremes"]
Quadrature = Literal["midpoint", "left", "right", "trapezoid", "gauss_legendre", "pair"]


@methods.register("integrated_gradients")
@dataclass(frozen=True)
class IntegratedGradients:
    """Path attribution, signed, at the resolution of the input.

    Attributes:
        steps: Points on each path.
        baseline: Where the path starts: the image that is ``black`` or ``white`` everywhere,
            the ``mean`` of the training images (0 after normalization), ``black_and_white`` for
            both, or ``extremes`` for both of PAIR's XRAI: the lowest and the highest value that
            this image has after normalization, in all channels.
        rule: How the integral is summed.
        channels: ``sum``, ``max`` for the largest value with its sign, as PAIR's XRAI takes it, or
            as for ``gradient``; maps but of the sum add up to nothing in particular, and their
            residual is that of the sum.
        tolerance: Largest residual of a complete map.
    """

    steps: int = 50
    baseline: Baseline = "black"
    rule: Quadrature = "midpoint"
    channels: Channels | Literal["max"] = "sum"
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"tolerance": (0, 1e9)}
    tolerance: float = 0.05
    presets: ClassVar[Mapping[str, str]] = {
        "arun": "steps=10, rule='pair', channels='sum_abs'",
        "venkatesh": "steps=25, rule='pair', channels='sum_abs'",
        "captum": "baseline='mean', rule='gauss_legendre'",
    }
    title: ClassVar[str] = "Integrated Gradients"
    kind: ClassVar[Kind] = "path"
    needs: ClassVar[Need] = "input gradients"

    def __post_init__(self) -> None:
        # These rules have a point at both ends of the path.
        least = 2 if self.rule in ("trapezoid", "pair") else 1
        if self.steps < least:
            raise SpecError(
                f"steps={self.steps}; integrated gradients by the rule {self.rule} need at least"
                f" {least}"
            )

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target, with its residual where anyone looks at it."""
        starts = [baselines(self.baseline, x, forward.model.preprocessing) for x in forward.images]
        # Image by image: the map must not depend on what else is in the batch.
        attributions = torch.stack(
            [
                self._attributions(forward, *pair, targets)
                for pair in zip(forward.images, starts, strict=True)
            ]
        )
        residual = self._residual(forward, starts, targets, attributions)
        if self.channels == "max":
            values = attributions.amax(dim=2)
        else:
            values = reduce_channels(attributions, self.channels)
        return Maps(values, residual, self.tolerance)

    def _attributions(
        self,
        forward: ForwardPass,
        image: Float[Tensor, "c h w"],
        starts: Float[Tensor, "b c h w"],
        targets: Sequence[int],
    ) -> Float[Tensor, "k c h w"]:
        """The attributions of one image, as means over its baselines."""
        parts = [(image - start) * self._slope(forward, image, start, targets) for start in starts]
        return torch.stack(parts).mean(dim=0)

    def _residual(
        self,
        forward: ForwardPass,
        starts: Sequence[Float[Tensor, "b c h w"]],
        targets: Sequence[int],
        attributions: Float[Tensor, "n k c h w"],
    ) -> Float[Tensor, "n k"] | None:
        """The residual of each map, by the mean over its baselines; None where nobody looks."""
        if not forward.judged:
            return None
        base = [forward.over(each).logits[:, list(targets)].mean(dim=0) for each in starts]
        rise = forward.logits[:, list(targets)] - torch.stack(base)
        return (attributions.sum(dim=(2, 3, 4)) - rise) / rise.abs()

    def _slope(
        self,
        forward: ForwardPass,
        image: Float[Tensor, "c h w"],
        start: Float[Tensor, "c h w"],
        targets: Sequence[int],
    ) -> Float[Tensor, "k c h w"]:
        """Mean gradient over the path of one image."""
        points, weights = (
            torch.from_numpy(each).to(image) for each in quadrature(self.rule, self.steps)
        )
        total = image.new_zeros(len(targets), *image.shape)
        batch = forward.at_once(differentiated=True)
        for chunk, shares in zip(
            torch.split(points, batch), torch.split(weights, batch), strict=True
        ):
            path = start + chunk.view(-1, 1, 1, 1) * (image - start)
            gradients = forward.over(path).input_gradients(targets)
            total += torch.einsum("m,mkchw->kchw", shares, gradients)
        return total


def baselines(
    which: Baseline, image: Float[Tensor, "c h w"], preprocessing: AnyPreprocessing
) -> Float[Tensor, "b c h w"]:
    """Where the paths to one image start."""
    black, white = preprocessing.ends(image)
    starts = {
        "black": [black],
        "white": [white],
        "mean": [image.new_zeros(())],
        "black_and_white": [black, white],
        "extremes": [image.min(), image.max()],
    }[which]
    return torch.stack([start.expand_as(image) for start in starts])


def quadrature(
    rule: Quadrature, steps: int
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Points in [0, 1], and their weights."""
    count = np.arange(steps, dtype=np.float64)
    even = np.full(steps, 1 / steps)
    match rule:
        case "midpoint":
            return (count + 0.5) / steps, even
        case "left":
            return count / steps, even
        case "right":
            return (count + 1) / steps, even
        case "gauss_legendre":
            roots, weights = np.polynomial.legendre.leggauss(steps)
            return (roots + 1) / 2, weights / 2
        case "pair":
            return np.linspace(0, 1, steps), even
        case "trapezoid":
            weights = np.full(steps, 1 / (steps - 1))
            weights[[0, -1]] /= 2
            return np.linspace(0, 1, steps), weights
