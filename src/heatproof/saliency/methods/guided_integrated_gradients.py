"""Guided integrated gradients: a path that changes first what the logit heeds least.

    M_i = sum over steps of dy/dx_i * (change of x_i in that step), summed over channels.

Kapishnikov et al., CVPR 2021, https://arxiv.org/abs/2106.09788.  Step t of T brings the point, in
L1, to the share 1 - t / T of the distance from the baseline to the image: the ``fraction`` of all
values with the smallest |dy/dx| moves towards the image, then the next, as far as needed.  No value
leaves the band of ``max_distance`` around the straight path: what is behind the band is moved up to
it first, and what is at its front waits.  With ``max_distance=0`` this is integrated gradients over
steps of equal length; with 1 the path is free.

Completeness: the map sums to y(x) - y(x0), up to the steps; residual as in
``integrated_gradients``.  The paper takes dy/dx where a step begins (``left``).  But values move
because their gradient is small there; where a step ends it is larger, and more steps hardly help:
on a small ResNet residuals were 16 to 51% with 50 steps and 8 to 42% with 200.  The mean of both
ends (``trapezoid``) costs one pass more and left 2 to 6% and 1 to 4%.

The path depends on the target and each step on the one before; so
targets share nothing, and a map costs as many passes as there are steps.  It is found in double
precision, whatever the network's; where gradients tie, as over a constant baseline, their rounding
decides what moves first.  Channels of a grey image are values of their own, and move apart.

With ``rule='left'`` equal to PAIR's ``saliency.core.guided_ig``, which starts from 0 (here
``baseline='mean'``), and fails under numpy 2.4, where ``np.quantile`` lost ``interpolation``.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.errors import SpecError
from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.methods.integrated_gradients import Baseline, baselines

CLOSE = 1e-9  # to the distance that a step aims at, PAIR's


@methods.register("guided_integrated_gradients")
@dataclass(frozen=True)
class GuidedIntegratedGradients:
    """Path attribution, signed, at the resolution of the input.

    Attributes:
        steps: How many steps the path has.
        fraction: Share of values that move together, from above 0 to 1.
        max_distance: How far a value may be from the straight path, as a share of that path.
        rule: ``trapezoid``, or ``left`` as in the paper.
        baseline: Where the path starts, as for ``integrated_gradients``.
        tolerance: Largest residual of a complete map.
    """

    steps: int = 200
    fraction: float = 0.25
    max_distance: float = 0.02
    rule: Literal["trapezoid", "left"] = "trapezoid"
    baseline: Baseline = "black"
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"tolerance": (0, 1e9)}
    tolerance: float = 0.05
    title: ClassVar[str] = "Guided Integrated Gradients"
    kind: ClassVar[Kind] = "path"
    needs: ClassVar[Need] = "input gradients"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise SpecError(f"steps={self.steps}; guided integrated gradients needs at least 1")
        if not 0 < self.fraction <= 1:
            raise SpecError(f"fraction={self.fraction}; expected a share of values, such as 0.25")
        if not 0 <= self.max_distance <= 1:
            raise SpecError(
                f"max_distance={self.max_distance}; expected a share of the path, 0 to 1"
            )

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target, with its residual."""
        chosen = list(targets)
        maps, rises = [], []
        for image, logits in zip(forward.images, forward.logits[:, chosen], strict=True):
            starts = baselines(self.baseline, image, forward.model.preprocessing)
            maps.append(torch.stack([self._map(forward, image, starts, t) for t in chosen]))
            rises.append(logits - forward.over(starts).logits[:, chosen].mean(dim=0))
        values, rise = torch.stack(maps), torch.stack(rises)
        return Maps(values, (values.sum(dim=(2, 3)) - rise) / rise.abs(), self.tolerance)

    def _map(
        self,
        forward: ForwardPass,
        image: Float[Tensor, "c h w"],
        starts: Float[Tensor, "b c h w"],
        target: int,
    ) -> Float[Tensor, "h w"]:
        def gradient(point: Tensor) -> Tensor:
            at_point = forward.over(point[None].to(image))
            return at_point.input_gradients([target])[0, 0].double()

        paths = [self._attribution(gradient, image.double(), x0.double()) for x0 in starts]
        return torch.stack(paths).mean(dim=0).sum(dim=0).to(image)

    def _attribution(
        self,
        gradient: Callable[[Tensor], Tensor],
        image: Float[Tensor, "c h w"],
        start: Float[Tensor, "c h w"],
    ) -> Float[Tensor, "c h w"]:
        """The attribution of each value, over the path from one baseline."""
        point, total = start, torch.zeros_like(image)
        if torch.equal(image, start):
            return total
        slope = gradient(point)
        for step in range(1, self.steps + 1):
            if not slope.isfinite().all():
                return torch.full_like(image, torch.nan)  # which values to move is undefined
            after = self._moved(point, slope.abs(), image, start, step)
            # By the left rule nothing uses the gradient at the end of the path.
            needed = self.rule == "trapezoid" or step < self.steps
            then = gradient(after) if needed else slope
            share = (slope + then) / 2 if self.rule == "trapezoid" else slope
            total += (after - point) * share
            point, slope = after, then
        return total

    def _moved(
        self,
        point: Float[Tensor, "c h w"],
        steepness: Float[Tensor, "c h w"],
        image: Float[Tensor, "c h w"],
        start: Float[Tensor, "c h w"],
        step: int,
    ) -> Float[Tensor, "c h w"]:
        """The point after one step."""
        way, along = image - start, step / self.steps
        lowest, highest = max(along - self.max_distance, 0.0), min(along + self.max_distance, 1.0)
        back, front = start + way * lowest, start + way * highest
        # Where there is no way to go, a value is at the front already.
        reached = torch.where(way != 0, (point - start) / way, highest)
        point = torch.where(reached < lowest, back, point)
        goal = float(way.abs().sum()) * (1 - along)
        rank = int(self.fraction * (point.numel() - 1)) + 1
        # Values that reach the front are fixed there, and the next steepest ones move, until the
        # path is as far from the image as this step wants it.
        while True:
            distance = float((point - image).abs().sum())
            moving = point != front
            if math.isclose(goal, distance, rel_tol=CLOSE, abs_tol=CLOSE) or not moving.any():
                return point
            steepness = torch.where(moving, steepness, torch.inf)
            moving &= steepness <= steepness.flatten().kthvalue(rank).values
            reach = float(((point - front).abs() * moving).sum())
            share = (distance - goal) / reach
            if share <= 1:
                return torch.where(moving, point + (front - point) * share, point)
            point = torch.where(moving, front, point)
