"""What Lightning runs: loss, optimizer, validation, and when to stop."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import polars
import torch
from jaxtyping import Float
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader

from heatproof.disk import write_whole
from heatproof.errors import ModelError, TrainingError
from heatproof.train.checks import selecting
from heatproof.train.images import Batch
from heatproof.train.labels import highest_views
from heatproof.train.objective import Objective
from heatproof.train.schedules import schedules
from heatproof.train.settings import Epoch, History, Reporter, Settings, TrainingProgress

SCORE = "score"  # name of the monitored score in logs
MADE_OF = "made of"
EPOCHS = "epochs"
Loader = Callable[[int, int], "DataLoader[Batch]"]


def mean_auroc(scores: Float[Tensor, "n k"], labels: Float[Tensor, "n k"]) -> float:
    """The mean AUROC over the findings that have both labels; ``nan`` where none has.

    Labels that are not 0 or 1 do not count.
    """
    values = []
    for ranked, truth in zip(scores.T.numpy(), labels.T.numpy(), strict=True):
        is_known = (truth == 0) | (truth == 1)
        if len(np.unique(truth[is_known])) > 1:
            values.append(roc_auc_score(truth[is_known], ranked[is_known]))
    return float(np.mean(values)) if values else math.nan


class Learner(lightning.LightningModule):
    """Trains a network and decides when it is done.

    Args:
        objective: What the training minimizes; its model is trained in place.
        settings: How it is trained.
        steps: Steps per round, on this process.
        batches: Makes the batches of a round, for one process (its rank) of so many.
        checks: Makes the batches of validation, likewise.
        studies: Study of each validation image, in their order; empty where each is judged alone.
        made_of: What a checkpoint of this training must agree with, by name.
        report: Called after every step.
        after_round: Called with the history after every round.
    """

    def __init__(
        self,
        objective: Objective,
        settings: Settings,
        steps: int,
        *,
        batches: Loader,
        checks: Loader,
        studies: Sequence[str] = (),
        made_of: Mapping[str, str],
        report: Reporter,
        after_round: Callable[[History], None],
    ) -> None:
        super().__init__()
        self.objective, self.model = objective, objective.model
        self.settings, self.steps, self.studies = settings, steps, studies
        self._batches, self._checks = batches, checks
        self.made_of, self.report, self.after_round = dict(made_of), report, after_round
        self.epochs: list[Epoch] = []
        self.stopped = ""
        self._spent, self._started = 0.0, time.monotonic()
        self._losses: list[Tensor] = []
        self._seen: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []

    def history(self) -> History:
        """The history up to now."""
        return History(tuple(self.epochs), self.settings.monitor, self.stopped)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """An optimizer in which the backbone has its share of the learning rate, and everything
        else all of it.
        """
        settings = self.settings
        backbone = list(self.model.backbone.parameters())
        below = set(map(id, backbone))
        above = [each for each in self.model.parameters() if id(each) not in below]
        groups = [
            {"params": above, "lr": settings.lr},
            {"params": backbone, "lr": settings.lr * settings.backbone_lr},
        ]
        make: Callable[..., torch.optim.Optimizer] = {
            "adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD,
        }[settings.optimizer]  # fmt: skip
        options = {"momentum": 0.9} if settings.optimizer == "sgd" else {}
        optimizer = make(
            groups[: 2 if settings.backbone_lr else 1],
            weight_decay=settings.weight_decay,
            **options,
        )
        # The last batches of a round make an update even where they are fewer.
        steps = -(-self.steps // settings.accumulate)
        schedule = schedules.parse(settings.schedule)(optimizer, steps, settings.max_epochs)
        plateau = isinstance(schedule, ReduceLROnPlateau)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {
                "scheduler": schedule,
                "interval": "epoch" if plateau else "step",
                "monitor": SCORE,
            },
        }

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Change the learning rate after a step; a plateau changes it when the round is judged.

        Lightning would tell it when the checkpoint to go on from is already written.
        """
        if not isinstance(scheduler, ReduceLROnPlateau):
            super().lr_scheduler_step(scheduler, metric)

    def train_dataloader(self) -> Any:
        """The images of a round that this process takes."""
        return self._batches(self.trainer.global_rank, self.trainer.world_size)

    def val_dataloader(self) -> Any:
        """The validation images that this process judges."""
        return self._checks(self.trainer.global_rank, self.trainer.world_size)

    def on_train_epoch_start(self) -> None:
        """Seed dropout by the round, not by what came before it; a frozen backbone stays frozen."""
        # The factor is larger than numbers of processes are, so no two rounds and ranks share a
        # seed.
        torch.manual_seed(self.settings.seed + 7919 * len(self.epochs) + self.global_rank)
        if not self.settings.backbone_lr:
            # Batch norm learns its statistics without gradients, unless it is in evaluation mode.
            self.model.backbone.eval()

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Loss of one batch."""
        images = batch.images.contiguous(memory_format=torch.channels_last)
        loss = self.objective.loss(batch._replace(images=images))
        self._losses.append(loss.detach())
        auroc = self.epochs[-1].auroc if self.epochs else math.nan
        self.report(TrainingProgress(len(self.epochs) + 1, index + 1, self.steps, auroc))
        return loss

    def validation_step(self, batch: Batch) -> None:
        """Scores and loss of one batch."""
        scores, loss, weight = self.objective.judged(batch)
        total = torch.tensor([[float(loss) * weight, weight]], dtype=torch.float64)
        self._seen.append((scores.float().cpu(), batch.labels.cpu(), batch.indices.cpu(), total))

    def on_validation_epoch_end(self) -> None:
        """Judge the round, and decide whether to stop."""
        scores, labels, validation_loss = self._gathered()
        mean = torch.stack(self._losses).mean()
        loss = float(self.trainer.strategy.reduce(mean, reduce_op="mean"))
        self._losses = []
        if not math.isfinite(loss) or not scores.isfinite().all():
            problem = f"the loss is {loss}" if not math.isfinite(loss) else "scores are not finite"
            raise TrainingError(
                f"{problem} in epoch {len(self.epochs) + 1}; is lr={self.settings.lr} too high?"
            )
        if self.studies:
            scores, labels = highest_views(scores, labels, self.studies)
        columns = selecting(self.settings, self.model.findings)
        auroc = mean_auroc(scores[:, columns], labels[:, columns])
        # Of one clock, so that all processes stop in the same round.
        seconds = self.trainer.strategy.broadcast(self._spent + time.monotonic() - self._started)
        self.epochs.append(Epoch(loss, validation_loss, auroc, seconds))
        now = self.epochs[-1]
        self.log(SCORE, now.score(self.settings.monitor))
        self.log_dict({"loss": now.loss, "validation loss": now.validation_loss})
        self.log("validation AUROC", now.auroc)
        schedule = self.lr_schedulers()
        if isinstance(schedule, ReduceLROnPlateau):
            schedule.step(now.score(self.settings.monitor))
        self._stop_or_go_on()
        self.trainer.should_stop = bool(self.stopped)
        if self.trainer.is_global_zero:
            self.after_round(self.history())

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the curve up to now, and what training it belongs to."""
        checkpoint[EPOCHS] = [vars(epoch) for epoch in self.epochs]
        checkpoint[MADE_OF] = self.made_of

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on where the checkpoint was written.

        Raises:
            ModelError: The checkpoint belongs to another training.
        """
        inputs = checkpoint.get(MADE_OF, {})
        for name, value in self.made_of.items():
            if inputs.get(name) != value:
                raise ModelError(
                    f"the checkpoint to go on from was made with another {name}:"
                    f" {inputs.get(name)!r}, here it is {value!r}; use another folder"
                )
        self.epochs = list(self.history_in(checkpoint).epochs)
        self._spent = self.epochs[-1].seconds
        # A training that has ended says so again, or it would be trained for another round.
        self._stop_or_go_on()

    def history_in(self, checkpoint: dict[str, Any]) -> History:
        """The history up to a checkpoint of this training."""
        epochs = tuple(Epoch(**epoch) for epoch in checkpoint[EPOCHS])
        return History(epochs, self.settings.monitor, "")

    def _gathered(self) -> tuple[Tensor, Tensor, float]:
        """Scores and labels of all processes, in the order of the data set, and the mean loss."""
        parts = tuple(torch.cat(column) for column in zip(*self._seen, strict=True))
        self._seen = []
        if self.trainer.world_size > 1:
            everyone: list[Any] = [None] * self.trainer.world_size
            torch.distributed.all_gather_object(everyone, parts)
            parts = tuple(torch.cat(column) for column in zip(*everyone, strict=True))
        scores, labels, indices, totals = parts
        # Studies are listed in the order of the data set, whatever process judged an image.
        order = indices.argsort()
        total, weight = totals.sum(dim=0).tolist()
        return scores[order], labels[order], total / weight if weight else math.nan

    def _stop_or_go_on(self) -> None:
        settings, done, now = self.settings, len(self.epochs), self.epochs[-1]
        waited = self.history().waited(settings.min_delta)
        score = "AUROC" if settings.monitor == "auroc" else "loss"
        if now.auroc >= settings.target_auroc:
            self.stopped = f"validation AUROC reached {settings.target_auroc}"
        elif waited >= settings.patience:
            self.stopped = f"no better validation {score} for {settings.patience} epochs"
        elif now.seconds >= settings.max_seconds:
            self.stopped = f"{settings.max_seconds:g} seconds spent"
        elif done >= settings.max_epochs:
            self.stopped = f"{settings.max_epochs} epochs done"


def write_curve(history: History, path: Path) -> None:
    """A row per round as CSV, whole or not at all."""
    rows = [{"epoch": index + 1, **vars(epoch)} for index, epoch in enumerate(history.epochs)]
    write_whole(path, polars.DataFrame(rows).write_csv())
