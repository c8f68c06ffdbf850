"""What comes out of a study, as files that heatproof and others read again.

=======================  =======================================================================
``readings.csv``         one row per finished reading: what was said, seconds, interruptions,
                         changes of mind
``marks/ROLE-READER.json``  marks as COCO; an empty film was read, and nothing was marked
``marks.json``           the marks of all readers in one COCO file
``…-with-MAPS.json``     the same of films that were read with those maps
``dicom_seg/…``          the marks of each reader as DICOM Segmentations, of films that are DICOM;
                         they say whose film it is, as the film does
``dicom_sr/…``           likewise as DICOM Structured Reports, which hold points, too
``ratings-TASK.csv``     for ``heatproof mrmc``: reader, case, modality, truth, rating
``ratings-TASK.imrmc``   the same for iMRMC
``repeats-TASK.csv``     the two readings of films that were read twice
``events.csv``           every stroke
``audit.csv``            who entered, exported, froze, and when
``report.html``          the page of the study
=======================  =======================================================================
"""

import io
import json
import math
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from heatproof.data.annotations.formats import Format, formats
from heatproof.data.annotations.formats.coco import Coco
from heatproof.data.annotations.holding import Losses, fitted
from heatproof.data.annotations.marks import Mark as FileMark
from heatproof.data.annotations.marks import MarkedFilm, Origin
from heatproof.data.decoding.dicom import is_dicom
from heatproof.errors import DataError
from heatproof.escaping import column_for_spreadsheet
from heatproof.reading.answers import SHAPES, Answer, answer
from heatproof.reading.ledger import Event, Ledger
from heatproof.reading.page import page
from heatproof.reading.room import Room
from heatproof.reading.schedule import Reading, is_aided
from heatproof.reading.study import Task, file_name
from heatproof.stats.mrmc.files import write_imrmc
from heatproof.stats.mrmc.ratings import Ratings


@dataclass(frozen=True)
class Read:
    """A finished reading.

    Attributes:
        reading: What was read.
        answer: What was said.
        truth: Whether the film has the finding; None where unknown.
    """

    reading: Reading
    answer: Answer
    truth: bool | None


def finished(room: Room, ledger: Ledger) -> list[Read]:
    """Every finished reading, reader by reader, in the order of reading."""
    of_reading: dict[str, list[Event]] = {}
    for event in ledger.events():
        of_reading.setdefault(event.reading, []).append(event)
    found = []
    for reading in room.readings.values():
        said = answer(of_reading.get(reading.id, []))
        if said.done:
            finding = room.study.task(reading.task).finding
            truth = room.cases.samples[reading.image_id].labels.get(finding)
            found.append(Read(reading, said, truth))
    return found


def export(room: Room, folder: Path) -> list[Path]:
    """Write everything into a folder; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(room.ledger.path)  # its own connection: others may be writing
    try:
        reads = finished(room, ledger)
        tables = {
            "readings": _readings(room, reads),
            "events": _events(room, ledger),
            "audit": pl.DataFrame(ledger.audit(), ["at", "who", "what", "detail"], orient="row"),
        }
    finally:
        ledger.close()
    for task in room.study.tasks:
        tables |= dict(_of_task(task, [read for read in reads if read.reading.task == task.name]))
    written = [_csv(table, folder / f"{name}.csv") for name, table in tables.items()]
    written += _marks(room, reads, folder)
    for name, table in tables.items():
        if name.startswith("ratings-") and len(table):
            columns = (table[column].to_list() for column in table.columns)
            path = folder / f"{name}.imrmc"
            write_imrmc(path, Ratings.of_columns(*columns))
            written.append(path)
    report = folder / "report.html"
    report.write_text(page(room, reads), encoding="utf-8")
    return [*written, report]


def archive(room: Room) -> bytes:
    """Everything, as a ZIP archive."""
    buffer = io.BytesIO()
    with TemporaryDirectory() as name, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for path in export(room, Path(name)):
            made.write(path, path.relative_to(name))
    return buffer.getvalue()


def _readings(room: Room, reads: Sequence[Read]) -> pl.DataFrame:
    rows = []
    for read in reads:
        said, task = read.answer, room.study.task(read.reading.task)
        rows.append(
            {
                "reader": read.reading.reader,
                "task": task.name,
                "version": said.version,
                "session": read.reading.session + 1,
                "part": read.reading.part,
                "film": read.reading.image_id,
                "maps": read.reading.shows,
                "finding": task.finding,
                "truth": None if read.truth is None else int(read.truth),
                "marks": len(said.marks) if task.kind in SHAPES else None,
                "yes": None if said.yes is None else int(said.yes),
                "word": None if said.value is None else task.scale[said.value],
                "rating": None if math.isnan(said.rating) else said.rating,
                "places": "; ".join(said.places),
                "text": said.text,
                "seconds": round(said.seconds, 3),
                "interruptions": said.interruptions,
                "changes": said.changes,
                "timed_out": int(said.timed_out),
            }
        )
    return pl.DataFrame(rows, _READINGS, orient="row")


_READINGS = {
    "reader": pl.String, "task": pl.String, "version": pl.String, "session": pl.Int64,
    "part": pl.String, "film": pl.String, "maps": pl.String, "finding": pl.String,
    "truth": pl.Int64, "marks": pl.Int64, "yes": pl.Int64, "word": pl.String,
    "rating": pl.Float64, "places": pl.String, "text": pl.String, "seconds": pl.Float64,
    "interruptions": pl.Int64, "changes": pl.Int64, "timed_out": pl.Int64,
}  # fmt: skip


def _events(room: Room, ledger: Ledger) -> pl.DataFrame:
    rows = [
        {
            "reader": (reading := room.readings[event.reading]).reader,
            "task": reading.task,
            "film": reading.image_id,
            "maps": reading.shows,
            **{f.name: getattr(event, f.name) for f in fields(event) if f.name != "content"},
            "content": json.dumps(event.content),
        }
        for event in ledger.events()
    ]
    return pl.DataFrame(rows)


def _of_task(task: Task, reads: Sequence[Read]) -> Iterator[tuple[str, pl.DataFrame]]:
    """The tables of a task whose readings are ratings."""
    if task.kind not in ("decision", "map_rating"):
        return
    cases = {_key(read.reading): read for read in reads if read.reading.part == "case"}
    again = {_key(read.reading): read for read in reads if read.reading.part == "repeat"}
    rated = [r for r in cases.values() if r.truth is not None and not math.isnan(r.answer.rating)]
    if rated:
        yield (
            f"ratings-{file_name(task.name)}",
            pl.DataFrame(
                {
                    "reader": [read.reading.reader for read in rated],
                    "case": [read.reading.image_id for read in rated],
                    "modality": [read.reading.shows for read in rated],
                    "truth": [int(bool(read.truth)) for read in rated],
                    "rating": [read.answer.rating for read in rated],
                }
            ),
        )
    if pairs := [(cases[key], read) for key, read in again.items() if key in cases]:
        yield (
            f"repeats-{file_name(task.name)}",
            pl.DataFrame(
                {
                    "reader": [first.reading.reader for first, _ in pairs],
                    "film": [first.reading.image_id for first, _ in pairs],
                    "maps": [first.reading.shows for first, _ in pairs],
                    "first": [first.answer.rating for first, _ in pairs],
                    "second": [second.answer.rating for _, second in pairs],
                }
            ),
        )


def _key(reading: Reading) -> tuple[str, str, str]:
    return reading.reader, reading.image_id, reading.shows


def _marks(room: Room, reads: Sequence[Read], folder: Path) -> Iterator[Path]:
    """Marks of cases as COCO: of all readers, and of each; those drawn with a map lie apart."""
    roles = {reader.name: reader.role for reader in room.study.readers}
    places: dict[Path, list[Read]] = {}
    for read in reads:
        reading = read.reading
        if reading.part == "case" and room.study.task(reading.task).kind in SHAPES:
            seen = f"-with-{file_name(reading.shows)}" if is_aided(reading) else ""
            own = f"{roles[reading.reader]}-{file_name(reading.reader)}{seen}.json"
            for path in (folder / f"marks{seen}.json", folder / "marks" / own):
                places.setdefault(path, []).append(read)
    for path, chosen in places.items():
        path.parent.mkdir(exist_ok=True)
        films = _films(room, chosen)
        Coco().write(films, path)
        yield path
        if path.parent.name == "marks":
            for name in ("dicom_seg", "dicom_sr"):
                yield from _objects(formats.parse(name), films, folder / name / path.stem)


def _objects(part: Format, films: Sequence[MarkedFilm], folder: Path) -> list[Path]:
    """The marks of one reader on films that are DICOM, as DICOM objects."""
    of_dicom = [
        replace(film, readers=tuple(dict.fromkeys(mark.reader for mark in film.marks)))
        for film in films
        if film.origin is not None
    ]
    held = [film for film in fitted(of_dicom, part.holds, Losses()) if film.marks]
    if not held:
        return []
    try:
        part.write(held, folder)
    except DataError as error:  # such as a film that does not say which patient it is of
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "why-not.txt").write_text(f"{error}\n", encoding="utf-8")
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _films(room: Room, reads: Sequence[Read]) -> list[MarkedFilm]:
    """What was marked on each film, also where it was nothing."""
    found: dict[str, list[FileMark]] = {read.reading.image_id: [] for read in reads}
    for read in reads:
        size = room.sizes[read.reading.image_id]
        finding = room.study.task(read.reading.task).finding
        found[read.reading.image_id] += [
            FileMark(finding, mark.drawn(size), read.reading.reader) for mark in read.answer.marks
        ]
    return [
        MarkedFilm(name, room.sizes[name], tuple(marks), (), _origin(room, name))
        for name, marks in found.items()
    ]


def _origin(room: Room, image_id: str) -> Origin | None:
    """The file of a film, where it is DICOM."""
    path = getattr(room.cases.samples[image_id].pixels, "path", None)
    return Origin(path) if path is not None and is_dicom(path) else None


def _csv(table: pl.DataFrame, path: Path) -> Path:
    text = [name for name, kind in table.schema.items() if kind == pl.String]
    table.with_columns(map(column_for_spreadsheet, text)).write_csv(path)
    return path
