"""What comes out of a study is read again: by data sets, by the statistics, and by people."""

import csv
import io
import re
import zipfile
import zlib

import numpy as np
import polars as pl
import pytest

from heatproof import compare_readers
from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.marks import Beside
from heatproof.data.datasets.manifest import Manifest
from heatproof.reading.export import export, finished
from heatproof.reading.room import Room
from heatproof.reading.serving import opened
from heatproof.reading.study import load
from heatproof.stats.mrmc.files import read
from tests.reading.conftest import OUTLINE, Browser, server
from tests.runs.radiograph import write_radiograph
from tests.squares import write_films

SQUARE = [[10, 10], [30, 10], [30, 30], [10, 30]]


def mark(name: str, shift: float = 0.0) -> tuple[str, dict]:
    points = [[x + shift, y] for x, y in SQUARE]
    return ("mark", {"mark": name, "shape": "contour", "points": points})


def read_all(room: Room, browser: Browser, shift: float, skill: float) -> None:
    """A reader who outlines a square on films with a nodule, and is right as often as told."""
    while told := browser.me()["remaining"]:
        for entry in told:
            reading = room.readings[entry["id"]]
            truth = bool(room.cases.samples[reading.image_id].labels["Nodule"])
            if entry["task"] == "Outline":
                browser.read(entry["id"], *([mark("a", shift)] if truth else []))
            else:
                right = zlib.crc32(reading.image_id.encode()) % 10 < 10 * skill
                said = truth if right else not truth
                browser.read(entry["id"], ("choose", {"yes": said}), ("rate", {"value": 2}))


@pytest.fixture
def read_by_two(room, enter):
    for name, shift, skill in (("Ada", 0.0, 1.0), ("Bo", 5.0, 0.8)):
        read_all(room, enter(name), shift, skill)
    return room


def test_a_study_is_a_human_benchmark(read_by_two, tmp_path):
    """The marks of a reader, with the films, make a data set whose masks are what was drawn."""
    from PIL import Image

    export(read_by_two, tmp_path / "out")
    positive = [name for name, s in read_by_two.cases.samples.items() if s.labels["Nodule"]]
    rows = [("image", "file", "Nodule")]
    for name, sample in read_by_two.cases.samples.items():
        grey = np.rint(sample.pixels.read() * 255).astype(np.uint8)
        Image.fromarray(grey).save(tmp_path / f"{name}.png")
        rows.append((name, f"{name}.png", str(int(bool(sample.labels["Nodule"])))))
    with (tmp_path / "films.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    films = Manifest(
        tmp_path / "films.csv",
        labels=("Nodule",),
        coco=tmp_path / "out/marks/benchmark-Ada.json",
        source="human benchmark",
    )
    expected = np.zeros((64, 64), bool)
    expected[10:30, 10:30] = True
    marked = {film.image_id: film.annotations for film in films if film.annotations}
    training = "phantom5_000000"
    assert set(marked) == set(positive) - {training}
    for annotations in marked.values():
        assert [a.source for a in annotations] == ["human benchmark"]
        assert (annotations[0].mask(64, 64) == expected).all()


def test_marks_of_all_readers_are_in_one_file(read_by_two, tmp_path):
    export(read_by_two, tmp_path)
    films = formats.parse("coco").read(tmp_path / "marks.json", Beside()).films
    assert len(films) == 7  # without the training film, with those on which nothing was marked
    positive = [film for film in films if film.marks]
    for film in positive:
        assert [m.reader for m in film.marks] == ["Ada", "Bo"]
    assert (tmp_path / "marks/reference-Bo.json").is_file()


DICOM_STUDY = """
name = "Nodules"
[films]
dataset = "manifest"
csv = "films.csv"
image = "file"
id = "name"
labels = ["Nodule"]

[[readers]]
name = "Ada"

[[tasks]]
name = "Outline"
kind = "contour"
finding = "Nodule"
"""


def test_marks_on_dicom_films_are_dicom_objects_of_them(tmp_path):
    pytest.importorskip("highdicom", reason="DICOM objects are written by it")
    write_films(tmp_path, count=3)
    rows = ["name,file,Nodule"]
    for number in range(3):
        write_radiograph(tmp_path / f"film{number}.png", tmp_path / f"f{number}.dcm", number)
        rows.append(f"f{number},f{number}.dcm,{number % 2}")
    (tmp_path / "films.csv").write_text("\n".join(rows))
    (tmp_path / "study.toml").write_text(DICOM_STUDY)
    room = opened(load(tmp_path / "study.toml"))
    read_all(room, Browser(server(room), room.ledger.new_token("Ada")), 0.0, 1.0)
    made = [path for path in export(room, tmp_path / "out") if path.suffix == ".dcm"]
    room.ledger.close()
    places = [path.relative_to(tmp_path / "out").as_posix() for path in made]
    assert places == [  # one film has a nodule
        f"{name}/benchmark-Ada/Ada/f1.dcm" for name in ("dicom_seg", "dicom_sr")
    ]
    expected = np.zeros(room.sizes["f1"], bool)
    expected[10:30, 10:30] = True
    for path, name in zip(made, ("dicom_seg", "dicom_sr"), strict=True):
        [film] = formats.parse(name).read(path.parent, Beside.folder(tmp_path)).films
        assert [(mark.finding, mark.reader) for mark in film.marks] == [("Nodule", "Ada")]
        assert (film.marks[0].shape.mask(*expected.shape) == expected).all()


def test_marks_that_were_drawn_with_a_map_lie_apart(written, tmp_path):
    """A benchmark of readers must not hold what a map suggested."""
    room = opened(load(written(OUTLINE + 'shows = ["none", "edges-map"]\nwashout_days = 0\n')))
    browser = Browser(server(room), room.ledger.new_token("Ada"))
    while told := browser.me()["remaining"]:
        for entry in told:
            aided = room.readings[entry["id"]].shows != "none"
            browser.read(entry["id"], mark("a", 7.0 if aided else 0.0))
    export(room, tmp_path / "out")
    for name, left in (("benchmark-Ada", 10), ("benchmark-Ada-with-edges-map", 17)):
        read_again = formats.parse("coco").read(tmp_path / f"out/marks/{name}.json", Beside())
        assert len(read_again.films) == 7
        for film in read_again.films:
            [drawn] = film.marks
            assert np.nonzero(drawn.shape.mask(64, 64))[1].min() == left
    assert (tmp_path / "out/marks-with-edges-map.json").is_file()
    room.ledger.close()


def test_ratings_go_to_the_statistics_as_csv_and_as_imrmc(read_by_two, tmp_path):
    export(read_by_two, tmp_path)
    both = [read(tmp_path / f"ratings-Decide.{kind}") for kind in ("csv", "imrmc")]
    np.testing.assert_array_equal(both[0].values, both[1].values)
    assert both[0].values.shape == (2, 2, 8)
    assert both[0].is_factorial
    found = compare_readers(tmp_path / "ratings-Decide.csv")
    assert found.readers.filter(reader="Ada")["value"].to_list() == [1.0, 1.0]
    again = pl.read_csv(tmp_path / "repeats-Decide.csv")
    assert len(again) == 4
    assert (again["first"] == again["second"]).all()


def test_every_reading_is_a_row_and_every_stroke_is_kept(read_by_two, tmp_path):
    export(read_by_two, tmp_path)
    rows = pl.read_csv(tmp_path / "readings.csv")
    assert len(rows) == len(read_by_two.readings)
    assert rows["seconds"].to_list() == pytest.approx([4.0] * len(rows))
    assert rows.filter(task="Outline", reader="Ada")["marks"].sum() == sum(
        bool(s.labels["Nodule"]) for s in read_by_two.cases.samples.values()
    )
    strokes = pl.read_csv(tmp_path / "events.csv")
    assert len(strokes) == len(read_by_two.ledger.events())
    audit = pl.read_csv(tmp_path / "audit.csv")
    assert audit.filter(what="entered")["who"].to_list() == ["Ada", "Bo"]


def test_only_finished_readings_come_out(room, enter, tmp_path):
    ada = enter()
    reading = ada.me()["remaining"][0]["id"]
    ada.send(ada.event(reading, "open", {"version": "1"}), ada.event(reading, *mark("a")))
    assert finished(room, room.ledger) == []
    export(room, tmp_path)
    assert (tmp_path / "readings.csv").read_text().count("\n") == 1
    assert len(pl.read_csv(tmp_path / "events.csv")) == 2
    assert "no readings of no films" in (tmp_path / "report.html").read_text().lower()


def test_names_of_others_are_text_in_tables_and_on_the_page(written, tmp_path):
    path = written()
    text = path.read_text().replace('"Ada"', '"=1+1<b>"').replace('"Nodules"', '"<i>N</i>"')
    path.write_text(text)
    room = opened(load(path))
    browser = Browser(server(room), room.ledger.new_token("=1+1<b>"))
    browser.read(browser.me()["remaining"][0]["id"])
    export(room, tmp_path / "out")
    assert "'=1+1<b>" in (tmp_path / "out/readings.csv").read_text()
    page = (tmp_path / "out/report.html").read_text()
    assert "<i>N</i>" not in page
    assert "=1+1&lt;b&gt;" in page
    room.ledger.close()


def test_the_admin_gets_it_as_an_archive(read_by_two, admin):
    sent = admin.client.get("/api/admin/export")
    names = zipfile.ZipFile(io.BytesIO(sent.content)).namelist()
    assert {"readings.csv", "marks.json", "ratings-Decide.imrmc", "report.html"} <= set(names)
    assert "attachment" in sent.headers["content-disposition"]


def test_the_page_says_what_the_statistics_say(read_by_two, tmp_path):
    export(read_by_two, tmp_path)
    page = (tmp_path / "report.html").read_text()
    found = compare_readers(tmp_path / "ratings-Decide.csv")
    for value in found.means["value"]:
        assert f"{value:.2f}" in page
    # Two readers tell little: the interval is wider than an area under a curve can be.
    assert found.means["low"].min() < 0
    assert found.means["high"].max() > 1
    assert "[0.00, 1.00]" in page
    assert "Obuchowski-Rockette" in page
    assert "4.0 s" in page
    # The squares of the two readers, 20 pixels wide, lie 5 apart: Dice is 15/20.
    assert "mean Dice of 0.75" in page
    assert "4 of 4 answers were the same" in page
    # The script of every page lets a table that has a name be sorted and copied.
    assert page.count("<table") == page.count("data-table=") > 2


def test_the_page_says_whether_wrong_maps_are_followed(room, enter, tmp_path, monkeypatch):
    """Readers who are right without a map, and who say whatever the model says with it."""
    truths = {name: bool(s.labels["Nodule"]) for name, s in room.cases.samples.items()}
    wrong = set(list(truths)[:3])
    suggested = {name: truth != (name in wrong) for name, truth in truths.items()}
    monkeypatch.setattr(type(room.cases), "suggestions", lambda *_: suggested)
    for name in ("Ada", "Bo"):
        browser = enter(name)
        while told := browser.me()["remaining"]:
            for entry in told:
                reading = room.readings[entry["id"]]
                aided = reading.shows != "none"
                yes = (suggested if aided else truths)[reading.image_id]
                decided = [("choose", {"yes": yes}), ("rate", {"value": 2})]
                browser.read(entry["id"], *(decided if entry["task"] == "Decide" else []))
    export(room, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "Is edges-map followed?" in page
    # Of 3 wrong calls none is said without the map and all with it; of 5 right ones all, twice.
    rows = [re.sub("<[^>]+>", " ", row).split() for row in page.split("<tr>")]
    assert next(row for row in rows if row[:1] == ["wrongly"])[1:5] == [
        "3",
        "0.00",
        "1.00",
        "+1.00",
    ]
    assert next(row for row in rows if row[:1] == ["rightly"])[1:5] == ["5", "1.00", "1.00", "0.00"]
