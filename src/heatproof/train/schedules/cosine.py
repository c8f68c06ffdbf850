"""Cosine: the learning rate rises, then falls to nothing."""

import math
from dataclasses import dataclass

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from heatproof.errors import SpecError
from heatproof.train.schedules import schedules


@schedules.register("cosine")
@dataclass(frozen=True)
class Cosine:
    """Rises over the first rounds, then falls to nothing as a cosine.

    Attributes:
        warm_up: Rounds of the rise.
    """

    warm_up: int = 1

    def __post_init__(self) -> None:
        if self.warm_up < 0:
            raise SpecError(f"warm_up={self.warm_up}: expected 0 or more rounds")

    def __call__(self, optimizer: Optimizer, steps: int, rounds: int) -> LRScheduler:
        """A scheduler whose factor is 1 after the warm-up, and then falls to 0."""
        rise = steps * self.warm_up

        def share(step: int) -> float:
            if step < rise:
                # From 0 on, the first step would learn nothing.
                return (step + 1) / rise
            # A warm-up as long as the training would make the denominator 0.
            return 0.5 * (
                1 + math.cos(math.pi * min((step - rise) / max(1, steps * rounds - rise), 1))
            )

        return LambdaLR(optimizer, share)
