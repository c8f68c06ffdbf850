"""Training: how weights come about.

Rounds of optimizer steps, each followed by validation.  Training stops at a score on validation,
when the score no longer rises, or when a budget is spent; the best checkpoints on validation stay.
In a folder it goes on where it was: after every round everything that decides what follows is on
disk, and what is left to chance depends on the seed and the place in the run alone, so that a
training that was killed ends with the weights of one that was not.
"""

import hashlib
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.apply_func import move_data_to_device
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from heatproof.errors import DamagedFile, DataError, ModelError, SpecError, TrainingError
from heatproof.models.card import Regions
from heatproof.models.classifier import Classifier
from heatproof.models.devices import repeatable, within_memory
from heatproof.models.localizers import Localizer
from heatproof.models.prepared import NOTHING_KEPT, PreparedFilms
from heatproof.models.seeding import seeded
from heatproof.train.augmentations import augmentations
from heatproof.train.best import BestRounds, best_file
from heatproof.train.checks import checked_labels, studies_of
from heatproof.train.classification import ClassificationObjective
from heatproof.train.guidance import Guided
from heatproof.train.images import Batch, ImageOrder, Images, InTurn, balanced, loader
from heatproof.train.labels import highest_views, label_matrix
from heatproof.train.learner import Learner, mean_auroc, write_curve
from heatproof.train.lightning import full_disk, interruptible, quiet, trainer_of
from heatproof.train.localization import LocalizationObjective
from heatproof.train.objective import Objective
from heatproof.train.reading import read
from heatproof.train.regions import digest_regions
from heatproof.train.settings import History, Reporter, Settings, TrainingProgress
from heatproof.train.whole import read_checkpoint
from heatproof.types import Dataset

CURVE, LAST = "history.csv", "last"


@dataclass(frozen=True)
class KeptCheckpoint:
    """One of the best checkpoints, judged on validation.

    Attributes:
        epoch: Index in the history.
        temperatures: Per finding; empty of a localizer.
        aurocs: Per finding, over the labels that say yes or no whatever the policy for others;
            ``nan`` where these are of one kind.
        file: File of the weights; None without a folder.
    """

    epoch: int
    temperatures: tuple[float, ...]
    aurocs: tuple[float, ...]
    file: Path | None = None


@dataclass(frozen=True)
class Fitted:
    """The result of a training.

    Attributes:
        history: How it went.
        kept: The best checkpoints, the best first.
        regions: What a network was shown beside labels.
        aside: The reason why a film of training or validation could not be read, by its identifier.
    """

    history: History
    kept: tuple[KeptCheckpoint, ...]
    regions: Regions | None = None
    aside: Mapping[str, str] = field(default_factory=dict)


@repeatable(rounded=True)
def fit(
    model: Classifier | Localizer[Any],
    train: Dataset,
    validation: Dataset,
    settings: Settings,
    progress: Reporter | None = None,
    folder: Path | None = None,
    prepared: PreparedFilms = NOTHING_KEPT,
) -> Fitted:
    """Train a classifier or a localizer in place; it ends with its best weights, to evaluate.

    Films that cannot be read are left out, with a warning; see ``reading``.

    Args:
        model: The network to train; its findings and preprocessing count.
        train: Films that the weights are fitted to.
        validation: Films of other patients, which decide when to stop and which weights to keep.
        settings: How it is trained.
        progress: Called after every step, such as to move a progress bar.
        folder: For checkpoints, curve and logs; a training that was interrupted there goes on.
        prepared: Inputs of films that were read before, such as for another model.

    Raises:
        DataError: A finding cannot be learned or judged from these labels or annotations, or a
            patient is on both sides.
        SpecError: A setting is not for this model.
        AnnotationError: What is drawn does not fit its image, or contradicts a label.
        ModelError: The loss is no longer finite, the folder holds another training, or the disk is
            full; the last good checkpoint stays.  A damaged checkpoint is no error: the training
            begins anew, with a warning.
    """
    masks = len(model.findings) if isinstance(model, Localizer) or settings.guidance else 0
    seen, judged = (
        read(data, model.preprocessing, settings.cache_gb, masks, prepared)
        for data in (train, validation)
    )
    train, validation = seen.dataset, judged.dataset
    classes = None if isinstance(model, Localizer) else model.head.classes
    labels, truth = checked_labels(model.findings, classes, train, validation, settings)
    objective = _objective(model, settings, labels, train)
    transforms = [augmentations.parse(spec)() for spec in settings.augment]
    with nullcontext(folder) if folder else _unkept() as place:
        images, checks = (
            Images(
                data.dataset,
                model.preprocessing,
                known,
                prepared=prepared,
                kept=data.images,
                target=objective.target,
                transforms=chosen,
                seed=settings.seed,
            )
            for data, known, chosen in (
                (seen, labels, transforms),
                (judged, truth, []),  # films as they are
            )
        )
        pool = balanced(labels) if settings.balance == "sample" else torch.arange(len(images))
        order = partial(ImageOrder, pool, settings.batch, settings.steps, settings.seed)
        in_turn = partial(loader, checks, batch=settings.batch, workers=settings.workers)
        _check_processes(settings, order().batch, len(checks), folder)
        marked, drawn = digest_regions(images.targets())
        _, checked = digest_regions(checks.targets())
        learner = Learner(
            objective,
            settings,
            order().steps,
            # Batches of all processes together are the batch of a single process.
            batches=lambda rank, world: loader(
                images, order(rank, world), order().batch // world, settings.workers
            ),
            checks=lambda rank, world: in_turn(InTurn(len(checks), rank, world)),
            studies=studies_of(validation, settings),
            made_of=_made_of(model, settings, (images, checks), drawn + checked),
            report=progress or _silent,
            after_round=lambda history: write_curve(history, place / CURVE),
        )
        device = _train(learner, settings, place, keep=folder is not None)
        history = learner.history()
        certain = label_matrix(validation, model.findings, "ignore", settings.absent)
        judge = partial(_judged, learner, device, in_turn(InTurn(len(checks))), (truth, certain))
        # The best last: its weights are those that stay in the network.
        kept = [
            judge(epoch, best_file(place, epoch))
            for epoch in reversed(history.order()[: settings.keep])
        ]
        if folder is None:
            # The temporary folder is gone when the caller gets the paths.
            kept = [replace(checkpoint, file=None) for checkpoint in kept]
        aside = {**seen.aside, **judged.aside}
        return Fitted(history, tuple(reversed(kept)), objective.regions(marked), aside)


def _train(learner: Learner, settings: Settings, place: Path, *, keep: bool) -> torch.device:
    """Train from the last round on disk until a rule or a budget ends it; the device of the
    network.
    """
    # With its counter Lightning would write ``last-v1`` beside a checkpoint that is there already.
    last = ModelCheckpoint(place, LAST, enable_version_counter=False)
    less = f"batch={settings.batch} may be smaller; accumulate keeps the images of a step"
    with (
        quiet(),
        full_disk(place),
        interruptible(),
        within_memory(less, TrainingError),
        seeded(settings.seed),
        _frozen(learner.model.backbone, settings.backbone_lr == 0),
    ):
        place.mkdir(parents=True, exist_ok=True)
        trainer = trainer_of(settings, [BestRounds(place, settings.keep), last], place, keep=keep)
        # Convolutions are faster in it.
        learner.model.train().to(memory_format=torch.channels_last)
        begun = _begun(learner, place)
        if not learner.stopped:
            trainer.fit(learner, ckpt_path=begun, weights_only=True)
    return trainer.strategy.root_device


def _begun(learner: Learner, place: Path) -> Path | None:
    """The checkpoint to go on from, with which the learner is familiar then.

    None where there is none.  Where one is damaged, or the weights of a round that it calls one of
    the best, all are removed with a warning, and the training begins anew.
    """
    last = place / f"{LAST}.ckpt"
    if not last.is_file():
        return None
    try:
        state = read_checkpoint(last)
        for epoch in learner.history_in(state).order()[: learner.settings.keep]:
            read_checkpoint(best_file(place, epoch))
    except ModelError as error:
        warnings.warn(f"{error}; the training begins anew", DamagedFile, stacklevel=2)
        for file in place.glob("*.ckpt"):
            file.unlink(missing_ok=True)
        return None
    # Known before the trainer reads it: a checkpoint of another training is refused, and a training
    # that has ended is not begun again.
    learner.on_load_checkpoint(state)
    return last


def _judged(
    learner: Learner,
    device: torch.device,
    batches: Iterable[Batch],
    labels: tuple[Tensor, Tensor],
    epoch: int,
    checkpoint: Path,
) -> KeptCheckpoint:
    """One checkpoint on the validation images: temperatures by the labels under the policies,
    AUROCs by certain labels.
    """
    objective, (truth, certain) = learner.objective, labels
    restore(objective.model, checkpoint)
    objective.model.to(device)
    with torch.no_grad():
        results = (objective.judged(move_data_to_device(batch, device)) for batch in batches)
        scores = torch.cat([result.scores.float().cpu() for result in results])
    objective.model.cpu()
    ranked, known = scores, certain
    if learner.studies:
        ranked, known = highest_views(scores, certain, learner.studies)
    aurocs = tuple(mean_auroc(ranked[:, [k]], known[:, [k]]) for k in range(known.shape[1]))
    return KeptCheckpoint(epoch, objective.temperatures(scores, truth), aurocs, checkpoint)


def restore(model: Classifier | Localizer[Any], checkpoint: Path) -> None:
    """Give a network the weights of a checkpoint; it is in evaluation mode then.

    Raises:
        ModelError: The file is damaged, or of another network.
    """
    try:
        state = read_checkpoint(checkpoint)["state_dict"]
        model.load_state_dict({k.removeprefix("model."): v for k, v in state.items()})
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"{checkpoint}: not a checkpoint of this network: {error}") from error
    model.to(memory_format=torch.contiguous_format)
    model.eval()


def _objective(
    model: Classifier | Localizer[Any], settings: Settings, labels: Tensor, train: Dataset
) -> Objective:
    if isinstance(model, Localizer):
        return LocalizationObjective(model, settings, train)
    labelled = ClassificationObjective(model, settings, labels)
    return Guided(labelled, settings, train) if settings.guidance else labelled


def _check_processes(settings: Settings, batch: int, checks: int, folder: Path | None) -> None:
    if settings.processes == 1:
        return
    if folder is None:
        raise SpecError("several processes train in a folder that all of them see; none was given")
    if batch % settings.processes:
        raise SpecError(
            f"a batch of {batch} cannot be shared by {settings.processes} processes (devices x"
            " nodes); make it a multiple"
        )
    if checks < settings.processes:
        raise DataError(f"{settings.processes} processes cannot share {checks} validation images")


def _made_of(
    model: Classifier | Localizer[Any],
    settings: Settings,
    data: Iterable[Images],
    drawn: str,
) -> dict[str, str]:
    """The inputs of a training that a checkpoint must share if training is to go on from it."""
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if isinstance(model, Localizer):
        parts: object = model.spec
    else:
        parts = (getattr(model.head, "spec", ""), model.backbone.grid)
    samples = [each.dataset[index] for each in data for index in range(len(each))]
    films = str([(s.image_id, s.study_id, s.pixels.version()) for s in samples])
    # The bytes of nan are not unique, and -1 is no label.
    labels = b"".join(each.labels.nan_to_num(nan=-1).numpy().tobytes() for each in data)
    return {
        "findings": ", ".join(model.findings),
        "preprocessing": str(model.preprocessing.to_json()),
        "architecture": hashlib.sha256(f"{shapes}{parts}".encode()).hexdigest()[:12],
        "settings": str(settings),
        "data": hashlib.sha256(labels + f"{drawn}{films}".encode()).hexdigest()[:12],
    }


def _silent(_: TrainingProgress) -> None:
    """A reporter for a training that nobody watches."""


@contextmanager
def _unkept() -> Iterator[Path]:
    """A folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@contextmanager
def _frozen(backbone: torch.nn.Module, asked: bool) -> Iterator[None]:
    """Switch off the gradients of a backbone whose learning rate is 0."""
    # Weights that somebody else froze are left out, and so stay frozen afterwards.
    learning = [weight for weight in backbone.parameters() if asked and weight.requires_grad]
    for weight in learning:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in learning:
            weight.requires_grad_(True)
