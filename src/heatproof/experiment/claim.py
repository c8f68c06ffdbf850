"""``run.json``: which experiment an output folder holds, made with what, where and when.

A folder holds one experiment.  Another one, which would mix its tables and pages with those that
are there, is refused; the same one with other settings is not, since whatever they change has
another name.
"""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from warnings import warn

from heatproof.disk import sealed, tidy, unsealed, write_whole
from heatproof.errors import DamagedFile, ExperimentError
from heatproof.experiment.file import Experiment
from heatproof.tables.units import digest

RUN = "run.json"
FORMAT = 1
# What is read without looking whether it is there.
_KINDS: dict[str, Any] = {
    "experiment": str,
    "file": str,
    "begun": str,
    "finished": str | None,
    "members": list,
}
_VERSIONS = ("heatproof", "torch", "numpy", "polars")  # numbers depend on them


def check_folder(experiment: Experiment) -> None:
    """Look whether an experiment may use its output folder; changes nothing.

    Raises:
        ExperimentError: The folder holds another experiment, or a ``run.json`` of another program.
    """
    before = read_claim(experiment.output_folder)
    if before is None:
        return
    # Calls of ``prove`` share a folder unless they say otherwise, whatever they call the model.
    from_python = not experiment.text and not before["file"]
    if before["experiment"] != experiment.name and not from_python:
        raise ExperimentError(
            f"{experiment.output_folder} holds the results of the experiment"
            f" {before['experiment']!r}, not of {experiment.name!r}; choose another folder with"
            f" output = ... or -o. Was it renamed? Then remove {RUN} there"
        )


def claim(experiment: Experiment) -> None:
    """Make the output folder that of an experiment, and remove what killed runs left unfinished.

    Raises:
        ExperimentError: The folder cannot be written to, holds another experiment, or has links
            that lead out of it.
    """
    folder = experiment.output_folder
    check_folder(experiment)
    now = _now()
    before = read_claim(folder) or {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tidy(folder)
        write_whole(
            folder / RUN,
            sealed(
                {
                    "format": FORMAT,
                    "experiment": experiment.name,
                    "file": experiment.file_name if experiment.text else "",
                    "settings": _settings_digest(experiment),
                    "asked": _asked(experiment),
                    "data": None,
                    "versions": _versions(),
                    "machine": {
                        "name": platform.node(),
                        "system": platform.platform(),
                        "cores": os.cpu_count(),
                    },
                    "first_begun": before.get("first_begun", now),
                    "begun": now,
                    "finished": None,
                    "seconds": before.get("seconds", 0.0),
                    "members": [],
                }
            ),
        )
    except OSError as error:
        raise ExperimentError(
            f"cannot write to {folder}: {error}; choose another folder with output = ... or -o"
        ) from error


def finish(
    folder: Path, digests: Mapping[str, str], members: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Say that the report is written, and of what data.

    Args:
        folder: The output folder, which was claimed.
        digests: Digest of what each data set holds, by its name.
        members: What judged films: ``data``, ``model``, ``member``, the ``id`` by which the store
            of maps knows it, and the spec of the ``geometry`` that brings its maps over films.
    """
    claimed, now = read_claim(folder) or {}, _now()
    begun = datetime.fromisoformat(claimed.get("begun", now))
    # Of all commands that came to an end; when one was interrupted nobody knows.
    seconds = claimed.get("seconds", 0.0) + (datetime.fromisoformat(now) - begun).total_seconds()
    ended = {"data": dict(digests), "finished": now, "seconds": seconds, "members": [*members]}
    write_whole(folder / RUN, sealed({**claimed, **ended}))


def is_finished(folder: Path) -> bool:
    """Whether the report of the folder was written since a run last began."""
    claimed = read_claim(folder)
    return claimed is not None and claimed["finished"] is not None


def read_claim(folder: Path) -> dict[str, Any] | None:
    """What ``run.json`` says; None where there is none, or a damaged one, which is told.

    What is sealed but says nothing of a run, such as the card of a model, counts as damaged.

    Raises:
        ExperimentError: It is the file of another program.
    """
    file = folder / RUN
    try:
        text = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ExperimentError(f"cannot read {file}: {error}") from error
    try:
        return _checked(unsealed(text))
    except ValueError as error:
        if _is_foreign(text):
            raise ExperimentError(
                f"{file} is not from heatproof, so the folder is another program's; choose another"
                " with output = ... or -o"
            ) from error
        warn(f"{file}: {error}; the next run makes it again", DamagedFile, stacklevel=2)
        return None


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """The values of a sealed file; raises ValueError where they are not those of a run."""
    # The cards of models are sealed, too, and one may have been swapped with it.
    wrong = [key for key, kind in _KINDS.items() if not isinstance(values.get(key), kind)]
    if wrong:
        raise ValueError(f"it is no file of a run: {', '.join(wrong)} cannot be read")
    return values


def _is_foreign(text: bytes) -> bool:
    """Whether it is whole JSON that heatproof never wrote, damaged or not."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return not isinstance(values, dict) or not {"experiment", "sha256"} & set(values)


def _settings_digest(experiment: Experiment) -> str:
    """Changes with whatever the experiment asks for, and not with where it lies."""
    # What films may take on the disk changes no result.
    left_out = {"output", "paths_from", "data", "prepared_gb"}
    settings = experiment.model_dump(exclude=left_out)
    data = [entry.model_dump(exclude={"dataset"}) for entry in experiment.data]
    kinds = [
        entry.dataset if isinstance(entry.dataset, str) else type(entry.dataset).__name__
        for entry in experiment.data
    ]
    return digest(settings, data, kinds)


def _asked(experiment: Experiment) -> dict[str, Any]:
    """What the experiment asks for, as JSON; what stands in memory is named by its kind."""
    settings = experiment.model_dump(exclude={"output", "paths_from", "prepared_gb"})
    text = json.dumps(settings, default=lambda value: type(value).__name__)
    asked: dict[str, Any] = json.loads(text)
    return asked


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in _VERSIONS},
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
