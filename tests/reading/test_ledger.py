"""Whatever is sent, how often and in which order: each stroke is kept once, in its place."""

import hmac
import random
import sqlite3
import stat
import subprocess
import sys
import time
from uuid import uuid4

import pytest

from heatproof.errors import DataError, ExperimentError
from heatproof.reading.ledger import Event, GapError, Ledger, RefusedError


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "study.sqlite")
    yield made
    made.close()


def strokes(count: int, device: str = "d" * 32) -> list[Event]:
    return [
        Event(uuid4().hex, "r", device, i + 1, "write", {"text": str(i)}, float(i))
        for i in range(count)
    ]


def texts(ledger: Ledger) -> list[str]:
    return [event.content["text"] for event in ledger.events()]


def test_what_is_sent_again_counts_once(ledger):
    events = strokes(5)
    assert ledger.append("Ada", events[:3]) == 3
    assert ledger.append("Ada", events[1:]) == 5
    assert ledger.append("Ada", events) == 5
    assert texts(ledger) == list("01234")


@pytest.mark.parametrize("seed", range(5))
def test_a_network_that_loses_and_doubles_changes_nothing(ledger, seed):
    """Any batches, sent in any order: what is kept is what was drawn, without a hole."""
    chance, events = random.Random(seed), strokes(20)
    kept = 0
    while kept < 20:
        start = chance.randrange(0, 20)
        batch = events[start : start + chance.randrange(1, 6)]
        if start > kept:
            with pytest.raises(GapError, match=f"event {kept + 1} "):
                ledger.append("Ada", batch)
        else:
            kept = ledger.append("Ada", batch)
    assert texts(ledger) == [str(i) for i in range(20)]


def test_a_hole_is_refused_as_a_whole(ledger):
    events = strokes(4)
    with pytest.raises(GapError) as gap:
        ledger.append("Ada", [events[0], events[2]])
    assert gap.value.expected == 2
    assert ledger.events() == []


def test_another_event_in_the_same_place_is_refused(ledger):
    ledger.append("Ada", strokes(1))
    with pytest.raises(DataError, match="another event has that place"):
        ledger.append("Ada", strokes(1))
    [event] = strokes(1, "e" * 32)
    ledger.append("Ada", [event])
    with pytest.raises(DataError, match="two events have the id"):
        ledger.append("Ada", [Event(event.id, "r", "f" * 32, 1, "back", {}, 0.0)])


def test_a_check_sees_what_came_before_and_refuses_all(ledger):
    def check(event: Event) -> None:
        if len(ledger.events()) == 2:
            raise DataError("no more")

    events = strokes(3)
    with pytest.raises(RefusedError, match="no more") as refused:
        ledger.append("Ada", events, check)
    assert refused.value.event == events[2].id
    assert ledger.events() == []


@pytest.mark.parametrize("table", ["events", "audit"])
def test_rows_are_only_added(ledger, table):
    ledger.append("Ada", strokes(1))
    ledger.note("admin", "export")
    file = sqlite3.connect(ledger.path)
    for change in (f"DELETE FROM {table}", f"UPDATE {table} SET number = 9"):
        with pytest.raises(sqlite3.IntegrityError, match="only added"):
            file.execute(change)
    file.close()


def test_tokens_are_kept_as_digests_and_a_new_one_ends_the_former(ledger):
    token = ledger.new_token("Ada")
    entered = ledger.enter(token)
    assert entered is not None
    reader, session = entered
    assert reader == "Ada"
    assert ledger.reader_of(session) == "Ada"
    assert ledger.enter(token[:-1]) is None
    assert ledger.reader_of("") is None
    stored = ledger.path.read_bytes() + ledger.path.with_name("study.sqlite-wal").read_bytes()
    assert token.encode() not in stored
    assert session.encode() not in stored
    ledger.new_token("Ada")
    assert ledger.enter(token) is None
    assert ledger.reader_of(session) is None
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600


def test_tokens_are_compared_in_constant_time(ledger, monkeypatch):
    """Every stored digest is compared, by a comparison that does not stop at a difference."""
    compared = []
    real = hmac.compare_digest

    def compare(a, b):
        compared.append(a)
        return real(a, b)

    monkeypatch.setattr("heatproof.reading.ledger.hmac.compare_digest", compare)
    token = ledger.new_token("Ada")
    ledger.new_token("Bo")
    ledger.new_token("Cy")
    compared.clear()
    ledger.enter(token)
    assert len(compared) == 3


def test_a_study_goes_on_with_what_it_was_begun_with(ledger):
    ledger.begin({"seed": 1}, {"Outline": ("1", "Draw.")})
    ledger.begin({"seed": 1}, {"Outline": ("2", "Draw well.")})
    with pytest.raises(ExperimentError, match="begun with other films"):
        ledger.begin({"seed": 2}, {})
    with pytest.raises(ExperimentError, match="raise it"):
        ledger.begin({"seed": 1}, {"Outline": ("2", "Draw better.")})


def test_closed_is_for_good(ledger):
    ledger.set_state("frozen", "admin")
    ledger.set_state("open", "admin")
    ledger.set_state("closed", "admin")
    with pytest.raises(DataError, match="for good"):
        ledger.set_state("open", "admin")
    assert [row[2:] for row in ledger.audit()] == [
        ("state", "frozen"),
        ("state", "open"),
        ("state", "closed"),
    ]


def test_a_file_that_is_no_study_is_told(tmp_path):
    (tmp_path / "study.sqlite").write_text("something else, and long enough to be read as a file")
    with pytest.raises(ExperimentError, match="no study, or a damaged one"):
        Ledger(tmp_path / "study.sqlite")


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    """A process that is killed in the middle of appending keeps all that it said it has."""
    code = """
import sys
from pathlib import Path
from uuid import uuid4
from heatproof.reading.ledger import Event, Ledger
ledger, place = Ledger(Path(sys.argv[1])), 0
while True:
    place += 1
    ledger.append("Ada", [Event(uuid4().hex, "r", "d" * 32, place, "back", {}, 0.0)])
    print(place, flush=True)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "study.sqlite")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [process.stdout.readline()]
    time.sleep(0.3)
    process.kill()
    said += process.stdout.read().splitlines()
    process.stdout.close()
    process.wait()
    last = int(said[-1])
    ledger = Ledger(tmp_path / "study.sqlite")
    places = [event.place for event in ledger.events()]
    ledger.close()
    assert places == list(range(1, len(places) + 1))
    assert len(places) in (last, last + 1)
