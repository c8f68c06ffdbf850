"""Schedules: how the learning rate changes while a network trains."""

from typing import Protocol, runtime_checkable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from heatproof.registry import Registry


@runtime_checkable
class Schedule(Protocol):
    """Makes the scheduler of an optimizer."""

    def __call__(self, optimizer: Optimizer, steps: int, rounds: int) -> LRScheduler:
        """A scheduler; ``ReduceLROnPlateau`` is asked after each round, others after each step.

        Args:
            optimizer: The optimizer, with its peak learning rates.
            steps: Optimizer steps in each round.
            rounds: Largest number of rounds.
        """
        ...


schedules: Registry[Schedule] = Registry("schedule", __name__, "heatproof.schedules")
