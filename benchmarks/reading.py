"""Is the reading room quick enough?  50 scripted readers at once, large films, a whole study.

Every reader sends an outline of 200 points each second; what counts is the time until the server
says that it is on the disk.  Then films of 2,320 x 2,828 in Chromium: from a click on Begin to the
first film on screen, and from Enter to the next.  Last, a study of 60 films, 5 readers and two
modalities, from its TOML file to the page with its statistics, by readers who take no time.

    python -m benchmarks.reading
"""

import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import numpy as np
from PIL import Image

from benchmarks.side_by_side import keep, machine
from heatproof import Phantom

READERS, STROKES, EVERY = 50, 40, 1.0
HEIGHT, WIDTH, FILMS = 2828, 2320, 6
STUDY = """
name = "Speed"
[films]
{films}
[[maps]]
name = "edges-map"
control = "edges"
{readers}
{task}
"""
OUTLINE = """
[[tasks]]
name = "Outline"
kind = "contour"
finding = "Nodule"
"""
DECIDE = """
[[tasks]]
name = "Decide"
kind = "decision"
finding = "Nodule"
shows = ["none", "edges-map"]
washout_days = 0
"""


def main() -> None:
    with TemporaryDirectory() as name:
        found = saving(Path(name)) | showing(Path(name)) | studying(Path(name))
    about = machine(["heatproof", "starlette", "uvicorn", "playwright"])
    keep("reading.json", found | {"machine": about | {"load": os.getloadavg()[0]}})
    print(json.dumps(found, indent=2))


class Server:
    """``heatproof read`` as a process of its own."""

    def __init__(self, folder: Path, films: str, readers: int, port: int, task: str = "") -> None:
        study = folder / f"study{port}.toml"
        names = "".join(f'[[readers]]\nname = "R{i}"\n' for i in range(readers))
        study.write_text(STUDY.format(films=films, readers=names, task=task or OUTLINE))
        command = [sys.executable, "-m", "heatproof", "read", str(study), "--port", str(port)]
        self.port = port
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.links: dict[str, str] = {}
        for line in self.process.stdout:
            who, _, link = line.strip().partition("\t")
            self.links[who] = link
            if who == "admin":
                break
        time.sleep(1)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()  # type: ignore[union-attr]


def saving(folder: Path) -> dict[str, object]:
    films = 'dataset = "phantom"\nimages = 20\nsize = 512\n'
    seconds: list[float] = []
    with Server(folder, films, READERS, 8801) as server:
        readers = [
            threading.Thread(target=read, args=(server, f"R{i}", seconds)) for i in range(READERS)
        ]
        for reader in readers:
            reader.start()
            time.sleep(EVERY / READERS)
        for reader in readers:
            reader.join()
    low, middle, high = np.quantile(seconds, [0.5, 0.95, 0.99]) * 1000
    return {
        "saves": len(seconds),
        "readers": READERS,
        "save, median ms": round(float(low), 1),
        "save, p95 ms": round(float(middle), 1),
        "save, p99 ms": round(float(high), 1),
    }


class Line:
    """A reader's connection."""

    def __init__(self, server: Server, name: str) -> None:
        host = f"127.0.0.1:{server.port}"
        self.line = http.client.HTTPConnection(host)
        self.headers = {"origin": f"http://{host}", "content-type": "application/json"}
        token = server.links[name].partition("#")[2]
        self.headers["x-csrf-token"] = self.post("/api/session", {"token": token})["csrf"]

    def post(self, path: str, body: object) -> dict:
        self.line.request("POST", path, json.dumps(body), self.headers)
        return self._answer()

    def get(self, path: str) -> dict:
        self.line.request("GET", path, headers=self.headers)
        return self._answer()

    def _answer(self) -> dict:
        response = self.line.getresponse()
        answer = json.loads(response.read())
        assert response.status == 200, answer
        if cookie := response.getheader("set-cookie"):
            self.headers["cookie"] = cookie.partition(";")[0]
        return answer


def read(server: Server, name: str, seconds: list[float]) -> None:
    """One reader, who draws at a steady pace."""
    line = Line(server, name)
    reading = line.get("/api/me")["remaining"][0]["id"]
    device, place = uuid4().hex, 0

    def save(kind: str, content: dict) -> float:
        nonlocal place
        place += 1
        event = {"id": uuid4().hex, "reading": reading, "place": place, "kind": kind,
                 "content": content, "at": time.time()}  # fmt: skip
        begun = time.perf_counter()
        line.post("/api/events", {"device": device, "events": [event]})
        return time.perf_counter() - begun

    save("open", {"version": "1"})
    START.wait()
    generator = np.random.default_rng(int(name[1:]))
    time.sleep(float(generator.uniform(0, EVERY)))
    for stroke in range(STROKES):
        begun = time.perf_counter()
        points = np.round(generator.uniform(10, 500, (200, 2)), 2).tolist()
        content = {"mark": f"m{stroke % 5}", "shape": "contour", "points": points}
        seconds.append(save("mark", content))
        time.sleep(max(0.0, EVERY - (time.perf_counter() - begun)))


START = threading.Barrier(READERS)


def showing(folder: Path) -> dict[str, object]:
    from playwright.sync_api import sync_playwright

    rows = [f"film{i}.png,{i % 2}" for i in range(FILMS)]
    (folder / "films.csv").write_text("\n".join(["image,Nodule", *rows]) + "\n")
    phantoms = Phantom(images=FILMS, size=HEIGHT, seed=1)
    for i in range(FILMS):
        grey = np.rint(phantoms[i].pixels.read()[:, (HEIGHT - WIDTH) // 2 :][:, :WIDTH] * 65535)
        Image.fromarray(grey.astype(np.uint16)).save(folder / f"film{i}.png")
    films = 'dataset = "manifest"\ncsv = "films.csv"\nlabels = ["Nodule"]\n'
    first, following = [], []
    chromium = shutil.which("chromium") or shutil.which("chrome")
    with Server(folder, films, 2, 8802) as server, sync_playwright() as started:
        for name in ("R0", "R1"):
            browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(server.links[name])
            page.wait_for_selector("button.main")
            page.evaluate(WATCH)
            page.click("button.main")
            page.wait_for_function("() => window.shown.length === 1", timeout=60_000)
            for count in range(2, FILMS + 1):
                page.wait_for_timeout(6000)  # a film is looked at, and the next one comes meanwhile
                page.evaluate("() => window.asked.push(performance.now())")
                page.keyboard.press("Enter")
                page.wait_for_function(f"() => window.shown.length === {count}", timeout=60_000)
            asked, shown = page.evaluate("() => [window.asked, window.shown]")
            first.append(shown[0] - asked[0])
            following += [there - then for then, there in zip(asked[1:], shown[1:], strict=True)]
            browser.close()
    return {
        "film": f"{WIDTH} x {HEIGHT}, PNG of 16 bits",
        "first film after Begin, ms": [round(value) for value in first],
        "next films after Enter, ms": [round(value) for value in following],
        "next film, median ms": round(float(np.median(following))),
    }


def studying(folder: Path) -> dict[str, object]:
    begun = time.perf_counter()
    films = 'dataset = "phantom"\nimages = 60\nsize = 256\n'
    with Server(folder, films, 5, 8803, task=DECIDE) as server:
        for reader in range(5):
            decide(Line(server, f"R{reader}"), np.random.default_rng(reader))
        study = folder / "study8803.toml"
    command = [sys.executable, "-m", "heatproof", "read", str(study), "--export"]
    subprocess.run([*command, str(folder / "out")], check=True, stdout=subprocess.DEVNULL)
    page = (folder / "out/report.html").read_text(encoding="utf-8")
    assert "Obuchowski-Rockette" in page
    return {"readings": 600, "from TOML to report, s": round(time.perf_counter() - begun, 1)}


def decide(line: "Line", generator: np.random.Generator) -> None:
    """Read all that there is; skill is none of what is measured."""
    place, device = 0, uuid4().hex
    while entries := line.get("/api/me")["remaining"]:
        for entry in entries:
            line.get(f"/api/reading/{entry['id']}")
            said = [
                ("open", {"version": "1"}),
                ("choose", {"yes": bool(generator.integers(2))}),
                ("rate", {"value": int(generator.integers(4))}),
                ("done", {"timed_out": False}),
            ]
            events = [
                {"id": uuid4().hex, "reading": entry["id"], "place": place + i + 1, "kind": kind,
                 "content": content, "at": time.time() + 2 * i}
                for i, (kind, content) in enumerate(said)
            ]  # fmt: skip
            place += len(said)
            line.post("/api/events", {"device": device, "events": events})


# A film is on screen one frame after the page says which it shows.
WATCH = """() => {
  window.asked = []; window.shown = [];
  document.querySelector('button.main').addEventListener(
    'click', () => window.asked.push(performance.now()), true);
  let last = '';
  new MutationObserver(() => {
    const now = document.querySelector('.film')?.dataset.reading;
    if (now && now !== last) {
      last = now;
      requestAnimationFrame(() => requestAnimationFrame(() => window.shown.push(performance.now())));
    }
  }).observe(document.documentElement, { subtree: true, childList: true, attributes: true });
}"""

if __name__ == "__main__":
    main()
