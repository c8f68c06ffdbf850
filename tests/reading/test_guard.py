"""Secure unless told otherwise: each promise of SECURITY.md about the reading room."""

import json

import pytest

from heatproof.errors import ExperimentError
from heatproof.reading.guard import MOST_BYTES, Buckets
from heatproof.reading.serving import Address, links
from tests.reading.conftest import NAME, ORIGIN, Browser, server


def first(browser: Browser) -> str:
    return browser.me()["remaining"][0]["id"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "study.example.org"])
def test_a_public_bind_without_tls_is_refused(host, tmp_path):
    assert Address().host == "127.0.0.1"
    with pytest.raises(ExperimentError, match="without TLS"):
        Address(host=host)
    with pytest.raises(ExperimentError, match="both files"):
        Address(host=host, certificate=tmp_path / "a.pem")
    assert Address(host=host, certificate=tmp_path / "a.pem", key=tmp_path / "a.key").secure
    assert not Address(host=host, without_tls=True).secure
    proxied = Address(host=host, without_tls=True, name="https://study.example.org")
    assert proxied.secure
    assert proxied.names(8765) == {"study.example.org"}
    assert proxied.url(8765) == "https://study.example.org/"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9"])
def test_this_machine_needs_no_tls(host):
    assert not Address(host=host).secure


def test_a_link_holds_its_secret_where_no_log_sees_it(room):
    made = links(room, "http://127.0.0.1:8765/")
    assert made.keys() == {"Ada", "Bo", "admin"}
    assert all(link.startswith("http://127.0.0.1:8765/#") for link in made.values())
    assert links(room, "u/").keys() == {"admin"}
    assert links(room, "u/", anew=True).keys() == {"Ada", "Bo", "admin"}


def test_without_a_link_nothing_is_told(room):
    client = server(room)
    reading = room.of_reader["Ada"][0].id
    paths = ["me", f"reading/{reading}", f"film/{reading}", f"map/{reading}", "palette/plain",
             f"feedback/{reading}", "admin", "admin/export"]  # fmt: skip
    for path in paths:
        assert client.get(f"/api/{path}").status_code == 401, path
    refused = client.post("/api/session", json={"token": "guess"}, headers=ORIGIN)
    assert refused.status_code == 401
    assert ("unknown", "refused") in [row[1:3] for row in room.ledger.audit()]


def test_a_reader_sees_no_reading_of_others_and_does_not_administer(room, enter):
    ada = enter("Ada")
    for path in ("reading", "film", "map", "feedback"):
        assert ada.client.get(f"/api/{path}/{room.of_reader['Bo'][0].id}").status_code == 404
    sent = ada.send(ada.event(room.of_reader["Bo"][0].id, "open", {"version": "1"}))
    assert sent.status_code == 404
    assert ada.client.get("/api/admin").status_code == 403
    assert ada.client.get("/api/admin/export").status_code == 403
    assert ada.post("/api/admin/state", {"state": "closed"}).status_code == 403
    assert ada.post("/api/admin/link", {"reader": "Bo"}).status_code == 403
    assert room.ledger.state == "open"


def test_other_sites_are_refused(enter):
    """CSRF: neither another origin, nor none, nor a request without the token of the page."""
    ada = enter()
    body = {"device": ada.device, "events": [ada.event(first(ada), "open", {"version": "1"})]}
    for wrong in (
        {"origin": "https://evil.example"},
        {"origin": f"https://{NAME}"},
        {"origin": "null"},
        {"x-csrf-token": ""},
        {"x-csrf-token": "0" * 64},
    ):
        assert ada.post("/api/events", body, **wrong).status_code == 403, wrong
    bare = {"x-csrf-token": ada.headers["x-csrf-token"]}
    assert ada.client.post("/api/events", json=body, headers=bare).status_code == 403
    assert ada.post("/api/events", body).status_code == 200


def test_only_json_is_read(enter):
    ada = enter()
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        headers = ada.headers | {"content-type": kind}
        sent = ada.client.post("/api/events", content=b"{}", headers=headers)
        assert sent.status_code == 415


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", ""])
def test_other_names_of_the_server_are_refused(room, host):
    """DNS rebinding: a site that points its own name here gets nothing."""
    assert server(room).get("/", headers={"host": host}).status_code == 421


def test_every_answer_carries_the_policy(room, enter):
    ada = enter()
    for path in ("/", "/assets/index.js", "/api/me", "/nothing", f"/api/film/{first(ada)}"):
        headers = ada.client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in headers
    page = ada.client.get("/").text
    assert "<script>" not in page
    assert "style=" not in page


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(room):
    token = room.ledger.new_token("Ada")
    entered = server(room).post("/api/session", json={"token": token}, headers=ORIGIN)
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert token not in entered.text + cookie


def test_over_tls_cookies_and_names_stay_there(room):
    from starlette.testclient import TestClient

    from heatproof.reading.app import app
    from heatproof.reading.guard import Guard

    guarded = Guard(app(room, secure=True, exported=bytes), frozenset({NAME}), room.cookie, True)
    client = TestClient(guarded, base_url=f"https://{NAME}")
    token = room.ledger.new_token("Ada")
    origin = {"origin": f"https://{NAME}"}
    entered = client.post("/api/session", json={"token": token}, headers=origin)
    assert "secure" in entered.headers["set-cookie"].lower()
    assert entered.headers["strict-transport-security"]
    assert client.post("/api/session", json={"token": token}, headers=ORIGIN).status_code == 403


@pytest.mark.parametrize("private", [True, False])
def test_a_private_study_leaves_nothing_in_the_browser(room, private):
    client = server(room, private=private)
    ada = Browser(client, room.ledger.new_token("Ada"))
    reading = first(ada)
    for path in ("me", f"reading/{reading}"):
        assert client.get(f"/api/{path}").headers["cache-control"] == "no-store"
    kept = client.get(f"/api/film/{reading}").headers["cache-control"]
    assert kept == ("no-store" if private else "private, max-age=3600")


def test_a_link_cannot_be_guessed_by_trying(room):
    client = server(room)
    tries = [
        client.post("/api/session", json={"token": f"guess{i}"}, headers=ORIGIN).status_code
        for i in range(14)
    ]
    assert tries == [401] * 10 + [429] * 4
    # Links that are right cost nothing, however many readers share an address.
    client = server(room)
    for _ in range(30):
        Browser(client, room.ledger.new_token("Ada"))


def test_a_session_that_floods_is_held_back(room):
    client = server(room, asking=Buckets(1.0, 20.0))
    ada = Browser(client, room.ledger.new_token("Ada"))
    answers = [client.get("/api/palette/plain").status_code for _ in range(40)]
    assert answers[0] == 200
    assert answers[-1] == 429
    assert ada.me()["error"] == "too many requests; wait a moment"


def test_buckets_fill_again(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("heatproof.reading.guard.time.monotonic", lambda: now[0])
    bucket = Buckets(rate=2.0, burst=3.0)
    assert [bucket.take("a") for _ in range(4)] == [True, True, True, False]
    assert bucket.take("b")
    now[0] = 1.0
    assert [bucket.take("a") for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    "path",
    ["/../study.py", "/assets/../../study.py", "/assets/..%2f..%2fstudy.py", "/%2e%2e/study.py",
     "/assets//etc/passwd", "/assets/%00", "/study.sqlite", "/api/film/../../study.sqlite",
     "/api/film/..%2F..%2Fstudy.sqlite", "/assets/"],
)  # fmt: skip
def test_no_path_leads_out(enter, path):
    ada = enter()
    answer = ada.client.get(path)
    assert answer.status_code in (401, 404)
    assert b"sqlite3" not in answer.content


@pytest.mark.parametrize("identifier", ["x", "0" * 32, "0" * 31, "A" * 32, "'; DROP TABLE events"])
def test_ids_that_are_none_do_not_exist(enter, identifier):
    ada = enter()
    for path in ("reading", "film", "map", "feedback"):
        assert ada.client.get(f"/api/{path}/{identifier}").status_code == 404


def test_bodies_are_read_up_to_a_limit(enter):
    ada = enter()
    headers = ada.headers | {"content-type": "application/json"}

    def post(content) -> int:
        return ada.client.post("/api/events", content=content, headers=headers).status_code

    assert post(b" " * (MOST_BYTES + 1)) == 413

    def drops():
        for _ in range(MOST_BYTES // 65536 + 2):
            yield b" " * 65536

    headers["content-length"] = "9" * 5000
    assert post(b"{}") == 413
    del headers["content-length"]
    assert post(drops()) == 413  # without a length that could be believed


@pytest.mark.parametrize(
    "change",
    [{"id": "x"}, {"place": 0}, {"place": "1"}, {"place": True}, {"at": -1.0}, {"at": 1e300},
     {"kind": "k" * 21}, {"content": []}, {"reading": "../x"}, {"more": 1}],
)  # fmt: skip
def test_events_that_are_none_are_refused(enter, change):
    ada = enter()
    event = ada.event(first(ada), "open", {"version": "1"}) | change
    assert ada.send(event).status_code == 422
    assert ada.client.get(f"/api/reading/{first(ada)}").json()["answer"]["opened"] is False


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"device": 1}', b"\xff", b"[" * 10_000])
def test_bodies_that_are_none_are_answered_in_words(enter, body):
    ada = enter()
    headers = ada.headers | {"content-type": "application/json"}
    sent = ada.client.post("/api/events", content=body, headers=headers)
    assert sent.status_code == 422
    assert sent.json()["error"]


def test_names_of_maps_films_and_readers_never_reach_a_reader(room, enter):
    """Blinding: all that a browser gets of a whole reading, searched for what it may not know."""
    ada, seen = enter("Ada"), []
    for _ in range(40):
        told = ada.me()
        if not told["remaining"]:
            break
        entry = told["remaining"][0]
        asked = [ada.client.get(f"/api/{p}/{entry['id']}") for p in ("reading", "film", "map")]
        seen += [json.dumps(told), asked[0].text]
        seen += [json.dumps(dict(each.headers)) for each in asked]
        outline = entry["task"] == "Outline"
        says = [] if outline else [("choose", {"yes": True}), ("rate", {"value": 1})]
        ada.read(entry["id"], *says)
        seen.append(ada.client.get(f"/api/feedback/{entry['id']}").text)
    assert told["remaining"] == []
    secret = {"edges-map", "another-map", "edges", "phantom5_", "Bo", "benchmark"}
    assert [name for name in secret if any(name in text for text in seen)] == []
