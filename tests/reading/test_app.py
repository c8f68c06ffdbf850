"""Readers read in order, stop and go on; the admin looks on, freezes and closes."""

import time

import numpy as np
import pytest

from heatproof.maps import render
from heatproof.reading.room import Room
from heatproof.reading.serving import opened
from heatproof.reading.study import load
from tests.reading.conftest import DECIDE, Browser, server

SQUARE = [[10, 10], [30, 10], [30, 30], [10, 30]]
MARK = ("mark", {"mark": "m1", "shape": "contour", "points": SQUARE})


def test_films_travel_at_full_resolution(room, enter):
    ada = enter()
    reading = room.of_reader["Ada"][0]
    sent = ada.client.get(f"/api/film/{reading.id}", headers={"accept-encoding": "identity"})
    film = room.cases.samples[reading.image_id].pixels.read()
    height, width = int(sent.headers["x-height"]), int(sent.headers["x-width"])
    grey = np.frombuffer(sent.content, "<u2").reshape(height, width) / 65535
    assert np.abs(grey - film).max() <= 0.5 / 65535 + 1e-7
    # Over a network, the same bytes, compressed.
    packed = ada.client.get(f"/api/film/{reading.id}", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == sent.content


def test_a_map_comes_in_levels_and_colours_of_the_report(room, enter):
    ada = enter()
    for entry in ada.me()["remaining"]:
        ada.read(entry["id"])
    entry = next(e for e in room.of_reader["Ada"] if e.task == "Decide" and e.shows != "none")
    aided = ada.client.get(f"/api/map/{entry.id}")
    assert len(aided.content) == 64 * 64
    assert max(aided.content) == 255
    colours = np.frombuffer(ada.client.get("/api/palette/plain").content, np.uint8)
    assert (colours.reshape(256, 3) == render.palette()).all()
    bare = next(e for e in room.of_reader["Ada"] if e.task == "Decide" and e.shows == "none")
    assert ada.client.get(f"/api/map/{bare.id}").status_code == 404


def test_a_wrong_map_is_that_of_another_film_of_the_same_label(room):
    cases = room.cases
    right = {each: cases.map("edges-map", each, "Nodule").data for each in cases.samples}
    for name, sample in cases.samples.items():
        wrong = cases.map("another-map", name, "Nodule").data
        [of] = [other for other, data in right.items() if data == wrong]
        assert of != name
        assert cases.samples[of].labels == sample.labels


def test_films_are_read_in_order_and_none_is_opened_before_its_turn(room, enter):
    ada = enter()
    readings = [entry["id"] for entry in ada.me()["remaining"]]
    early = ada.send(ada.event(readings[1], "open", {"version": "1"}))
    assert early.status_code == 422
    ada.place -= 1
    ada.read(readings[0], MARK)
    late = ada.event(readings[0], "erase", {"mark": "m1"})
    assert ada.send(late).status_code == 422
    assert ada.me()["remaining"][0]["id"] == readings[1]
    # What is still to come in another task does not exist yet.
    assert ada.client.get(f"/api/film/{room.of_reader['Ada'][-1].id}").status_code == 404


def test_a_reader_goes_on_where_the_laptop_was_closed(room, enter):
    ada = enter()
    reading = ada.me()["remaining"][0]["id"]
    ada.send(ada.event(reading, "open", {"version": "1"}), ada.event(reading, *MARK))
    again = enter("Ada")  # by a new link, on another machine
    assert again.me()["remaining"][0]["id"] == reading
    state = again.client.get(f"/api/reading/{reading}").json()["answer"]
    assert state["marks"] == [{"id": "m1", "shape": "contour", "points": SQUARE}]
    again.read(reading)
    assert again.me()["done"] == 1


def test_what_is_missing_keeps_a_film_open(room, enter):
    ada = enter()
    for entry in ada.me()["remaining"]:
        ada.read(entry["id"])
    reading = ada.me()["remaining"][0]["id"]
    ada.send(ada.event(reading, "open", {"version": "1"}))
    sent = ada.send(ada.event(reading, "done", {"timed_out": False}))
    assert (sent.status_code, sent.json()["error"]) == (422, "Say yes or no.")
    ada.place -= 1
    assert ada.send(ada.event(reading, "done", {"timed_out": True})).status_code == 200


def test_a_gap_tells_where_to_send_from(enter):
    ada = enter()
    reading = ada.me()["remaining"][0]["id"]
    lost, kept = ada.event(reading, "open", {"version": "1"}), ada.event(reading, "away")
    refused = ada.send(kept)
    assert (refused.status_code, refused.json()["expected"]) == (409, 1)
    assert ada.send(lost, kept).json() == {"last": 2}
    assert ada.send(lost, kept).json() == {"last": 2}


def test_training_has_feedback_once_it_is_finished_and_cases_have_none(room, enter):
    ada = enter()
    training, case = (entry["id"] for entry in ada.me()["remaining"][:2])
    assert ada.client.get(f"/api/reading/{training}").json()["training"]
    assert ada.client.get(f"/api/feedback/{training}").status_code == 404
    ada.read(training)
    told = ada.client.get(f"/api/feedback/{training}").json()
    sample = room.cases.samples["phantom5_000000"]
    assert told["present"] is sample.labels["Nodule"]
    assert bool(told["contours"]) is told["present"]
    ada.read(case)
    assert ada.client.get(f"/api/feedback/{case}").status_code == 404


def test_sessions_lie_a_washout_apart(written, monkeypatch):
    room = opened(load(written(DECIDE.replace("washout_days = 0", "washout_days = 7"))))
    ada = Browser(server(room), room.ledger.new_token("Ada"))
    told = ada.me()
    assert len(told["remaining"]) == 8
    for entry in told["remaining"]:
        ada.read(entry["id"], ("choose", {"yes": True}), ("rate", {"value": 0}))
    told, now = ada.me(), time.time()
    assert told["remaining"] == []
    assert told["waits"] - now == pytest.approx(7 * 86400, abs=60)
    monkeypatch.setattr("heatproof.reading.room.time.time", lambda: now + 7 * 86400 + 1)
    assert len(ada.me()["remaining"]) == 10  # the second session, and two films once more
    room.ledger.close()


def test_the_admin_sees_who_is_where_and_freezes_and_closes(room, enter, admin):
    ada = enter()
    reading = ada.me()["remaining"][0]["id"]
    ada.read(reading)
    told = admin.client.get("/api/admin").json()
    row = next(row for row in told["readers"] if row["name"] == "Ada")
    assert (row["done"], row["task"]) == (1, "Outline")
    assert row["film"] == room.of_reader["Ada"][1].image_id
    assert time.time() - row["seen"] < 60
    following = ada.me()["remaining"][0]["id"]
    event = ada.event(following, "open", {"version": "1"})
    for state, status in (("frozen", 423), ("open", 200)):
        assert admin.post("/api/admin/state", {"state": state}).json()["state"] == state
        assert ada.me()["state"] == state
        assert ada.send(event).status_code == status
    admin.post("/api/admin/state", {"state": "closed"})
    assert ada.send(ada.event(following, "away")).json()["error"] == "the study is closed"
    assert admin.post("/api/admin/state", {"state": "open"}).status_code == 422
    done = [(row["who"], row["what"], row["detail"]) for row in told["audit"]]
    assert ("Ada", "entered", "") in done


def test_the_admin_does_not_read_and_gives_new_links(room, enter, admin):
    ada = enter()
    reading = room.of_reader["Ada"][0].id
    assert admin.send(admin.event(reading, "open", {"version": "1"})).status_code == 403
    token = admin.post("/api/admin/link", {"reader": "Ada"}).json()["token"]
    assert ada.client.get("/api/me").status_code == 401
    assert Browser(server(room), token).me()["name"] == "Ada"
    assert admin.post("/api/admin/link", {"reader": "Eve"}).status_code == 404


def test_who_leaves_is_out(enter):
    ada = enter()
    assert ada.post("/api/leave", {}).status_code == 200
    assert ada.client.get("/api/me").status_code == 401


def test_a_film_that_cannot_be_read_names_no_file(room: Room, enter, monkeypatch):
    from heatproof.errors import PixelError

    ada = enter()

    def unreadable(name: str):
        raise PixelError(f"/secret/folder/{name}.dcm is damaged")

    monkeypatch.setattr(type(room.cases), "film", lambda self, name: unreadable(name))
    sent = ada.client.get(f"/api/film/{room.of_reader['Ada'][0].id}")
    assert sent.status_code == 500
    assert "secret" not in sent.text
