"""What the server answers: readers get their next film and send strokes, the admin looks on."""

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from importlib import resources
from typing import Annotated, Any, Literal, TypeVar

import pydantic
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from heatproof.errors import DataError
from heatproof.maps import render
from heatproof.reading.answers import answer
from heatproof.reading.cases import Picture
from heatproof.reading.guard import csrf_of
from heatproof.reading.ledger import ADMIN, CLOSED, FROZEN, OPEN, Event, GapError, RefusedError
from heatproof.reading.room import Room
from heatproof.reading.schedule import Reading, is_aided
from heatproof.reading.study import Task

_ID = re.compile("[0-9a-f]{32}")
_COMPRESSED = 1  # the level of gzip: the fastest
_HERE = ("127.0.0.1", "::1")  # where compressing would take longer than sending
_AUDIT = 200  # lines that the admin sees; the export has all
_BYTES = "application/octet-stream"
_PAUSED = {FROZEN: "the study is paused", CLOSED: "the study is closed"}
Identifier = Annotated[str, pydantic.Field(pattern=r"^[0-9a-f-]{32,36}$")]
_Record = TypeVar("_Record", bound=pydantic.BaseModel)


class _Body(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Entering(_Body):
    token: Annotated[str, pydantic.Field(min_length=1, max_length=200)]


class _Sent(_Body):
    """An event as browsers send it."""

    id: Identifier
    reading: Annotated[str, pydantic.Field(pattern="^[0-9a-f]{32}$")]
    place: Annotated[int, pydantic.Field(ge=1, lt=2**53)]
    kind: Annotated[str, pydantic.Field(max_length=20)]
    content: dict[str, Any]
    at: Annotated[float, pydantic.Field(ge=0, lt=1e12)]


class _Events(_Body):
    device: Identifier
    events: Annotated[list[_Sent], pydantic.Field(min_length=1, max_length=200)]


class _State(_Body):
    state: Literal["open", "frozen", "closed"]


class _Link(_Body):
    reader: Annotated[str, pydantic.Field(min_length=1, max_length=200)]


def app(room: Room, *, secure: bool, exported: Callable[[Room], bytes]) -> Starlette:
    """The application; it must stand behind ``guard.Guard``.

    Args:
        room: The study.
        secure: Whether cookies go over HTTPS alone.
        exported: Makes the archive of everything, for the admin.
    """
    code = dict(_bundle())
    of_reader, of_admin = _ForReaders(room), _ForAdmin(room, exported)

    async def page(request: Request) -> Response:
        """The code of the page: the files of the bundle and no others, by their names."""
        found = code.get(request.path_params.get("name", ""))
        if found is None:
            raise HTTPException(404, "there is no such page")
        kind, tag, plain, small = found
        headers = {"etag": tag, "vary": "accept-encoding"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(plain, media_type=kind, headers=headers)
        return Response(small, media_type=kind, headers=headers | {"content-encoding": "gzip"})

    async def enter(request: Request) -> Response:
        found = room.ledger.enter((await _read(request, _Entering)).token)
        if found is None:
            raise HTTPException(401, "this link is not valid; ask for a new one")
        response = JSONResponse({"csrf": csrf_of(found[1])})
        response.set_cookie(room.cookie, found[1], httponly=True, samesite="strict", secure=secure)
        return response

    async def leave(request: Request) -> Response:
        room.ledger.leave(request.cookies.get(room.cookie, ""))
        response = JSONResponse({})
        response.delete_cookie(room.cookie)
        return response

    get = {
        "/": page,
        "/assets/{name}": page,
        "/api/me": of_reader.me,
        "/api/reading/{id}": of_reader.reading,
        "/api/film/{id}": of_reader.film,
        "/api/map/{id}": of_reader.map,
        "/api/palette/{kind}": of_reader.palette,
        "/api/feedback/{id}": of_reader.feedback,
        "/api/admin": of_admin.overview,
        "/api/admin/export": of_admin.export,
    }
    post = {
        "/api/session": enter,
        "/api/leave": leave,
        "/api/events": of_reader.events,
        "/api/admin/state": of_admin.state,
        "/api/admin/link": of_admin.link,
    }
    return Starlette(
        routes=[
            *(Route(path, answered, methods=["GET"]) for path, answered in get.items()),
            *(Route(path, answered, methods=["POST"]) for path, answered in post.items()),
        ],
        exception_handlers={HTTPException: _refused, DataError: _at_fault, Exception: _failed},
    )


def _bundle() -> Iterator[tuple[str, tuple[str, str, bytes, bytes]]]:
    """Name (empty of the page itself), kind, tag, bytes and compressed bytes of the code."""
    folder = resources.files("heatproof.reading") / "bundle"
    files = {"": folder / "index.html"} | {
        each.name: each for each in (folder / "assets").iterdir()
    }
    for name, file in files.items():
        plain = file.read_bytes()
        kind = mimetypes.guess_type(file.name)[0] or _BYTES
        tag = f'"{hashlib.sha256(plain).hexdigest()[:32]}"'
        yield name, (kind, tag, plain, gzip.compress(plain, mtime=0))


class _ForReaders:
    def __init__(self, room: Room) -> None:
        self.room = room

    async def me(self, request: Request) -> Response:
        """Who asks, and what is left to read."""
        room, reader = self.room, _reader(self.room, request)
        told: dict[str, Any] = {
            "csrf": csrf_of(request.cookies[room.cookie]),
            "study": room.study.name,
            "state": room.ledger.state,
            "admin": reader == ADMIN,
            "key": hashlib.sha256(f"{room.cookie} {reader}".encode()).hexdigest()[:16],
        }
        if reader == ADMIN:
            return JSONResponse(told)
        open_, waits = room.remaining(reader)
        every, done = room.of_reader[reader], room.ledger.done()
        tasks = {each.task for each in open_}
        told |= {
            "name": reader,
            "done": sum(each.id in done for each in every),
            "total": len(every),
            "waits": waits,
            "remaining": [{"id": each.id, "task": each.task} for each in open_],
            "tasks": {task.name: _told(task) for task in room.study.tasks if task.name in tasks},
        }
        return JSONResponse(told)

    async def reading(self, request: Request) -> Response:
        """What is shown, and what was said of it so far."""
        found = _reading(self.room, request)
        height, width = self.room.sizes[found.image_id]
        return JSONResponse(
            {
                "id": found.id,
                "task": found.task,
                "training": found.part == "training",
                "height": height,
                "width": width,
                "map": is_aided(found),
                "answer": asdict(answer(self.room.ledger.events(found.id))),
            }
        )

    async def film(self, request: Request) -> Response:
        """Its grey values."""
        return await _sent(request, await self.room.film(_reading(self.room, request)))

    async def map(self, request: Request) -> Response:
        """The levels of its map."""
        found = _reading(self.room, request)
        if not is_aided(found):
            raise HTTPException(404, "this film is read without a map")
        return await _sent(request, await self.room.map(found))

    async def palette(self, request: Request) -> Response:
        """The colours of those levels."""
        _reader(self.room, request)
        colours = render.palette(signed=request.path_params["kind"] == "signed")
        return Response(colours.tobytes(), media_type=_BYTES)

    async def feedback(self, request: Request) -> Response:
        """The truth of a training film that is finished."""
        found = _reading(self.room, request)
        if found.part != "training" or found.id not in self.room.ledger.done():
            raise HTTPException(404, "there is no feedback on this film")
        finding = self.room.study.task(found.task).finding
        sample = self.room.cases.samples[found.image_id]
        contours = await run_in_threadpool(self.room.cases.reference, found.image_id, finding)
        return JSONResponse({"present": sample.labels.get(finding), "contours": contours})

    async def events(self, request: Request) -> Response:
        """Keep strokes; answers once they are on the disk."""
        room, reader = self.room, _reader(self.room, request)
        if reader == ADMIN:
            raise HTTPException(403, "the admin does not read")
        if (state := room.ledger.state) != OPEN:
            raise HTTPException(423, _PAUSED[state])
        sent = await _read(request, _Events)
        rows = [
            Event(e.id, e.reading, sent.device, e.place, e.kind, e.content, float(e.at))
            for e in sent.events
        ]
        theirs = {each.id for each in room.of_reader[reader]}
        if others := [row.id for row in rows if row.reading not in theirs]:
            return JSONResponse({"error": "there is no such reading", "event": others[0]}, 404)
        try:
            return JSONResponse({"last": room.ledger.append(reader, rows, room.check)})
        except GapError as error:
            return JSONResponse({"error": str(error), "expected": error.expected}, 409)
        except RefusedError as error:
            return JSONResponse({"error": str(error), "event": error.event}, 422)


class _ForAdmin:
    def __init__(self, room: Room, exported: Callable[[Room], bytes]) -> None:
        self.room = room
        self.exported = exported

    async def overview(self, request: Request) -> Response:
        """Who is where."""
        _admin(self.room, request)
        return JSONResponse(_overview(self.room))

    async def state(self, request: Request) -> Response:
        """Freeze, open again, or close."""
        _admin(self.room, request)
        self.room.ledger.set_state((await _read(request, _State)).state, "admin")
        return JSONResponse(_overview(self.room))

    async def link(self, request: Request) -> Response:
        """A new link of a reader; the former one ends."""
        _admin(self.room, request)
        name = (await _read(request, _Link)).reader
        if name not in self.room.of_reader:
            raise HTTPException(404, "there is no such reader")
        return JSONResponse({"token": self.room.ledger.new_token(name)})

    async def export(self, request: Request) -> Response:
        """Everything, as an archive."""
        _admin(self.room, request)
        self.room.ledger.note("admin", "export")
        data = await run_in_threadpool(self.exported, self.room)
        named = {"content-disposition": 'attachment; filename="study.zip"'}
        return Response(data, media_type="application/zip", headers=named)


async def _refused(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)


async def _at_fault(request: Request, error: Exception) -> Response:
    if request.method == "POST":
        return JSONResponse({"error": str(error)}, 422)
    return await _failed(request, error)


async def _failed(request: Request, error: Exception) -> Response:  # noqa: ARG001
    # A message about a film names its file, which readers may not know.
    return JSONResponse({"error": "this cannot be shown; tell whoever runs the study"}, 500)


async def _read(request: Request, record: type[_Record]) -> _Record:
    """The body of a request; raises HTTPException where it is none."""
    try:
        return record.model_validate_json(await request.body())
    except pydantic.ValidationError:
        raise HTTPException(422, "the request is not what this address takes") from None


def _reader(room: Room, request: Request) -> str:
    reader = room.ledger.reader_of(request.cookies.get(room.cookie, ""))
    if reader is None or (reader != ADMIN and reader not in room.of_reader):
        raise HTTPException(401, "open your own link first")
    return reader


def _admin(room: Room, request: Request) -> None:
    if _reader(room, request) != ADMIN:
        raise HTTPException(403, "for the admin alone")


def _reading(room: Room, request: Request) -> Reading:
    """A reading of whoever asks; that of another reader does not exist for them."""
    reader, identifier = _reader(room, request), request.path_params["id"]
    found = room.readings.get(identifier) if _ID.fullmatch(identifier) else None
    if found is None or found.reader != reader:
        raise HTTPException(404, "there is no such reading")
    open_, _ = room.remaining(reader)
    if found.id not in room.ledger.done() and found.id not in {each.id for each in open_}:
        raise HTTPException(404, "there is no such reading")  # not yet
    return found


def _told(task: Task) -> dict[str, Any]:
    """What a reader is told of a task."""
    told = {"kind", "finding", "instructions", "version", "scale", "limit_seconds"}
    said = task.model_dump(include=told)
    return said | ({"places": task.places} if task.kind == "failures" else {})


async def _sent(request: Request, picture: Picture) -> Response:
    headers = {
        "x-height": str(picture.height),
        "x-width": str(picture.width),
        "x-signed": "1" if picture.signed else "0",
    }
    data = picture.data
    client = request.client.host if request.client else ""
    if "gzip" in request.headers.get("accept-encoding", "") and client not in ("127.0.0.1", "::1"):
        data = await run_in_threadpool(partial(gzip.compress, data, _COMPRESSED))
        headers["content-encoding"] = "gzip"
    return Response(data, media_type="application/octet-stream", headers=headers)


def _overview(room: Room) -> dict[str, Any]:
    """Who is where."""
    done, seen = room.ledger.done(), room.ledger.seen()
    readers = []
    for reader in room.study.readers:
        every = room.of_reader[reader.name]
        open_, waits = room.remaining(reader.name)
        readers.append(
            {
                "name": reader.name,
                "role": reader.role,
                "done": sum(each.id in done for each in every),
                "total": len(every),
                "task": open_[0].task if open_ else "",
                "film": open_[0].image_id if open_ else "",
                "waits": waits,
                "seen": seen.get(reader.name),
            }
        )
    audit = [
        {"at": at, "who": who, "what": what, "detail": detail}
        for at, who, what, detail in room.ledger.audit()
    ]
    return {
        "study": room.study.name, "state": room.ledger.state, "readers": readers,
        "audit": audit[-_AUDIT:],
    }  # fmt: skip
