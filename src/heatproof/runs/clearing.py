"""What may be removed of a run, because the same command makes it again: its maps, and films
that it prepared.
"""

import shutil
from pathlib import Path

from heatproof.experiment.workspace import PREPARED
from heatproof.runs.folder import Run

MAPS = "maps"


def remove_maps(run: Run) -> int:
    """Remove the maps of a run; returns the bytes that were freed.

    Tables, verdicts and the report stay.  The command of the run makes the maps again when a metric
    or a criterion that was not measured yet needs them.
    """
    return _remove(run.folder / MAPS)


def remove_prepared(run: Run) -> int:
    """Remove the films that a run prepared and kept; returns the bytes that were freed.

    The command of the run prepares them again where it still needs them.
    """
    return _remove(run.folder / PREPARED)


def _remove(folder: Path) -> int:
    if not folder.is_dir() or folder.is_symlink():
        return 0
    freed = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    shutil.rmtree(folder)
    return freed
