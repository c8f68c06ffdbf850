"""What happened in a study, in one SQLite file to which rows are only added.

An *event* is one stroke of a reader: a mark drawn, moved or erased, a word chosen, a film opened or
finished.  The browser numbers its events (``device``, ``place``) and names each (``id``).  An event
that is here already is taken for the same event sent twice; one whose predecessor is not here is
refused, and the browser sends again from there.  So whatever is cut off, nothing is lost, doubled
or out of order.

Tokens are kept as SHA-256: they are 256 random bits, so that nothing can be guessed.
"""

import hashlib
import hmac
import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heatproof.errors import DataError, ExperimentError

ADMIN = ""
"""The reader of a token that administers; no reader has an empty name."""
OPEN, FROZEN, CLOSED = "open", "frozen", "closed"
_SESSION_DAYS = 30
_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (hash TEXT PRIMARY KEY, reader TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    hash TEXT PRIMARY KEY, reader TEXT NOT NULL, begun REAL NOT NULL, seen REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, reader TEXT NOT NULL,
    reading TEXT NOT NULL, device TEXT NOT NULL, place INTEGER NOT NULL, kind TEXT NOT NULL,
    content TEXT NOT NULL, at REAL NOT NULL, received REAL NOT NULL,
    UNIQUE (reader, device, place)
);
CREATE INDEX IF NOT EXISTS of_reading ON events (reading);
CREATE INDEX IF NOT EXISTS of_done ON events (reading, received) WHERE kind = 'done';
CREATE TABLE IF NOT EXISTS audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, who TEXT NOT NULL,
    what TEXT NOT NULL, detail TEXT NOT NULL
);
""" + "".join(
    f"CREATE TRIGGER IF NOT EXISTS no_{verb}_{table} BEFORE {verb} ON {table}"
    " BEGIN SELECT RAISE(ABORT, 'rows are only added'); END;\n"
    for table in ("events", "audit")
    for verb in ("UPDATE", "DELETE")
)


@dataclass(frozen=True)
class Event:
    """One stroke of a reader.

    Attributes:
        id: Made by the browser, unique.
        reading: ``Reading.id``.
        device: The browser that made it.
        place: From 1, in the order in which that browser made its events.
        kind: ``answers`` says which there are.
        content: What belongs to the kind.
        at: Seconds by the clock of the browser.
        received: Seconds by the clock of the server; 0 before.
    """

    id: str
    reading: str
    device: str
    place: int
    kind: str
    content: Mapping[str, Any]
    at: float
    received: float = 0.0


class GapError(DataError):
    """An event came before its predecessor.

    Attributes:
        expected: The place that comes next.
    """

    def __init__(self, expected: int) -> None:
        self.expected = expected
        super().__init__(f"event {expected} of this browser is not here yet; send from there")


class RefusedError(DataError):
    """An event that may not be added.

    Attributes:
        event: Its id.
    """

    def __init__(self, event: str, words: str) -> None:
        self.event = event
        super().__init__(words)


class Ledger:
    """The file of a study; used in one thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        # Rows are on the disk before the browser is told that they are.
        self._file = sqlite3.connect(
            path, isolation_level=None, timeout=30, check_same_thread=False
        )
        try:
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = FULL")
            self._file.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self._file.close()
            raise ExperimentError(
                f"{path} is no study, or a damaged one ({error}); move it away to begin anew"
            ) from error
        path.chmod(0o600)

    def close(self) -> None:
        """Write what is left of the journal, and let go."""
        self._file.close()

    def begin(self, asked: Mapping[str, Any], instructions: Mapping[str, tuple[str, str]]) -> None:
        """Bind the file to a study.

        Args:
            asked: What may not change.
            instructions: Version and text by task.

        Raises:
            ExperimentError: The study was begun otherwise, or words changed and their version did
                not.
        """
        text = json.dumps(asked, sort_keys=True)
        with self._writing():
            if self.about("asked", text) != text:
                raise ExperimentError(
                    f"{self.path} holds a study that was begun with other films, maps, readers or"
                    " tasks. Name another folder with output = ..., or set the file back; words of"
                    " instructions may change, with their version"
                )
            for task, (version, words) in instructions.items():
                if self.about(f"instructions {task} {version}", words) != words:
                    raise ExperimentError(
                        f"task {task!r}: the instructions changed, and version = {version!r} did"
                        " not; raise it, so that each reading tells which it followed"
                    )
            self.about("secret", secrets.token_hex(32))
            self.about("state", OPEN)

    def about(self, key: str, value: str = "") -> str:
        """A value of the study; kept as given where there is none yet."""
        self._file.execute("INSERT OR IGNORE INTO about VALUES (?, ?)", (key, value))
        [found] = self._file.execute("SELECT value FROM about WHERE key = ?", (key,)).fetchone()
        return str(found)

    @property
    def state(self) -> str:
        """``"open"``, ``"frozen"`` (nothing is taken for now) or ``"closed"`` (for good)."""
        return self.about("state", OPEN)

    def set_state(self, state: str, who: str) -> None:
        """Open, freeze or close; raises DataError where the study is closed."""
        with self._writing():
            if self.state == CLOSED:
                raise DataError("the study is closed, for good; its answers can be exported")
            self._file.execute("UPDATE about SET value = ? WHERE key = 'state'", (state,))
            self._note(who, "state", state)

    def has_token(self, reader: str) -> bool:
        """Whether somebody was given a link."""
        found = self._file.execute("SELECT 1 FROM tokens WHERE reader = ?", (reader,)).fetchone()
        return found is not None

    def new_token(self, reader: str) -> str:
        """A new secret of a reader; former ones, and the sessions they began, end."""
        token = secrets.token_urlsafe(32)
        with self._writing():
            for table in ("tokens", "sessions"):
                self._file.execute(f"DELETE FROM {table} WHERE reader = ?", (reader,))
            self._file.execute("INSERT INTO tokens VALUES (?, ?)", (_hash(token), reader))
            self._note("server", "link", reader or "admin")
        return token

    def enter(self, token: str) -> tuple[str, str] | None:
        """The reader of a token and a new session; None where nobody has that token."""
        reader = self._owner("tokens", token)
        if reader is None:
            with self._writing():
                self._note("unknown", "refused", "no such token")
            return None
        session, now = secrets.token_urlsafe(32), time.time()
        with self._writing():
            self._file.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?)", (_hash(session), reader, now, now)
            )
            self._note(reader or "admin", "entered", "")
        return reader, session

    def reader_of(self, session: str) -> str | None:
        """Whose session it is; None where it is nobody's, or has ended."""
        reader = self._owner("sessions", session, time.time() - 86400 * _SESSION_DAYS)
        if reader is not None:
            # Told to the minute: a write for each look would make looking slow.
            self._file.execute(
                "UPDATE sessions SET seen = ? WHERE hash = ? AND seen < ?",
                (now := time.time(), _hash(session), now - 60),
            )
        return reader

    def leave(self, session: str) -> None:
        """End a session."""
        self._file.execute("DELETE FROM sessions WHERE hash = ?", (_hash(session),))

    def append(
        self, reader: str, events: Sequence[Event], check: Callable[[Event], object] = id
    ) -> int:
        """Add events, all or none; those that are here already are passed over.

        Args:
            reader: Whose they are.
            events: In their order.
            check: Called with each that is new, once those before it are here; raises DataError
                where it may not be added.

        Returns:
            The place of the last event of that browser.

        Raises:
            GapError: An event's predecessor is not here.
            RefusedError: ``check`` refuses an event.
            DataError: Another event has the id or the place.
        """
        last = 0
        with self._writing():
            for event in events:
                last = self._last(reader, event.device)
                if event.place > last + 1:
                    raise GapError(last + 1)
                row = (event.id, reader, event.reading, event.device, event.place, event.kind)
                content = json.dumps(event.content, sort_keys=True)
                if event.place <= last:
                    self._same((*row, content))
                    continue
                try:
                    check(event)
                except DataError as error:
                    raise RefusedError(event.id, str(error)) from error
                try:
                    self._file.execute(
                        "INSERT INTO events (id, reader, reading, device, place, kind, content, at,"
                        " received) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (*row, content, event.at, time.time()),
                    )
                except sqlite3.IntegrityError:
                    raise DataError(f"two events have the id {event.id}") from None
                last = event.place
        return last

    def events(self, reading: str | None = None) -> list[Event]:
        """The events of a reading, or of all, in the order in which they came."""
        where = "" if reading is None else " WHERE reading = ?"
        rows = self._file.execute(
            "SELECT id, reading, device, place, kind, content, at, received FROM events"
            f"{where} ORDER BY number",
            () if reading is None else (reading,),
        )
        return [
            Event(id_, of, device, place, kind, json.loads(content), at, received)
            for id_, of, device, place, kind, content, at, received in rows
        ]

    def done(self) -> dict[str, float]:
        """When each finished reading was finished, in seconds."""
        rows = self._file.execute(
            "SELECT reading, MIN(received) FROM events WHERE kind = 'done' GROUP BY reading"
        )
        return dict(rows.fetchall())

    def seen(self) -> dict[str, float]:
        """When each reader was here last, in seconds."""
        rows = self._file.execute(
            "SELECT reader, MAX(received) FROM events GROUP BY reader"
            " UNION ALL SELECT reader, MAX(seen) FROM sessions GROUP BY reader"
        )
        found: dict[str, float] = {}
        for reader, at in rows:
            found[reader] = max(at, found.get(reader, 0.0))
        return found

    def note(self, who: str, what: str, detail: str = "") -> None:
        """Add a line to the audit."""
        with self._writing():
            self._note(who, what, detail)

    def audit(self) -> list[tuple[float, str, str, str]]:
        """When, who, what and which, from the first on."""
        rows = self._file.execute("SELECT at, who, what, detail FROM audit ORDER BY number")
        return rows.fetchall()

    def _last(self, reader: str, device: str) -> int:
        [last] = self._file.execute(
            "SELECT MAX(place) FROM events WHERE reader = ? AND device = ?", (reader, device)
        ).fetchone()
        return int(last or 0)

    def _same(self, row: Iterable[Any]) -> None:
        """Raises DataError unless that very event is here."""
        found = self._file.execute(
            "SELECT 1 FROM events WHERE id = ? AND reader = ? AND reading = ? AND device = ?"
            " AND place = ? AND kind = ? AND content = ?",
            tuple(row),
        ).fetchone()
        if found is None:
            raise DataError("another event has that place; this browser must begin a new device")

    def _owner(self, table: str, token: str, since: float = 0.0) -> str | None:
        wanted, owner = _hash(token), None
        recent = " WHERE begun > ?" if table == "sessions" else ""
        rows = self._file.execute(
            f"SELECT hash, reader FROM {table}{recent}", (since,) if recent else ()
        )
        # Every row is compared, and in constant time, so that time tells nothing of any of them.
        for stored, reader in rows:
            if hmac.compare_digest(stored, wanted):
                owner = reader
        return owner

    def _note(self, who: str, what: str, detail: str) -> None:
        self._file.execute(
            "INSERT INTO audit (at, who, what, detail) VALUES (?, ?, ?, ?)",
            (time.time(), who, what, detail),
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
