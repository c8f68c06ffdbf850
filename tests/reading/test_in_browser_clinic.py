# ruff: noqa: F811  # fixtures are imported, and named by tests
"""Films of a hospital and failures of a run in real Chromium: 12 bits, pen, limit, free text."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pydicom
import pytest
from PIL import Image

from tests.reading import test_in_browser
from tests.reading.test_failures import STUDY, project  # noqa: F401  # a fixture
from tests.reading.test_in_browser import SIZE, Hand, Server, browser, sit_down  # noqa: F401
from tests.runs.radiograph import write_radiograph

pytestmark = test_in_browser.pytestmark

CLINIC = """
name = "Clinic"
[films]
dataset = "manifest"
csv = "films.csv"
image = "file"
id = "name"
labels = ["Opacity"]
[[readers]]
name = "Ada"
[[tasks]]
name = "Outline"
kind = "contour"
finding = "Opacity"
[[tasks]]
name = "Decide"
kind = "decision"
finding = "Opacity"
limit_seconds = 3
"""
# The grey value on screen at a place of the page.
GREY = """([x, y]) => {
  const canvas = document.querySelector('.film canvas');
  const box = canvas.getBoundingClientRect(), scale = canvas.width / box.width;
  const place = [(x - box.left) * scale, (y - box.top) * scale, 1, 1];
  return canvas.getContext('2d').getImageData(...place).data[0];
}"""


@pytest.fixture
def started() -> Iterator[Callable[[Path], Server]]:
    servers = []

    def start(study: Path) -> Server:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        servers.append(Server(study, port).start())
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


def write_clinic(folder: Path) -> Path:
    """Two films of 12 bits, of which 0 is white, with a bright square on the right."""
    rows = ["name,file,Opacity"]
    for number in range(2):
        grey = np.full((SIZE, SIZE), 40, np.uint8)
        grey[200:300, 300:400] = 220
        Image.fromarray(grey).save(folder / "grey.png")
        write_radiograph(folder / "grey.png", folder / f"{number}.dcm", number)
        film = pydicom.dcmread(folder / f"{number}.dcm")
        film.PhotometricInterpretation = "MONOCHROME1"
        film.BitsAllocated, film.BitsStored, film.HighBit = 16, 12, 11
        film.PixelData = (4095 - 16 * grey.astype(np.uint16)).astype("<u2").tobytes()
        film.save_as(folder / f"{number}.dcm")
        rows.append(f"f{number},{number}.dcm,1")
    (folder / "films.csv").write_text("\n".join(rows) + "\n")
    (folder / "study.toml").write_text(CLINIC)
    return folder / "study.toml"


def with_pen(hand: Hand, corners: np.ndarray) -> None:
    """What the browser tells pages of a pen that draws along these corners of the film."""
    session = hand.context.new_cdp_session(hand.page)
    screen = hand.on_screen(np.concatenate([corners, corners[:1]]))
    kinds = ["mousePressed", *["mouseMoved"] * (len(screen) - 1), "mouseReleased"]
    for kind, (x, y) in zip(kinds, [*screen, screen[-1]], strict=True):
        told = {"type": kind, "x": x, "y": y, "button": "left", "pointerType": "pen", "force": 0.5}
        session.send("Input.dispatchMouseEvent", told | {"buttons": 1, "clickCount": 1})


def test_films_of_twelve_bits_are_outlined_with_a_pen_and_read_in_time(
    tmp_path,
    started,
    sit_down,
) -> None:
    server = started(write_clinic(tmp_path))
    hand = sit_down(server.links["Ada"])
    hand.begin()
    bright, dark = hand.on_screen(np.array([[350.0, 250], [100, 250]])).tolist()
    hand.page.wait_for_function(f"({GREY})({bright}) > ({GREY})({dark}) + 100")
    sides = np.linspace([300.0, 200], [400, 200], 10, endpoint=False) - (350, 250)
    turned = (sides, sides[:, ::-1] * (-1, 1), -sides, sides[:, ::-1] * (1, -1))
    square = np.concatenate(turned) + np.array([350, 250])
    with_pen(hand, square)
    hand.page.wait_for_selector("text=1 outline")
    hand.finish()
    hand.arrive()
    hand.finish()
    hand.page.wait_for_selector("h1:has-text('Decide')")
    hand.begin()  # and nothing more: the limit ends the reading, and the next film comes
    hand.arrive()
    hand.page.keyboard.press("y")
    hand.page.keyboard.press("4")
    hand.page.keyboard.press("Enter")
    hand.page.wait_for_selector("text=films are read")
    assert hand.complaints == []

    out = server.export(tmp_path / "out")
    rows = pl.read_csv(out / "readings.csv").filter(task="Decide")
    assert sorted(rows["timed_out"]) == [0, 1]
    ended = rows.filter(timed_out=1).row(0, named=True)
    assert ended["seconds"] == pytest.approx(3, abs=1.5)
    assert ended["yes"] is None
    drawn = pl.read_csv(out / "readings.csv").filter(task="Outline").filter(marks=1)
    [segmentation] = (out / "dicom_seg").rglob("*.dcm")
    assert segmentation.stem == drawn["film"].item()
    frame = pydicom.dcmread(segmentation).pixel_array.astype(bool)
    wanted = np.zeros((SIZE, SIZE), bool)
    wanted[200:300, 300:400] = True
    assert (frame & wanted).sum() / (frame | wanted).sum() > 0.95


def test_readers_say_in_the_browser_what_a_wrong_map_points_at(
    project,
    tmp_path,
    started,
    sit_down,
) -> None:
    study = project / "browser.toml"
    text = STUDY.replace("OUTCOMES", '"true positive", "false positive", "true negative"')
    study.write_text(text.replace('name = "Failures"', 'name = "Failures in a browser"'))
    server = started(study)
    hand = sit_down(server.links["Ada"])
    page = hand.page
    hand.begin()
    page.keyboard.press("Enter")
    assert page.is_disabled("#finish")  # nothing is said yet
    page.check("text=corner")
    page.check("text=edge")
    page.uncheck("text=corner")
    page.fill("textarea", "the rim of the film")
    page.click("#finish")
    page.wait_for_function("document.querySelector('textarea')?.value === ''")
    # Neither the method nor the model is told to whoever reads.
    assert not any(word in page.content() for word in ("secret-method", "grad_cam", "bright"))
    assert hand.complaints == []
    out = server.export(tmp_path / "out")
    [row] = pl.read_csv(out / "readings.csv").to_dicts()
    assert (row["places"], row["text"], row["maps"]) == (
        "edge", "the rim of the film", "secret-method",
    )  # fmt: skip
