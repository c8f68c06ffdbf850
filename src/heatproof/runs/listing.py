"""The runs below a folder."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from heatproof.errors import ExperimentError
from heatproof.experiment.claim import RUN
from heatproof.runs.folder import Run, open_run

_DEEPEST = 3  # folders: project/experiments/runs/name


def runs_below(folder: Path) -> list[Run]:
    """The runs in a folder and below, the last begun first.

    Raises:
        ExperimentError: There is no such folder.
    """
    if not folder.is_dir():
        raise ExperimentError(f"{folder}: there is no such folder")
    return sorted(_found(folder, _DEEPEST), key=lambda run: str(run.about["begun"]), reverse=True)


def _found(folder: Path, deeper: int) -> Iterator[Run]:
    if (folder / RUN).is_file():
        with suppress(ExperimentError):  # a run.json of another program
            yield open_run(folder)
        return  # a run holds no other
    if deeper:
        for below in sorted(folder.iterdir()):
            if below.is_dir() and not below.name.startswith(".") and not below.is_symlink():
                yield from _found(below, deeper - 1)
