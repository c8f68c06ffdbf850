"""Plateau: the learning rate falls when training no longer helps."""

from dataclasses import dataclass

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from heatproof.errors import SpecError
from heatproof.train.schedules import schedules


@schedules.register("plateau")
@dataclass(frozen=True)
class Plateau:
    """Falls by a factor when the monitored score stops getting better.

    Attributes:
        factor: Multiplies the learning rate.
        patience: Rounds without a better score before it does.
    """

    factor: float = 0.1
    patience: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.factor < 1:
            raise SpecError(f"factor={self.factor}: expected a number between 0 and 1")

    def __call__(self, optimizer: Optimizer, steps: int, rounds: int) -> LRScheduler:  # noqa: ARG002
        """A scheduler for which any improvement counts."""
        return ReduceLROnPlateau(
            optimizer,
            mode="max",  # a loss that is monitored has its sign changed
            factor=self.factor,
            patience=self.patience,
            threshold=0.0,
        )
