"""The best rounds: their weights on disk, by the order that the history has.

Lightning's own checkpoints break ties in another way, and compare scores in single precision.
"""

from pathlib import Path
from typing import Any

import lightning

BEST = "best"


def best_file(folder: Path, epoch: int) -> Path:
    """The file that holds the weights of a round."""
    return folder / f"{BEST}-epoch={epoch}.ckpt"


class BestRounds(lightning.Callback):
    """Keeps the weights of the best rounds, a given number of them.

    Args:
        folder: Where the weights are kept.
        keep: How many rounds keep their weights.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder, self._keep = folder, keep

    def _files(self, learner: Any) -> list[Path]:
        return [best_file(self._folder, epoch) for epoch in learner.history().order()[: self._keep]]

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Write a round that is among the best."""
        now = best_file(self._folder, len(pl_module.epochs) - 1)
        if now in self._files(pl_module):
            trainer.save_checkpoint(now, weights_only=True)  # no training goes on from it

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Remove the weights of rounds that are no longer among the best.

        Not before the checkpoint to go on from is written: a training that is killed in between
        needs what was best before this round.
        """
        if trainer.is_global_zero:
            kept = self._files(pl_module)
            for file in self._folder.glob(f"{BEST}-epoch=*.ckpt"):
                if file not in kept:
                    file.unlink()

    # No round begins after the last one, so what it replaced is removed here.
    on_fit_end = on_train_epoch_start
