"""A small study of phantoms, and browsers without a browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from heatproof.reading.app import app
from heatproof.reading.export import archive
from heatproof.reading.guard import Guard
from heatproof.reading.ledger import ADMIN
from heatproof.reading.room import Room
from heatproof.reading.serving import opened
from heatproof.reading.study import load

NAME = "127.0.0.1:8765"
STUDY = """
name = "Nodules"
seed = 3
{top}
[films]
dataset = "phantom"
images = 8
size = 64
seed = 5

[[maps]]
name = "edges-map"
control = "edges"

[[maps]]
name = "another-map"
wrong_of = "edges-map"

[[readers]]
name = "Ada"

[[readers]]
name = "Bo"
role = "reference"

{tasks}
"""
OUTLINE = """
[[tasks]]
name = "Outline"
kind = "contour"
finding = "Nodule"
training = ["phantom5_000000"]
"""
DECIDE = """
[[tasks]]
name = "Decide"
kind = "decision"
finding = "Nodule"
shows = ["none", "edges-map"]
washout_days = 0
repeats = 2
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Writes the file of a study."""

    def write(tasks: str = OUTLINE + DECIDE, top: str = "") -> Path:
        path = tmp_path / "study.toml"
        path.write_text(STUDY.format(tasks=tasks, top=top))
        return path

    return write


class Browser:
    """A reader's browser: what it sends, and the events that it numbers."""

    def __init__(self, client: TestClient, token: str) -> None:
        self.client = client
        self.device, self.place = uuid4().hex, 0
        entered = client.post("/api/session", json={"token": token}, headers=ORIGIN)
        assert entered.status_code == 200, entered.text
        self.headers = ORIGIN | {"x-csrf-token": entered.json()["csrf"]}

    def me(self) -> dict:
        return self.client.get("/api/me").json()

    def post(self, path: str, body: object, **headers: str):
        return self.client.post(path, json=body, headers=self.headers | headers)

    def event(self, reading: str, kind: str, content: dict | None = None, at: float = 0.0) -> dict:
        self.place += 1
        named = {"id": uuid4().hex, "reading": reading, "place": self.place, "kind": kind}
        return named | {"content": content or {}, "at": at}

    def send(self, *events: dict):
        return self.post("/api/events", {"device": self.device, "events": list(events)})

    def read(self, reading: str, *strokes: tuple[str, dict], seconds: float = 4.0) -> None:
        """Read a film from beginning to end."""
        parts = [("open", {"version": "1"}), *strokes, ("done", {"timed_out": False})]
        steps = seconds / (len(parts) - 1)
        events = [
            self.event(reading, kind, content, steps * i) for i, (kind, content) in enumerate(parts)
        ]
        sent = self.send(*events)
        assert sent.status_code == 200, sent.text


ORIGIN = {"origin": f"http://{NAME}"}


@pytest.fixture
def room(written: Callable[..., Path]) -> Iterator[Room]:
    """The study, open."""
    room = opened(load(written()))
    yield room
    room.ledger.close()


def server(room: Room, **options: object) -> TestClient:
    """The whole server, without a network."""
    names = frozenset({NAME})
    guarded = Guard(app(room, secure=False, exported=archive), names, room.cookie, **options)
    return TestClient(guarded, base_url=f"http://{NAME}", raise_server_exceptions=False)


@pytest.fixture
def enter(room: Room) -> Iterator[Callable[..., Browser]]:
    """Lets a reader in, each by a browser of their own."""
    clients = []

    def let_in(reader: str = "Ada") -> Browser:
        client = server(room)
        clients.append(client)
        return Browser(client, room.ledger.new_token(reader))

    yield let_in
    for client in clients:
        client.close()


@pytest.fixture
def admin(enter: Callable[..., Browser]) -> Browser:
    """Whoever runs the study."""
    return enter(ADMIN)
