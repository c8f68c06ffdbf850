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
targets share nothing, and a map costs as many passes as there are steps.  The paths of all images
and targets advance together, as many as a pass holds, where the network gives an image in a batch
the gradient that it gives it alone, to the last digit; that is tried at the first points.
They are found in double precision, whatever the network's; where gradients tie, as over a constant
baseline, their rounding decides what moves first.  Channels of a grey image are values of their
own, and move apart.

With ``rule='left'`` equal to PAIR's ``saliency.core.guided_ig``, which starts from 0 (here
``baseline='mean'``), and fails under numpy 2.4, where ``np.quantile`` lost ``interpolation``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from heatproof.errors import SpecError
from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.methods.integrated_gradients import Baseline, baselines

CLOSE = 1e-9  # to the distance that a step aims at, PAIR's
STATE, DOUBLE = 20, 8  # numbers that are known of each value of a path, and bytes of each


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
        images, chosen = forward.images, list(targets)
        starts = [baselines(self.baseline, x, forward.model.preprocessing) for x in images]
        each = len(starts[0])  # paths of one map
        ends = images.repeat_interleave(len(chosen) * each, dim=0)
        begins = torch.cat([x0 for x0 in starts for _ in chosen])
        asked = [target for _ in images for target in chosen for _ in range(each)]
        # Paths that go together fill a pass, and what is known of each point fits beside it.
        known = STATE * images[0].numel() * DOUBLE
        batch = min(forward.at_once(differentiated=True), max(1, forward.memory // 2 // known))
        paths = [
            self._attributions(
                _Slopes(forward, asked[first : first + batch]),
                ends[first : first + batch].double(),
                begins[first : first + batch].double(),
            ).sum(dim=1)
            for first in range(0, len(asked), batch)
        ]
        values = torch.cat(paths).view(len(images), len(chosen), each, *images.shape[2:])
        values = values.mean(dim=2).to(images)
        base = [forward.over(x0).logits[:, chosen].mean(dim=0) for x0 in starts]
        rise = forward.logits[:, chosen] - torch.stack(base)
        return Maps(values, (values.sum(dim=(2, 3)) - rise) / rise.abs(), self.tolerance)

    def _attributions(
        self,
        slopes: Callable[[Tensor, Tensor], Tensor],
        images: Float[Tensor, "p c h w"],
        starts: Float[Tensor, "p c h w"],
    ) -> Float[Tensor, "p c h w"]:
        """The attribution of each value, over paths that advance together.

        Args:
            slopes: Gradients at points, of paths that are counted from 0.
            images: Where the paths end.
            starts: Where they begin.
        """
        totals = torch.zeros_like(images)
        paths = (images != starts).flatten(1).any(dim=1).nonzero()[:, 0]
        end, start = images[paths], starts[paths]
        point, total = start, totals[paths]
        slope = slopes(point, paths) if len(paths) else point
        for step in range(1, self.steps + 1):
            going = slope.isfinite().flatten(1).all(dim=1)
            if not going.all():
                totals[paths[~going]] = torch.nan  # which values to move is undefined
                state = (paths, end, start, point, total, slope)
                paths, end, start, point, total, slope = (each[going] for each in state)
            if not len(paths):
                break
            after = self._moved(point, slope.abs(), end, start, step)
            # By the left rule nothing uses the gradient at the end of the path.
            needed = self.rule == "trapezoid" or step < self.steps
            then = slopes(after, paths) if needed else slope
            share = (slope + then) / 2 if self.rule == "trapezoid" else slope
            total = total + (after - point) * share
            point, slope = after, then
        totals[paths] = total
        return totals

    def _moved(
        self,
        points: Float[Tensor, "p c h w"],
        steepness: Float[Tensor, "p c h w"],
        images: Float[Tensor, "p c h w"],
        starts: Float[Tensor, "p c h w"],
        step: int,
    ) -> Float[Tensor, "p c h w"]:
        """The points after one step."""
        shape = points.shape
        point, steep, image, start = (
            each.flatten(1) for each in (points, steepness, images, starts)
        )
        way, along = image - start, step / self.steps
        lowest, highest = max(along - self.max_distance, 0.0), min(along + self.max_distance, 1.0)
        back, front = start + way * lowest, start + way * highest
        # Where there is no way to go, a value is at the front already.
        reached = torch.where(way != 0, (point - start) / way, highest)
        point = torch.where(reached < lowest, back, point)
        goal = way.abs().sum(dim=1, keepdim=True) * (1 - along)
        rank = int(self.fraction * (point.shape[1] - 1)) + 1
        going = torch.ones_like(goal, dtype=torch.bool)
        # Values that reach the front are fixed there, and the next steepest ones move, until the
        # path is as far from the image as this step wants it.
        while True:
            distance = (point - image).abs().sum(dim=1, keepdim=True)
            moving = point != front
            close = (goal - distance).abs() <= CLOSE * torch.maximum(goal, distance).clamp(min=1)
            going = going & ~close & moving.any(dim=1, keepdim=True)
            if not going.any():
                return point.view(shape)
            steep = torch.where(moving, steep, torch.inf)
            moving &= (steep <= steep.kthvalue(rank, dim=1, keepdim=True).values) & going
            reach = ((point - front).abs() * moving).sum(dim=1, keepdim=True)
            share = (distance - goal) / reach
            moved = torch.where(share <= 1, point + (front - point) * share, front)
            point = torch.where(moving, moved, point)
            going = going & (share > 1)


class _Slopes:
    """Gradients at points of paths, each of the logit that its path is about.

    Args:
        forward: The pass whose model and memory are asked.
        targets: Of each path.
    """

    def __init__(self, forward: ForwardPass, targets: Sequence[int]) -> None:
        self._forward, self._targets = forward, targets
        self._together: bool | None = None  # unknown until tried

    def __call__(
        self, points: Float[Tensor, "m c h w"], paths: Int[Tensor, " m"]
    ) -> Float[Tensor, "m c h w"]:
        """In double precision, whatever the network's."""
        own = [self._targets[path] for path in paths.tolist()]
        if self._together and len(own) > 1:
            return self._pass(points, own)
        alone = [self._pass(points[n : n + 1], own[n : n + 1]) for n in range(len(own))]
        found = torch.cat(alone)
        if self._together is None and len(own) > 1:
            self._together = torch.equal(self._pass(points, own), found)
        return found

    def _pass(self, points: Float[Tensor, "m c h w"], own: Sequence[int]) -> Tensor:
        at_points = self._forward.over(points.to(self._forward.images))
        return at_points.own_input_gradients(own).double()
