"""Readers in real Chromium, who draw with the mouse while servers die and networks are cut."""

import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from matplotlib.path import Path as Polygon

from heatproof.data.annotations.formats import formats
from heatproof.data.annotations.marks import Beside

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not on this machine"),
]
SIZE = 512
FILMS = 20
HEAD = f"""
name = "Nodules"
seed = 7
[films]
dataset = "phantom"
images = {FILMS}
size = {SIZE}
seed = 7
[[maps]]
name = "edges-map"
control = "edges"
[[readers]]
name = "Ada"
[[readers]]
name = "Bo"
"""
OUTLINE = """
[[tasks]]
name = "Outline every nodule"
kind = "contour"
finding = "Nodule"
instructions = "Draw along the edge."
"""
EVERY_KIND = """
[[tasks]]
name = "Outline"
kind = "contour"
finding = "Nodule"
instructions = "Draw along the edge."
films = ["phantom7_000001"]
training = ["phantom7_000000"]
[[tasks]]
name = "Point"
kind = "point"
finding = "Nodule"
films = ["phantom7_000002"]
[[tasks]]
name = "Boxes"
kind = "boxes"
finding = "Nodule"
films = ["phantom7_000003"]
[[tasks]]
name = "Decide"
kind = "decision"
finding = "Nodule"
instructions = "Say whether there is a nodule."
shows = ["none", "edges-map"]
order = "sequential"
films = ["phantom7_000004"]
[[tasks]]
name = "Rate"
kind = "map_rating"
finding = "Nodule"
shows = ["edges-map"]
films = ["phantom7_000005"]
limit_seconds = 600
"""


@dataclass
class Server:
    """``heatproof read`` as a process that can be killed and started again."""

    study: Path
    port: int
    links: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    def start(self) -> "Server":
        command = [sys.executable, "-m", "heatproof", "read", str(self.study), "--port",
                   str(self.port)]  # fmt: skip
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            name, _, link = line.strip().partition("\t")
            self.links[name] = link
            if name == "admin":
                break
        for _ in range(100):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise AssertionError("the server does not listen")

    def kill(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def export(self, folder: Path) -> Path:
        command = [sys.executable, "-m", "heatproof", "read", str(self.study), "--export",
                   str(folder)]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        return folder


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], Server]]:
    servers = []

    def begin(tasks: str) -> Server:
        study = tmp_path / "study.toml"
        study.write_text(HEAD + tasks)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        servers.append(Server(study, port).start())
        return servers[-1]

    yield begin
    for server in servers:
        server.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@dataclass
class Hand:
    """A reader at a page: what is drawn, film by film, in pixels of the film."""

    page: Any
    context: Any
    complaints: list[str]
    drawn: dict[str, list[np.ndarray]] = field(default_factory=dict)
    film: str = ""
    touches: bool = False

    def begin(self) -> None:
        self.page.click("button.main", timeout=60_000)
        self.arrive()

    def arrive(self) -> None:
        """Wait until another film than the last is on screen."""
        self.page.wait_for_function(
            "last => { const f = document.querySelector('.film'); return f && f.dataset.reading"
            " && f.dataset.reading !== last && f.dataset.place; }",
            arg=self.film,
            timeout=60_000,
        )
        self.film = self.page.get_attribute(".film", "data-reading")

    def on_screen(self, points: np.ndarray) -> np.ndarray:
        """Whole pixels of the screen, from pixels of the film."""
        box, scale, corner = self._place()
        return np.rint(points * scale + corner + (box["x"], box["y"]))

    def on_film(self, screen: np.ndarray) -> np.ndarray:
        box, scale, corner = self._place()
        return (screen - (box["x"], box["y"]) - corner) / scale

    def _place(self) -> tuple[dict, float, np.ndarray]:
        left, top, right, _ = map(float, self.page.get_attribute(".film", "data-place").split())
        box = self.page.locator(".film").bounding_box()
        return box, (right - left) / SIZE, np.array([left, top])

    def outline(self, points: np.ndarray) -> None:
        screen = self.on_screen(points)
        self.drag(np.concatenate([screen, screen[:1]]))
        self.drawn.setdefault(self.film, []).append(self.on_film(screen))

    def drag(self, screen: np.ndarray) -> None:
        if self.touches:
            self._touch(screen)
            return
        mouse = self.page.mouse
        mouse.move(*screen[0])
        mouse.down()
        for point in screen[1:]:
            mouse.move(*point, steps=2)
        mouse.up()

    def press(self, screen: np.ndarray) -> None:
        if self.touches:
            self.page.touchscreen.tap(*screen)
        else:
            self.page.mouse.click(*screen)

    def _touch(self, screen: np.ndarray) -> None:
        """One finger, as the browser itself tells pages of it."""
        session = self.context.new_cdp_session(self.page)
        for place, (x, y) in enumerate([*screen, screen[-1]]):
            kind = "touchStart" if place == 0 else "touchMove"
            session.send(
                "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]}
            )
            if place == 0:
                self.page.wait_for_timeout(200)  # until it is known that no second finger comes
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def finish(self) -> None:
        self.page.keyboard.press("Enter")


@pytest.fixture
def sit_down(browser: Any) -> Iterator[Callable[..., Hand]]:
    contexts = []

    def sit(link: str, **options: Any) -> Hand:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | options)
        contexts.append(context)
        page, complaints = context.new_page(), []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        # A server that is away is told by the browser, too; anything else is a mistake of ours.
        page.on(
            "console",
            lambda told: (
                told.type in ("error", "warning")
                and "Failed to load resource" not in told.text
                and "willReadFrequently" not in told.text  # of the test, which looks at pixels
                and complaints.append(told.text)
            ),
        )
        page.goto(link)
        return Hand(page, context, complaints, touches=options.get("has_touch", False))

    yield sit
    for context in contexts:
        context.close()


def star(generator: np.random.Generator) -> np.ndarray:
    """A lumpy region somewhere on the film, as corners."""
    middle = generator.uniform(150, SIZE - 150, 2)
    angles = np.linspace(0, 2 * math.pi, 28, endpoint=False)
    radii = generator.uniform(50, 90) * (1 + 0.2 * np.sin(3 * angles + generator.uniform(0, 6)))
    return middle + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def inside(corners: np.ndarray) -> np.ndarray:
    """The pixels whose middle is inside, told by another library than drew them."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    return Polygon(corners).contains_points(np.stack([x.ravel(), y.ravel()], 1)).reshape(SIZE, SIZE)


def test_two_readers_read_twenty_films_while_all_breaks(  # noqa: PLR0912
    serve, sit_down, tmp_path
):
    """The server is killed twice, and the network of one reader is cut: masks are as drawn."""
    server = serve(OUTLINE)
    hands = [sit_down(server.links[name]) for name in ("Ada", "Bo")]
    generators = [np.random.default_rng(seed) for seed in (1, 2)]
    for hand in hands:
        hand.begin()
    for number in range(FILMS):
        if number == 11:
            hands[0].context.set_offline(True)
        for hand, generator in zip(hands, generators, strict=True):
            for _ in range(int(generator.integers(0, 3))):
                hand.outline(star(generator))
                if number == 5 and hand is hands[0]:
                    server.kill()
        if number == 5:
            # Both go on drawing without a server.
            hands[1].outline(star(generators[1]))
            assert "No connection" in _saved(hands[1], "waiting")
            server.start()
        if number == 8:
            hands[0].outline(star(generators[0]))
            server.kill()
        for hand in hands:
            hand.finish()
            if number < FILMS - 1:
                hand.arrive()
        if number == 8:
            server.start()
        if number == 12:
            assert "No connection" in _saved(hands[0], "waiting")
            hands[0].context.set_offline(False)
    for hand in hands:
        hand.page.wait_for_selector("text=All 20 films are read", timeout=60_000)
        assert hand.complaints == []
    out = server.export(tmp_path / "out")

    readings = pl.read_csv(out / "readings.csv")
    assert readings.group_by("reader").len().sort("reader").rows() == [("Ada", 20), ("Bo", 20)]
    events = pl.read_csv(out / "events.csv")
    assert events["id"].n_unique() == len(events)
    for _, of_device in events.group_by("device"):
        assert sorted(of_device["place"]) == list(range(1, len(of_device) + 1))
    ends = events.filter(kind="done")
    assert len(ends) == 40
    where = dict(zip(ends["reading"], zip(ends["reader"], ends["film"], strict=True), strict=True))
    for name, hand in zip(("Ada", "Bo"), hands, strict=True):
        path = out / f"marks/benchmark-{name}.json"
        kept = {
            film.name: [mark.shape.mask(SIZE, SIZE) for mark in film.marks]
            for film in formats.parse("coco").read(path, Beside()).films
        }
        assert len(kept) == FILMS
        drawn = {where[reading][1]: shapes for reading, shapes in hand.drawn.items()}
        for film, masks in kept.items():
            expected = [inside(corners) for corners in drawn.get(film, [])]
            assert len(masks) == len(expected), film
            for mask, wanted in zip(masks, expected, strict=True):
                iou = (mask & wanted).sum() / (mask | wanted).sum()
                assert iou >= 0.99, (film, iou)
        assert sum(map(len, drawn.values())) > 10


def _saved(hand: Hand, state: str) -> str:
    hand.page.wait_for_selector(f'.saved[data-state="{state}"]', timeout=30_000)
    return hand.page.inner_text(".saved")


@pytest.fixture
def shot(tmp_path: Path) -> Callable[[Hand, str], None]:
    """Keeps a picture of a screen where HEATPROOF_SHOTS names a folder, for people to look at."""
    folder = os.environ.get("HEATPROOF_SHOTS")

    def take(hand: Hand, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            hand.page.screenshot(path=str(Path(folder) / f"{name}.png"))

    return take


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core, which two packages bring."""
    for name in ("axe_core_python", "axe_playwright_python"):
        if (found := find_spec(name)) is not None and found.origin is not None:
            return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    pytest.skip("axe-core is not installed")


def clean(axe: str, hand: Hand) -> None:
    """No violation that axe-core knows."""
    # Evaluated, since the policy of the page allows no script to be added to it.
    hand.page.evaluate(axe)
    found = hand.page.evaluate("axe.run().then((found) => found.violations)")
    told = [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found]
    assert told == []


@pytest.mark.parametrize(
    "screen",
    [
        {"viewport": {"width": 1280, "height": 800}},
        {"viewport": {"width": 834, "height": 1112}, "has_touch": True},
        {"viewport": {"width": 1280, "height": 720}, "color_scheme": "dark"},
    ],
    ids=["laptop", "tablet", "dark"],
)
def test_every_screen_works_and_is_accessible(  # noqa: PLR0915
    screen, serve, sit_down, shot, axe, tmp_path, request
):
    """One reader through every kind of task, by mouse and keys; the admin looks on."""
    server, name = serve(EVERY_KIND), request.node.callspec.id
    hand = sit_down(server.links["Ada"], **screen)
    page = hand.page
    page.wait_for_selector("button.main")
    clean(axe, hand)
    shot(hand, f"{name}-1-welcome")
    sides = np.linspace([200.0, 200], [300, 200], 8, endpoint=False) - 250
    turned = (sides, sides[:, ::-1] * (-1, 1), -sides, sides[:, ::-1] * (1, -1))
    corners = 250 + np.concatenate(turned)  # a square, point by point

    # Training: an outline is drawn, undone, drawn again, moved by undo and redo, and told of.
    hand.begin()
    hand.outline(corners)
    page.wait_for_selector("text=1 outline")
    page.keyboard.press("Control+z")
    page.wait_for_selector("text=No outline yet")
    page.keyboard.press("Control+y")
    page.wait_for_selector("text=1 outline")
    clean(axe, hand)
    shot(hand, f"{name}-2-outline")
    hand.finish()
    page.wait_for_selector("button:has-text('Next film'):not([disabled])")
    clean(axe, hand)
    shot(hand, f"{name}-3-feedback")
    page.click("text=Next film")
    hand.arrive()
    hand.outline(corners)
    page.wait_for_selector("text=1 outline")
    page.keyboard.press("Delete")
    page.wait_for_selector("text=No outline yet")
    hand.outline(corners + 40)
    hand.finish()

    # The page is opened anew: the next task begins, and its first point gives way to the second.
    page.wait_for_selector("h1:has-text('Point')")
    hand.begin()
    for point in ((100.0, 120.0), (250.0, 300.0)):
        hand.press(hand.on_screen(np.array(point)))
        page.wait_for_selector("text=1 point")
        page.wait_for_timeout(600)  # two clicks at once are a double click, which draws nothing
    shot(hand, f"{name}-4-point")
    page.reload()
    hand.film = ""
    hand.begin()
    page.wait_for_selector("text=1 point")
    hand.finish()

    page.wait_for_selector("h1:has-text('Boxes')")
    hand.begin()
    hand.drag(hand.on_screen(np.array([[100.0, 120], [200, 180], [260, 220]])))
    page.wait_for_selector("text=1 box")
    shot(hand, f"{name}-5-box")
    hand.finish()

    page.wait_for_selector("h1:has-text('Decide')")
    hand.begin()
    page.keyboard.press("Enter")  # too early
    assert page.is_disabled("#finish")
    page.keyboard.press("n")
    page.keyboard.press("y")
    page.keyboard.press("3")
    clean(axe, hand)
    shot(hand, f"{name}-6-decision")
    page.keyboard.press("Enter")
    hand.arrive()
    page.keyboard.press("y")
    page.keyboard.press("4")
    page.wait_for_selector("text=Map of a program")
    clean(axe, hand)
    shot(hand, f"{name}-7-map")
    coloured = _colours(page)
    page.keyboard.press("o")
    page.wait_for_function(f"({_COLOURS})() < {coloured} / 10")
    page.keyboard.press("i")
    page.keyboard.press("r")
    page.keyboard.press("Enter")

    page.wait_for_selector("h1:has-text('Rate')")
    hand.begin()
    page.wait_for_selector("text=seconds left")
    clean(axe, hand)
    shot(hand, f"{name}-8-rating")
    page.locator(".scale label").nth(1).click()
    page.click("#finish")
    page.wait_for_selector("text=films are read")
    clean(axe, hand)
    shot(hand, f"{name}-9-finished")
    assert hand.complaints == []

    boss = sit_down(server.links["admin"], **screen)
    boss.page.wait_for_selector("text=Ada")
    assert "7 of 7" in boss.page.inner_text("table >> nth=0")
    clean(axe, boss)
    shot(boss, f"{name}-10-admin")
    with boss.page.expect_download() as download:
        boss.page.click("text=Export")
    assert download.value.suggested_filename == "study.zip"
    boss.page.click("text=Freeze")
    boss.page.wait_for_selector("text=The study is frozen")
    other = sit_down(server.links["Bo"], **screen)
    other.page.wait_for_selector("text=This study is paused")
    shot(other, f"{name}-11-paused")
    boss.page.click("text=Open again")
    other.page.wait_for_selector("button.main", timeout=30_000)
    lost = sit_down(server.links["Ada"][:-3] + "xyz", **screen)
    lost.page.wait_for_selector("text=Open your own link")
    clean(axe, lost)
    assert [boss.complaints, other.complaints, lost.complaints] == [[], [], []]

    out = server.export(tmp_path / "out")
    rows = {
        (r["task"], r["maps"], r["part"]): r for r in pl.read_csv(out / "readings.csv").to_dicts()
    }
    assert rows["Outline", "none", "training"]["marks"] == 1
    decided = rows["Decide", "none", "case"]
    assert (decided["yes"], decided["word"], decided["changes"]) == (1, "fairly sure", 1)
    assert rows["Decide", "edges-map", "case"]["rating"] == 4
    assert rows["Rate", "edges-map", "case"]["word"] == "useless"
    marks = json.loads((out / "marks.json").read_text())
    films = {image["id"]: image["file_name"] for image in marks["images"]}
    shapes = {films[each["image_id"]]: each for each in marks["annotations"]}
    assert len(marks["annotations"]) == 3
    x0, y0, width, height = shapes["phantom7_000001"]["bbox"]
    assert np.allclose([x0, y0, x0 + width, y0 + height], [240, 240, 340, 340], atol=2)
    x0, y0, width, height = shapes["phantom7_000003"]["bbox"]
    assert np.allclose([x0, y0, x0 + width, y0 + height], [100, 120, 260, 220], atol=2)
    assert np.allclose(shapes["phantom7_000002"]["keypoints"][:2], [250, 300], atol=2)
    assert re.search("Reader|Ada", (out / "report.html").read_text())


_COLOURS = """() => {
  const layer = document.querySelector('.film .layer');
  const data = layer.getContext('2d').getImageData(0, 0, layer.width, layer.height).data;
  let shown = 0;
  for (let i = 3; i < data.length; i += 4) shown += data[i] > 20;
  return shown;
}"""


def _colours(page: Any) -> int:
    """How many pixels of the screen a map covers."""
    shown = page.evaluate(_COLOURS)
    assert shown > 1000
    return int(shown)
