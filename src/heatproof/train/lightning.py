"""Lightning, tamed: the trainer as settings want it, and what it may not do around it.

It stays quiet about what its caller knows, leaves Ctrl-C to Python, and says of a full disk what
helps.
"""

import hashlib
import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.exceptions import SIGTERMException

from heatproof.errors import HeatproofError, ModelError, SpecError
from heatproof.train.settings import Settings
from heatproof.train.whole import WholeCheckpoints


def trainer_of(
    settings: Settings, callbacks: list[Any], folder: Path, *, keep: bool
) -> lightning.Trainer:
    """A trainer; raises SpecError where the settings name what this machine does not have.

    Args:
        settings: Settings of the training.
        callbacks: Callbacks of Lightning.
        folder: Folder for logs.
        keep: Whether logs are written at all.
    """
    try:
        return lightning.Trainer(
            accelerator=settings.accelerator,
            devices=settings.devices,
            num_nodes=settings.nodes,
            strategy=settings.strategy,
            plugins=[WholeCheckpoints()],
            use_distributed_sampler=False,  # ours know what each process takes
            max_epochs=settings.max_epochs,
            precision=settings.precision,
            accumulate_grad_batches=settings.accumulate,
            gradient_clip_val=settings.clip,
            callbacks=callbacks,
            logger=[_logger(name, folder) for name in settings.loggers] if keep else False,
            default_root_dir=folder,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,  # validation before training would count as a round
            log_every_n_steps=1,
        )
    except (MisconfigurationException, ValueError) as error:
        raise SpecError(
            f"accelerator={settings.accelerator!r}, devices={settings.devices},"
            f" strategy={settings.strategy!r}, precision={settings.precision!r}: {error}"
        ) from error


def _logger(name: str, folder: Path) -> Any:
    from lightning.pytorch import loggers

    called = "/".join(folder.absolute().parts[-2:])
    # The folder gives the id, so that a training that goes on does so in the same run of W&B.
    run = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:16]
    try:
        if name == "tensorboard":
            return loggers.TensorBoardLogger(folder, name="", version="tensorboard")
        if name == "mlflow":
            return loggers.MLFlowLogger("heatproof", called, save_dir=str(folder / "mlruns"))
        return loggers.WandbLogger(called, folder, id=run, resume="allow")
    except ModuleNotFoundError as error:
        raise SpecError(f"loggers: {name} is not installed: pip install {name}") from error


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Raise ModelError where the folder cannot be written to; the last checkpoint stays."""
    try:
        yield
    except HeatproofError:
        raise
    except OSError as error:
        raise ModelError(
            f"cannot write to {folder}: {error}; the last checkpoint there is whole, and the same"
            " command goes on from it"
        ) from error


@contextmanager
def interruptible() -> Iterator[None]:
    """Leave Ctrl-C and SIGTERM as they are.

    Lightning turns the first Ctrl-C into an exit and ignores later ones, and ends after a SIGTERM
    with status 0, which schedulers take for success.
    """
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SIGTERMException as error:
        raise SystemExit(128 + signal.SIGTERM) from error
    except SystemExit as error:
        # Lightning exits while it handles the interrupt, which is then the context of the exit.
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
    finally:
        # Python lets only the main thread set a handler.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what Lightning says at every start, such as which accelerators there are."""
    names = (
        "lightning.pytorch.utilities.rank_zero",
        "lightning.pytorch.accelerators.cuda",
        "lightning.pytorch.callbacks",
    )
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # Lightning 2.6 asks torch 2.15 in a way that is going out of use.
            warnings.filterwarnings("ignore", ".*LeafSpec.*is deprecated", FutureWarning)
            warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty")
            warnings.filterwarnings("ignore", ".*does not have many workers")
            # On a machine of a cluster; whoever shares a training by Slurm knows.
            warnings.filterwarnings("ignore", "The `srun` command is available")
            warnings.filterwarnings("ignore", ".*module.* in eval mode at the start")  # frozen norm
            warnings.filterwarnings("ignore", ".*sync_dist=True")  # what is logged was gathered
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
