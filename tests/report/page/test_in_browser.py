"""The page in Chromium: nothing on the console, controls that do what they say, paper without
overlaps, and no violation that axe-core knows.

`make test` installs Playwright and axe-core; Chromium is a program of the system.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from heatproof.report.content import Content
from heatproof.report.page import album
from heatproof.report.page.album import beside_the_page
from heatproof.report.page.html import render
from tests.report import trial, trial_huge

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not on this machine"),
]
WIDTHS = (390, 834, 1400)
SHEET = 794  # pixels of an A4 sheet
A4 = SHEET - 106  # pixels between the margins

# Of every table: pairs of texts of two cells that lie over each other, and what leaves its cell.
OVERLAPS = """() => {
  const found = [];
  const said = (node) => node.textContent.trim().slice(0, 40);
  const boxes = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return [...range.getClientRects()].filter((box) => box.width >= 3 && box.height > 0);
  };
  for (const table of document.querySelectorAll("table")) {
    const texts = [];
    for (const cell of table.querySelectorAll("th, td")) {
      const outer = cell.getBoundingClientRect();
      // A phone reads headings from the cells, and hides the row that holds them.
      const head = cell.closest("thead");
      if (!outer.width || (head && getComputedStyle(head).clipPath !== "none")) continue;
      // A dot at the end of a track stands out by half its width.
      const leaves = (box) => box.left < outer.left - 7 || box.right > outer.right + 7;
      if (boxes(cell).some(leaves)) found.push(`${said(cell)} leaves its cell`);
      const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
      for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        if (!node.data.trim() || node.parentElement.closest(".unseen")) continue;
        for (const box of boxes(node)) texts.push({ box, cell, node });
      }
    }
    texts.sort((one, other) => one.box.top - other.box.top);
    texts.forEach((one, place) => {
      for (let next = place + 1; next < texts.length; next++) {
        const other = texts[next];
        if (other.box.top > one.box.bottom - 2) break;
        const left = Math.max(one.box.left, other.box.left);
        const right = Math.min(one.box.right, other.box.right);
        if (right - left <= 1 || other.cell === one.cell) continue;
        found.push(`${said(one.node)} lies over ${said(other.node)}`);
      }
    });
  }
  return found;
}"""


# Words of headings of tables that are broken where no hyphen allows it.
BROKEN = """() => {
  const found = [];
  for (const heading of document.querySelectorAll("thead th")) {
    const walk = document.createTreeWalker(heading, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      for (const { 0: word, index } of node.data.matchAll(/[^\\s\\u00ad-]+/g)) {
        const range = document.createRange();
        // A hyphen that is drawn belongs to the letter after it.
        range.setStart(node, index + (node.data[index - 1] === "\\u00ad"));
        range.setEnd(node, index + word.length);
        const boxes = [...range.getClientRects()].filter((box) => box.width > 1);
        const lines = new Set(boxes.map((box) => Math.round(box.top)));
        if (lines.size > 1) found.push(word);
      }
    }
  }
  return found;
}"""


def showcase() -> Content:
    """Everything that a page may show, with verdicts of the films of its gallery."""
    trust = trial.trusted()
    grids = (replace(one, dataset=trial.RSNA, finding=trial.OPACITY) for one in trust.trust)
    whole = replace(trial.compared(), asked=trust.asked, rules=trust.rules, trust=tuple(grids))
    other = replace(whole.gallery.cases[0], finding="Edema", model="another model")
    gallery = replace(whole.gallery, cases=(*whole.gallery.cases, other))
    return replace(whole, gallery=gallery)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Content], Path]:
    def write(content: Content) -> Path:
        folder = tmp_path_factory.mktemp("page")
        for name, picture in beside_the_page(content).items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(picture)
        (folder / "report.html").write_text(render(content))
        return folder / "report.html"

    return write


@pytest.fixture(scope="module")
def usual(written: Callable[[Content], Path]) -> Path:
    return written(showcase())


@pytest.fixture(scope="module")
def large(written: Callable[[Content], Path]) -> Path:
    """Every table of a large study, with few films: films do not make a table wider."""
    return written(trial_huge.huge(cases=1))


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page; fails where anything was said on the console."""
    said: list[str] = []
    contexts = []

    def opening(path: Path, width: int = 1400, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 1000}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield opening
    for context in contexts:
        context.close()
    assert said == []


def visible(page: Any, selector: str) -> int:
    return int(page.locator(f":is({selector}):visible").count())


def test_filters_act_on_gallery_and_tables(usual: Path, opened: Callable[..., Any]) -> None:
    page = opened(usual)
    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    rows = visible(page, "tr[data-method='Gradient']")
    assert rows > 3
    page.select_option("[data-filter='method']", "Grad-CAM")
    assert visible(page, "[data-method]:not([data-method='Grad-CAM'])") == 0
    assert visible(page, "tr[data-method='Grad-CAM']") > 3
    page.select_option("[data-filter='finding']", "Edema")
    assert visible(page, "#gallery .case") == 1
    assert page.locator(".filters .shown").inner_text() == "1 of 15 films shown"
    page.click(".filters button[type=reset]")
    page.wait_for_function("!document.querySelector('[data-method][hidden]')")
    page.select_option("[data-filter='outcome']", "False negatives")
    assert visible(page, "#gallery .case") == 2
    assert visible(page, "#gallery .group") == 1


def test_the_slider_fades_the_map_and_leaves_the_film(
    usual: Path, opened: Callable[..., Any]
) -> None:
    page = opened(usual)
    layer = page.locator(".firstfilms .layer").first
    assert layer.evaluate("(part) => getComputedStyle(part).opacity") == "1"
    page.locator(".firstfilms [data-opacity]").fill("25")
    assert layer.evaluate("(part) => getComputedStyle(part).opacity") == "0.25"
    film = page.locator(".firstfilms use").first
    assert film.evaluate("(part) => getComputedStyle(part).opacity") == "1"
    page.locator("#gallery [data-outlines]").uncheck()
    assert visible(page, "#gallery .marks") == 0
    assert visible(page, ".firstfilms .marks") == 2


def test_the_viewer_shows_film_map_and_what_is_known(
    usual: Path, opened: Callable[..., Any]
) -> None:
    page = opened(usual)
    page.locator("#gallery .case").first.locator("button.enlarge").nth(1).click()
    viewer = page.locator("#viewer")
    side = viewer.locator(".about")
    for words in ("Grad-CAM", "Lung Opacity present", "probability", "called", "True positives"):
        assert words in side.inner_text()
    assert viewer.locator(".stage .layer").count() == 1
    page.keyboard.press("ArrowRight")
    assert "Integrated gradients" in side.inner_text()
    before = side.locator("h4").inner_text()
    page.keyboard.press("ArrowDown")
    assert "Integrated gradients" in side.inner_text()
    assert side.locator("h4").inner_text() != before
    page.keyboard.press("o")
    assert visible(page, ".stage .marks") == 0
    page.keyboard.press("m")
    layer = viewer.locator(".stage .layer")
    assert layer.evaluate("(part) => getComputedStyle(part).opacity") == "0"
    page.keyboard.press("Escape")
    assert not viewer.is_visible()
    assert page.evaluate("document.activeElement.className") == "enlarge"


@pytest.mark.parametrize(("width", "level"), [(40, 50), (60, 20), (150, 70), (100, 50), (30, 90)])
def test_window_and_level_map_the_film_as_they_say(
    usual: Path, opened: Callable[..., Any], width: int, level: int
) -> None:
    """A value v becomes (v - level) / width + 1/2, cut off at black and white."""
    page = opened(usual)
    page.locator("#gallery button.enlarge").first.click()
    page.locator("[data-view='window']").fill(str(width))
    page.locator("[data-view='level']").fill(str(level))
    found = page.evaluate(
        """(values) => {
          const canvas = document.createElement("canvas");
          canvas.width = values.length;
          const ink = canvas.getContext("2d", { willReadFrequently: true });
          ink.filter = document.querySelector(".stage svg").style.filter;
          values.forEach((value, x) => {
            ink.fillStyle = `rgb(${value} ${value} ${value})`;
            ink.fillRect(x, 0, 1, 1);
          });
          return values.map((_, x) => ink.getImageData(x, 0, 1, 1).data[0]);
        }""",
        list(range(0, 256, 15)),
    )
    for value, shown in zip(range(0, 256, 15), found, strict=True):
        wanted = 255 * min(max((value / 255 - level / 100) / (width / 100) + 0.5, 0), 1)
        assert shown == pytest.approx(wanted, abs=4 + 2 * 100 / width)


def test_a_table_is_sorted_and_copied(usual: Path, opened: Callable[..., Any]) -> None:
    page = opened(usual, permissions=["clipboard-read", "clipboard-write"])
    table = page.locator("#against table")
    heading = table.locator("th", has_text="Cases needed")
    difference = table.locator("thead th", has_text="Difference")
    place = difference.evaluate("(cell) => cell.cellIndex")
    difference.locator("button").click()
    assert difference.get_attribute("aria-sort") == "ascending"
    cells = table.locator(f"tbody tr > :nth-child({place + 1}) data")
    values = [float(str(cell.get_attribute("value"))) for cell in cells.all()]
    assert len(values) > 5
    assert values == sorted(values)
    difference.locator("button").click()
    assert difference.get_attribute("aria-sort") == "descending"
    assert heading.count() == 1
    page.locator("#against button.copy").click()
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert len(lines) == len(values) + 1
    assert "Difference,Difference low,Difference high" in lines[0]
    assert "↕" not in lines[0]
    forest = page.locator("table.forest").first
    by_value = [cell.get_attribute("value") for cell in forest.locator(".value data").all()]
    forest.locator("thead th", has_text="Cases").locator("button").click()
    forest.locator("thead th", has_text="Mean").locator("button").click()
    assert [c.get_attribute("value") for c in forest.locator(".value data").all()] == sorted(
        by_value, key=lambda value: float(str(value))
    )


def test_trust_grids_are_sorted_by_verdict(
    written: Callable[[Content], Path], opened: Callable[..., Any]
) -> None:
    page = opened(written(trial.trusted()))
    grid = page.locator("table.trustgrid").first
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    column = grid.locator("thead th").nth(1)
    column.locator("button").click()
    ranks = {"pass": 0, "inconclusive": 1, "fail": 2, "not_tested": 3}
    cells = grid.locator("tbody td:nth-child(2) .outcome").all()
    found = [ranks[str(cell.get_attribute("class")).split()[1]] for cell in cells]
    assert len({*found}) > 1
    assert found == sorted(found)
    assert column.get_attribute("aria-sort") == "ascending"
    column.locator("button").click()
    cells = grid.locator("tbody td:nth-child(2) .outcome").all()
    assert [ranks[str(cell.get_attribute("class")).split()[1]] for cell in cells] == found[::-1]


@pytest.mark.parametrize("name", ["usual", "large"])
def test_nothing_leaves_its_place(
    name: str, request: pytest.FixtureRequest, opened: Callable[..., Any]
) -> None:
    page = opened(request.getfixturevalue(name))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(OVERLAPS) == [], width


@pytest.mark.parametrize("name", ["usual", "large"])
def test_nothing_overlaps_on_paper(
    name: str, request: pytest.FixtureRequest, opened: Callable[..., Any]
) -> None:
    # Styles ask for the width of the sheet, and what is printed has that between the margins.
    page = opened(request.getfixturevalue(name), SHEET)
    page.evaluate(f"document.body.style.width = '{A4}px'")
    folded = page.locator("details:not([open])").count()
    assert folded
    page.evaluate("window.print = () => {}")
    page.locator("[data-print]:visible").click()
    page.emulate_media(media="print")
    assert page.locator("details:not([open])").count() == 0
    assert visible(page, ".scripted, .copy, .sort, nav") == 0
    # The browser rounds parts of a pixel up.
    assert page.evaluate("document.body.scrollWidth") <= A4 + 1
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate(BROKEN) == []
    assert visible(page, ".case") == page.locator(".case").count()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() == folded


def test_paper_shows_what_is_unfolded(usual: Path, opened: Callable[..., Any]) -> None:
    page = opened(usual, SHEET)
    page.evaluate(f"document.body.style.width = '{A4}px'")
    page.emulate_media(media="print")
    assert page.locator("details:not([open])").count() > 0
    assert 0 < visible(page, ".case") <= 2
    assert visible(page, "#paper, #terms, details:not([open])") == 0
    assert visible(page, "#answer, #gallery, #trust, #localization, #whom, #provenance") == 6
    assert visible(page, ".strip .block") > 0
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate(BROKEN) == []
    # Each page of the file is an object of its own.
    assert 3 < len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) <= 14


def test_a_large_study_opens_at_once(
    written: Callable[[Content], Path], opened: Callable[..., Any]
) -> None:
    path = written(trial_huge.huge())
    assert 15_000_000 < path.stat().st_size < 25_000_000
    page = opened(path)
    metrics = page.context.new_cdp_session(page)
    metrics.send("Performance.enable")
    found = {one["name"]: one["value"] for one in metrics.send("Performance.getMetrics")["metrics"]}
    # Seconds of the processor, since a test cannot know what else the machine does.
    assert found["ProcessTime"] < 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(usual: Path, opened: Callable[..., Any], scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")
    page = opened(usual, color_scheme=scheme, bypass_csp=True)
    page.add_script_tag(path=Path(axe.__file__).parent / "axe.min.js")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        found = page.evaluate("axe.run().then((found) => found.violations)")
        assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found] == [], width


def test_without_a_script_the_page_is_read(usual: Path, opened: Callable[..., Any]) -> None:
    page = opened(usual, java_script_enabled=False)
    assert visible(page, ".scripted, .copy, .sort") == 0
    assert visible(page, ".firstfilms .layer") == 2
    assert page.locator("#gallery .case").first.is_visible()
    assert page.locator(".strip .block").first.is_visible()


def test_films_beside_the_page_are_shown(
    written: Callable[[Content], Path],
    opened: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(album, "IN_PAGE", 0)
    path = written(trial.usual())
    assert (path.parent / "pictures").is_dir()
    page = opened(path)
    link = page.locator("defs image").first.get_attribute("href")
    assert link.startswith("pictures/")
    width = page.evaluate(
        """(link) => new Promise((done) => {
          const image = new Image();
          image.onload = () => done(image.naturalWidth);
          image.onerror = () => done(0);
          image.src = link;
        })""",
        link,
    )
    assert width == trial.usual().gallery.cases[0].film.width
