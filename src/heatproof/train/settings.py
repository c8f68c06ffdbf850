"""How to train, and how it went."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Literal, get_args, get_origin

from heatproof.errors import SpecError
from heatproof.train.augmentations import augmentations
from heatproof.train.labels import Absent, Uncertain
from heatproof.train.schedules import schedules
from heatproof.types import REFERENCE

Monitor = Literal["auroc", "loss"]
Optimizer = Literal["adamw", "adam", "sgd"]
Balance = Literal["none", "sample", "loss"]
By = Literal["image", "study"]
Precision = Literal["32-true", "16-mixed", "bf16-mixed"]
Logger = Literal["tensorboard", "mlflow", "wandb"]


@dataclass(frozen=True)
class Settings:
    """How to train.

    Attributes:
        max_epochs: Rounds, at most.
        steps: Optimizer steps of a round, after which it is validated; None for one pass over the
            training images.
        max_seconds: Budget; the round in which it runs out is finished.
        target_auroc: Stop once the validation AUROC reaches it.
        patience: Stop after so many rounds without a better score.
        min_delta: A better score is better by more than this.
        monitor: The validation score that stops and selects.
        by: What validation scores: images, or studies by their highest view.
        select_by: Findings whose AUROCs are averaged to stop and select; all by default.
        keep: How many of the best checkpoints stay.
        batch: Images per step, of all processes together.
        accumulate: Steps whose gradients make one update.
        clip: Largest norm of the gradient; None for no limit.
        optimizer: Adam has betas 0.9 and 0.999; SGD has momentum 0.9.
        lr: Peak learning rate.
        backbone_lr: Factor for the backbone; 0 freezes it (weights and batch-norm statistics).
        weight_decay: Weight decay of the optimizer.
        schedule: Spec of a schedule, such as ``plateau(patience=3)``.
        uncertain: Policy for uncertain labels; ``class`` needs the head ``softmax(classes=3)``.
        absent: Policy for absent ones.
        balance: ``sample`` draws both labels of a finding equally often, ``loss`` weighs positives
            by negatives / positives (classifiers only).
        source: Whose annotations a localizer, or a guided class map, learns from.
        guidance: Weight of the loss of the class map where annotations are shown to a classifier; 0
            for labels alone.  See ``heatproof.train.guidance``.
        fraction: Share of the annotated training images whose annotations guide.
        augment: Specs of augmentations, in turn.
        seed: Seed of order, augmentation and dropout.
        precision: Precision of the arithmetic, as Lightning names it.
        accelerator: Kind of device, as Lightning names it: ``auto``, ``cpu``, ``gpu``.
        devices: Processes on each node, one for each device.
        nodes: Machines that train together; each is told of the others by ``torchrun`` or SLURM.
        strategy: How several processes work together, as Lightning names it: ``auto``, ``ddp``.
        workers: Processes that decode images where these do not fit into memory.
        cache_gb: Decoded images up to this size are kept in memory.
        loggers: Loggers besides ``history.csv``.
    """

    max_epochs: int = 50
    steps: int | None = None
    max_seconds: float = math.inf
    target_auroc: float = math.inf
    patience: int = 10
    min_delta: float = 0.0
    monitor: Monitor = "auroc"
    by: By = "image"
    select_by: tuple[str, ...] = ()
    keep: int = 1
    batch: int = 32
    accumulate: int = 1
    clip: float | None = None
    optimizer: Optimizer = "adamw"
    lr: float = 1e-3
    backbone_lr: float = 1.0
    weight_decay: float = 0.01
    schedule: str = "cosine"
    uncertain: Uncertain = "ignore"
    absent: Absent = "ignore"
    balance: Balance = "none"
    source: str = REFERENCE
    guidance: float = 0.0
    fraction: float = 1.0
    augment: tuple[str, ...] = ("flip",)
    seed: int = 0
    precision: Precision = "32-true"
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    workers: int = 2
    cache_gb: float = 2.0
    loggers: tuple[Logger, ...] = ()

    def __post_init__(self) -> None:
        self._check_numbers()
        # A dataclass does not check the types of its fields.
        for field in fields(self):
            if get_origin(field.type) is Literal:
                allowed, value = get_args(field.type), getattr(self, field.name)
                if value not in allowed:
                    raise SpecError(f"{field.name}={value!r}: expected one of {', '.join(allowed)}")
        if any(word in self.strategy for word in ("spawn", "fork", "notebook")):
            raise SpecError(
                f"strategy={self.strategy!r}: processes that are copies of this one cannot train"
                " here; expected one that starts the command anew, such as ddp"
            )
        schedules.parse(self.schedule)
        for spec in self.augment:
            augmentations.parse(spec)
        for logger in self.loggers:
            if logger not in get_args(Logger):
                raise SpecError(
                    f"loggers: {logger!r}; expected some of {', '.join(get_args(Logger))}"
                )

    def _check_numbers(self) -> None:
        counts = ("max_epochs", "patience", "batch", "keep", "accumulate", "devices", "nodes")
        for name in (*counts, "lr"):
            if getattr(self, name) <= 0:
                raise SpecError(f"{name}={getattr(self, name)}: expected a positive number")
        for name in ("steps", "clip"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise SpecError(f"{name}={value}: expected a positive number, or to be left out")
        if self.backbone_lr < 0:
            raise SpecError(f"backbone_lr={self.backbone_lr}: expected 0 (frozen) or more")
        if self.guidance < 0 or not 0 <= self.fraction <= 1:
            raise SpecError(
                f"guidance={self.guidance}, fraction={self.fraction}: expected a weight of 0 or"
                " more, and a share between 0 and 1"
            )

    @property
    def processes(self) -> int:
        """How many processes train together."""
        return self.devices * self.nodes


@dataclass(frozen=True)
class Epoch:
    """One round of training.

    Attributes:
        loss: Mean over the images it trained on.
        validation_loss: Mean over what is known in the validation images, batch by batch: labels of
            a classifier, places of a localizer.
        auroc: On validation, mean over the findings that select and have both labels there.
        seconds: Since training began, without those between a kill and a resumption.
    """

    loss: float
    validation_loss: float
    auroc: float
    seconds: float

    def score(self, monitor: Monitor) -> float:
        """The score that is monitored: higher is better, and -inf stands for one that is not
        defined.
        """
        score = self.auroc if monitor == "auroc" else -self.validation_loss
        return -math.inf if math.isnan(score) else score


@dataclass(frozen=True)
class History:
    """How training went.

    Attributes:
        epochs: In order.
        monitor: What selects among them.
        stopped: Why it ended, in words; empty while it goes on.
    """

    epochs: tuple[Epoch, ...]
    monitor: Monitor
    stopped: str

    def order(self) -> list[int]:
        """Indices of the epochs, the best first; of equal ones the earlier."""
        scores = [epoch.score(self.monitor) for epoch in self.epochs]
        return sorted(range(len(scores)), key=lambda index: (-scores[index], index))

    @property
    def best(self) -> int:
        """Index of the epoch whose weights were kept."""
        return self.order()[0]

    def waited(self, min_delta: float) -> int:
        """The number of epochs since one was better, by more than ``min_delta``, than the best
        before it.
        """
        waited, best = 0, -math.inf
        for epoch in self.epochs:
            score = epoch.score(self.monitor)
            waited = 0 if score > best + min_delta else waited + 1
            best = score if waited == 0 else best
        return waited

    @property
    def auroc(self) -> float:
        """The validation AUROC of the weights that were kept."""
        return self.epochs[self.best].auroc


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is, after every step.

    Attributes:
        epoch: Counted from 1.
        step: Steps done in this epoch.
        steps: Steps in each epoch.
        auroc: On validation after the last epoch; ``nan`` before.
    """

    epoch: int
    step: int
    steps: int
    auroc: float


Reporter = Callable[[TrainingProgress], None]
