"""Studies at rest: trials that are not as they were written are tried again."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from heatproof.errors import DamagedFile
from heatproof.sweep.storage import open_storage, sealed_trial, sound_study

KINDS = {"lr": FloatDistribution(1e-4, 1e-1, log=True), "batch": CategoricalDistribution((8, 16))}


def trial(number: int) -> optuna.trial.FrozenTrial:
    return optuna.trial.create_trial(
        state=TrialState.PRUNED if number == 1 else TrialState.COMPLETE,
        value=None if number == 1 else 0.1 + number / 3,
        params={"lr": 1e-3 / 7 * (number + 1), "batch": 8},
        distributions=KINDS,
        user_attrs={"seconds": 1 / 3},
        intermediate_values={1: 0.1, 2: 0.7},
    )


def written(file, trials: int = 4):
    with open_storage(file) as storage:
        study = sound_study(storage, "s")
        for number in range(len(study.trials), trials):
            study.add_trial(sealed_trial("s", number, trial(number)))
    return file


def numbers(file) -> int:
    with open_storage(file) as storage:
        return len(sound_study(storage, "s").trials)


@pytest.mark.parametrize("folder", ["run", "run?", "a b%20{}", "na\udcffve"])
def test_what_was_written_is_read(tmp_path, folder):
    (tmp_path / folder).mkdir()
    file = written(tmp_path / folder / "sweep.sqlite3")
    assert numbers(file) == 4
    assert list((tmp_path / folder).iterdir()) == [file]
    assert list(tmp_path.iterdir()) == [tmp_path / folder]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE trial_values SET value = 0.9 WHERE trial_id = 3",
        "UPDATE trials SET state = 'FAIL' WHERE trial_id = 3",
        "UPDATE trial_params SET param_value = 0.05 WHERE trial_id = 3 AND param_name = 'lr'",
        "UPDATE trial_intermediate_values SET intermediate_value = 0.2 WHERE trial_id = 3",
        "UPDATE trial_user_attributes SET value_json = '2.0'"
        " WHERE trial_id = 3 AND key = 'seconds'",
        "DELETE FROM trial_user_attributes WHERE trial_id = 3 AND key = 'sha256'",
    ],
)
def test_an_altered_trial_and_those_after_it_are_forgotten(tmp_path, change):
    file = written(tmp_path / "sweep.sqlite3")
    with closing(sqlite3.connect(file)) as opened, opened:
        assert opened.execute(change).rowcount > 0
    with pytest.warns(DamagedFile, match="trial 2 "):
        assert numbers(file) == 2
    written(file)
    assert numbers(file) == 4


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\0" + b"x" * 5000])
def test_a_file_that_is_no_database_is_made_anew(tmp_path, content):
    file = tmp_path / "sweep.sqlite3"
    file.write_bytes(content)
    with pytest.warns(DamagedFile, match="made again"):
        assert numbers(file) == 0


def test_a_database_of_something_else_is_made_anew(tmp_path):
    file = tmp_path / "sweep.sqlite3"
    with closing(sqlite3.connect(file)) as opened, opened:
        opened.execute("CREATE TABLE maps (x)")
    with pytest.warns(DamagedFile, match="made again"):
        assert numbers(file) == 0


def test_several_open_a_new_file_at_once(tmp_path):
    def studies(file) -> int:
        with open_storage(file) as storage:
            return len(storage.get_all_studies())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(studies, [tmp_path / "sweep.sqlite3"] * 4)) == [0] * 4


@pytest.mark.parametrize("stage", ["opened", "written"])
def test_a_full_disk_is_an_error_of_the_system_that_names_the_file(tmp_path, stage, monkeypatch):
    file = tmp_path / "sweep.sqlite3"
    if stage == "written":
        written(file)
    connect = sqlite3.connect

    def small(file):
        opened = connect(file)
        pages = opened.execute("PRAGMA page_count").fetchone()[0]
        opened.execute(
            f"PRAGMA max_page_count = {pages or 1}"
        )  # SQLite then says what a full disk says
        return opened

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(OSError, match=r"sweep\.sqlite3: database or disk is full"):
        written(file, 200)
