"""Where trained models lie in the run folder, and what the files of a training are called."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heatproof.disk import is_file
from heatproof.errors import DamagedFile, HeatproofError
from heatproof.experiment.model import ModelEntry, Sampling, Scaling
from heatproof.experiment.workspace import Workspace
from heatproof.models import card as cards
from heatproof.models.weights import checksum
from heatproof.preparation.network import weights_of
from heatproof.preparation.opening import own_code
from heatproof.preparation.plan import architecture_of, plan_of, start_of
from heatproof.tables.units import folder_name

AUROC = "validation AUROC"  # the name of that metric on the card
CHECKPOINTS = "training"  # the folder of what a training that was killed goes on from
KEPT = "kept"  # the folder of the second best checkpoint and those after it


def trained_folder(work: Workspace, entry: ModelEntry) -> Path:
    """Where a model lies once it is trained; the name changes with whatever makes the model."""
    plan = plan_of(entry)
    start = start_of(work.experiment.models, entry)
    weights = map(Path, weights_of(work.experiment.folder, plan))
    # What later versions added stands at the end, and only where it is used: the name of a model
    # that was trained before must stay.
    name = folder_name(
        entry.name,
        entry.backbone,
        entry.head,
        entry.scaling and _said(entry.scaling),
        plan.model_dump(),
        work.data[plan.data].digest,
        work.data[plan.validation].digest,
        # The name of the start stands for everything that made it.
        trained_folder(work, start).name if start else "",
        # A file of weights may be replaced under the same name.
        [checksum(file) for file in weights if is_file(file)],
        *([architecture_of(entry)] if entry.localizer else []),
        *([] if entry.sampling == Sampling() else [entry.sampling.model_dump()]),
        *([own_code(work.experiment.folder, entry)] if entry.module else []),
    )
    return work.folder / "models" / name


def _said(scaling: Scaling) -> dict[str, Any]:
    """What a scaling says, without the keys of later versions that it leaves out."""
    first = {"geometry", "channels", "mean", "std"}
    every = scaling.model_dump()
    return {key: value for key, value in every.items() if key in first or value}


def is_whole(folder: Path, read: Callable[[Path], object]) -> bool:
    """Whether what was made here is as it was written; warns where it is not.

    Args:
        folder: Where it lies.
        read: Raises HeatproofError where it is not.
    """
    try:
        read(folder)
    except HeatproofError as error:
        warnings.warn(f"{error}; it is made again", DamagedFile, stacklevel=2)
        return False
    return True


def kept_folders(folder: Path) -> list[Path]:
    """The best checkpoints of a training as models of their own, the best first."""
    others = (card.parent for card in (folder / KEPT).glob(f"*/{cards.CARD}"))
    # Folders are named by rank; as text, 10 would stand before 2.
    return [folder, *sorted(others, key=lambda place: int(place.name))]
