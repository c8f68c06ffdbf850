"""Does the page of a large study open at once?  Made up, and opened in Chromium.

    python -m benchmarks.page [--times 5]

The study is that of the tests of the page (`tests/report/trial_huge.py`): 5 models, 15 methods, 10
findings, 668 films, 8 criteria, 3 metrics, and slopes, confidence and groups of patients for each;
120 films of 1,024 px under 15 maps each in the gallery.  Its page is opened anew each time, in a
browser that has nothing of it in memory: until all of it is loaded (`loadEventEnd`), until the
first text is seen, and the seconds that the processor worked for it, which stand still while other
programs have the machine.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.side_by_side import keep, machine
from heatproof.report.page.album import beside_the_page
from heatproof.report.page.html import render
from tests.report import trial_huge

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    result = {}
    for where, cases in (("films in the page", 24), ("films beside it", 40)):
        content = trial_huge.huge(cases)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "report.html"
            path.write_text(render(content), encoding="utf-8")
            beside = beside_the_page(content)
            for name, picture in beside.items():
                (path.parent / name).parent.mkdir(exist_ok=True)
                (path.parent / name).write_bytes(picture)
            size = path.stat().st_size
            opened = [_opened(path) for _ in range(times)]
        result[where] = {
            "page in MB": round(size / 1e6, 1),
            "pictures beside it in MB": round(sum(map(len, beside.values())) / 1e6, 1),
            "films shown": len(content.gallery.cases),
            **{
                name: round(statistics.median(one[name] for one in opened), 2) for name in opened[0]
            },
        }
        print(where, result[where])
    keep("page.json", result | {"machine": machine(("playwright",))})


def _opened(path: Path) -> dict[str, float]:
    """Seconds until the page is there, and of the processor."""
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(path.as_uri())
        seen = page.evaluate(
            """() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done([
              performance.getEntriesByType("navigation")[0].loadEventEnd,
              performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN,
            ]))))"""
        )
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        metrics = session.send("Performance.getMetrics")["metrics"]
        browser.close()
    worked = next(one["value"] for one in metrics if one["name"] == "ProcessTime")
    return {
        "seconds until loaded": seen[0] / 1000,
        "seconds until text is seen": seen[1] / 1000,
        "seconds of the processor": worked,
    }


if __name__ == "__main__":
    main()
