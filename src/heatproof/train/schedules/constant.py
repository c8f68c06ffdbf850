"""Constant: the learning rate stays as it is."""

from dataclasses import dataclass

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from heatproof.train.schedules import schedules


@schedules.register("constant")
@dataclass(frozen=True)
class Constant:
    """Stays as it is."""

    def __call__(self, optimizer: Optimizer, steps: int, rounds: int) -> LRScheduler:  # noqa: ARG002
        """A scheduler whose factor is always 1."""
        return LambdaLR(optimizer, lambda _: 1.0)
