"""What may be removed of a run, because the same command makes it again: its maps."""

import shutil

from heatproof.runs.folder import Run

MAPS = "maps"


def remove_maps(run: Run) -> int:
    """Remove the maps of a run; returns the bytes that were freed.

    Tables, verdicts and the report stay.  The command of the run makes the maps again when a metric
    or a criterion that was not measured yet needs them.
    """
    folder = run.folder / MAPS
    if not folder.is_dir() or folder.is_symlink():
        return 0
    freed = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    shutil.rmtree(folder)
    return freed
