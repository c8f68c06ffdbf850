"""Studies of a sweep at rest: an SQLite file whose trials carry digests.

A file that is no database any more is removed, with a warning: trained models stay, so that only
trials without a model are trained again.  A trial that is not as it was written, and those after
it, which were drawn by what it said, are tried again.
"""

import copy
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial
from sqlalchemy.exc import SQLAlchemyError

from heatproof.disk import alone_in
from heatproof.errors import DamagedFile
from heatproof.tables.units import digest

_SEAL = "sha256"  # attribute of a trial


@contextmanager
def open_storage(file: Path) -> Iterator[optuna.storages.RDBStorage]:
    """The studies in a file, which is made where there is none, and anew where it is damaged.

    Raises:
        OSError: The file cannot be read or written, then or later; the disk may be full.
    """
    try:
        storage = _opened(file)
        try:
            yield storage
        finally:
            # The pool of connections would keep the SQLite file open.
            storage.remove_session()
            storage.engine.dispose()
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        # Optuna puts its own error around that of SQLAlchemy, which holds that of SQLite.
        cause = error.__cause__ or error
        raise OSError(f"{file}: {getattr(cause, 'orig', None) or cause}") from error


def _opened(file: Path) -> optuna.storages.RDBStorage:
    # Another sweep may be making its tables there at this moment.
    with alone_in(file.parent):
        if file.exists() and not is_whole(file):
            warnings.warn(
                f"{file}: was damaged; the search is made again", DamagedFile, stacklevel=2
            )
            file.with_name(f"{file.name}-journal").unlink(missing_ok=True)
            file.unlink()
        # Optuna expects an address, in which a path may mean something else.  This one means no
        # file, and the connections go to ours.
        connections = {"creator": lambda: sqlite3.connect(file)}
        return optuna.storages.RDBStorage("sqlite://", engine_kwargs=connections)


def sound_study(storage: optuna.storages.RDBStorage, name: str) -> optuna.Study:
    """The study of that name with its trials up to the first that is not as it was written."""

    def made() -> optuna.Study:
        return optuna.create_study(
            storage=storage, study_name=name, direction="maximize", load_if_exists=True
        )

    study = made()
    trials = study.trials
    sound = next((n for n, trial in enumerate(trials) if not _is_sound(name, n, trial)), None)
    if sound is None:
        return study
    warnings.warn(
        f"trial {sound} of the study {name} was damaged, or comes from a version that sealed none;"
        " the search goes on from there",
        DamagedFile,
        stacklevel=2,
    )
    optuna.delete_study(study_name=name, storage=storage)  # a study forgets no single trial
    study = made()
    study.add_trials(trials[:sound])
    return study


def sealed_trial(study: str, number: int, trial: FrozenTrial) -> FrozenTrial:
    """The trial with a digest of all that is stored of it, and of its place."""
    sealed = copy.deepcopy(trial)
    sealed.user_attrs = {**trial.user_attrs, _SEAL: _digest(study, number, trial)}
    return sealed


def _is_sound(study: str, number: int, trial: FrozenTrial) -> bool:
    return bool(trial.user_attrs.get(_SEAL) == _digest(study, number, trial))


def _digest(study: str, number: int, trial: FrozenTrial) -> str:
    attributes = {key: value for key, value in trial.user_attrs.items() if key != _SEAL}
    return digest(
        study,
        number,
        trial.state.name,
        trial.values,
        trial.params,
        {name: repr(kind) for name, kind in trial.distributions.items()},
        attributes,
        sorted(trial.intermediate_values.items()),
    )


def is_whole(file: Path) -> bool:
    """Whether a file is a database of studies, or an empty one."""
    try:
        with closing(sqlite3.connect(file)) as opened:
            [answer] = opened.execute("PRAGMA integrity_check(1)").fetchone()
            tables = {name for [name] in opened.execute("SELECT name FROM sqlite_master")}
    except sqlite3.OperationalError as error:
        raise OSError(f"{file} cannot be read: {error}") from error
    except sqlite3.DatabaseError:
        return False
    return bool(answer == "ok") and (not tables or {"studies", "trials"} <= tables)
