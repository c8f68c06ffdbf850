"""The page as a browser and a reader get it."""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from heatproof.report.content import Content
from heatproof.report.gallery import Picture
from heatproof.report.page.album import IN_PAGE, beside_the_page
from heatproof.report.page.html import page_environment, render
from heatproof.report.paper.files import files
from tests.report import trial

VOID = {"meta", "img", "input"}
EVERY = pytest.mark.parametrize(
    "make",
    [
        trial.usual,
        trial.large,
        trial.detection,
        trial.compared,
        trial.trusted,
        trial.empty,
        trial.troubled,
    ],
    ids=lambda make: make.__name__,
)
Make = Callable[[], Content]


class Page(HTMLParser):
    """Tags, attributes and visible text; fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@EVERY
def test_the_page_is_well_formed(make: Make) -> None:
    page = Page(render(make()))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = {str(attrs["href"])[1:] for tag, attrs in page.tags if tag == "a"}
    assert links <= set(ids)


@EVERY
def test_nothing_is_loaded_from_anywhere(make: Make) -> None:
    html = render(make())
    for tag, attrs in Page(html).tags:
        assert tag not in {"link", "iframe", "object", "embed", "base"}
        assert "srcset" not in attrs
        if "src" in attrs:
            assert str(attrs["src"]).startswith("data:image/")
        if tag in {"a", "use"}:
            assert str(attrs["href"]).startswith("#")
        if tag == "image":
            assert str(attrs["href"]).startswith("data:image/")
    assert "url(" not in html
    assert "@import" not in html
    assert "://" not in html


@EVERY
def test_undefined_is_never_printed_raw(make: Make) -> None:
    text = Page(render(make())).text
    assert not re.search(r"\b(nan|NaN|None|inf)\b", text)


def test_names_are_text_and_never_markup() -> None:
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}"
    page = Page(render(trial.troubled(hostile)))
    assert [tag for tag, _ in page.tags].count("script") == 2  # the page's own
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert all(attrs["src"] != "x" for tag, attrs in page.tags if tag == "img")
    assert hostile in "".join(page.words)
    assert "49" not in page.text


def test_the_scripts_are_those_that_the_policy_names() -> None:
    html = render(trial.usual())
    [policy] = re.findall(r"script-src ([^;]*);", html)
    found = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digests = {
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in found
    }
    assert len(found) == 2
    assert set(re.findall(r"sha256-([^'&]+)", policy)) == digests


@EVERY
def test_the_same_content_gives_the_same_bytes(make: Make) -> None:
    assert render(make()) == render(make())


def test_warnings_stand_above_the_answer_and_the_rest_beside_it() -> None:
    html = render(trial.usual())
    front = html.split('<section id="answer"')[1].split("</section>")[0]
    assert front.index("trained on 12 and tuned on 3") < front.index("The short answer")
    assert "1 film was set aside" in front
    assert "67 films, 61 patients" in " ".join(front.replace("\n", " ").split())
    assert "Not a medical device" in html[: html.index("<h1>")]


def test_every_measurement_is_on_the_page() -> None:
    content = trial.usual()
    html = render(content)
    for panel in content.localization:
        for row in panel.rows:
            assert row.difference is not None
            assert f'<data value="{row.estimate.value:.6g}"' in html
            assert f'<data value="{row.difference.value:.6g}"' in html
    for judged in content.classification:
        assert judged.point is not None
        for estimate in (judged.auroc, judged.brier, judged.point.sensitivity):
            assert estimate.cases == 0 or f'<data value="{estimate.value:.6g}"' in html
    text = Page(html).text
    for name, value in (*content.provenance.versions, *content.provenance.hashes):
        assert name in text
        assert value in text
    for model in content.models:
        assert model.weights[0] in text
    for case in content.gallery.cases:
        assert case.image_id in text


def test_one_sided_data_is_said_in_words() -> None:
    text = Page(render(trial.usual())).text
    assert text.count("not estimable (no negatives)") == 4  # AUROC, specificity, PPV, NPV


def test_methods_are_sorted_by_value_with_the_prior_among_them() -> None:
    html = render(trial.usual())
    tables = re.findall(r'<table class="forest sortable" .*?</table>', html, re.DOTALL)
    assert len(tables) == 8
    for table in tables:
        cells = re.findall(r'class="value"><data value="([^"]+)"', re.sub(r">\s+<", "><", table))
        assert len(cells) == 5
        assert [float(v) for v in cells] == sorted((float(v) for v in cells), reverse=True)
        assert table.count('class="prior"') == 1


def test_every_image_set_aside_is_listed_but_folded_when_many() -> None:
    html = render(trial.large())
    assert sum(image.image_id in html for image in trial.large().set_aside) == 100
    assert "<details>\n<summary>100 films and why" in html
    assert "<details open>\n<summary>1 film and why" in render(trial.usual())


def test_every_picture_has_words() -> None:
    tags = Page(render(trial.usual())).tags
    pictures = [a["alt"] for tag, a in tags if tag == "img"]
    films = [a["aria-label"] for tag, a in tags if a.get("class") == "film"]
    cases = trial.usual().gallery.cases
    assert len(pictures) == 1  # the scale
    assert len(films) == sum(1 + len(case.maps) for case in cases) + 2  # the first screen
    assert all((*pictures, *films))


def test_a_page_without_pictures_is_small() -> None:
    content = trial.large()
    bare = render(replace(content, gallery=replace(content.gallery, cases=())))
    assert len(bare) < 400_000
    pictures = sum(
        len(picture.data)
        for case in content.gallery.cases
        for picture in (case.film, *(m.layer for m in case.maps if m.layer))
    )
    assert len(render(content)) < len(bare) + 1.4 * pictures + 50_000


def test_a_template_that_prints_nan_raw_fails() -> None:
    with pytest.raises(ValueError, match="must say it in words"):
        page_environment().from_string("{{ value }}").render(value=float("nan"))


def test_calibration_is_drawn_only_where_it_shows_more_than_chance() -> None:
    content = trial.usual()
    drawn = render(content)
    assert drawn.count('aria-label="Calibration of') == 1
    few = replace(content.classification[0], positives=2, negatives=2)
    page = render(replace(content, classification=(few,)))
    assert 'aria-label="Calibration of' not in page
    assert "Calibration is not drawn with fewer than 30" in page


def test_a_metric_of_data_sets_stands_beside_its_hit_rate() -> None:
    html = render(trial.detection())
    tables = re.findall(r'<table class="forest sortable" .*?</table>', html, re.DOTALL)
    captions = [re.findall("<caption>(.*?)</caption>", table)[0] for table in tables]
    assert captions == ["AUPRC", "Pointwise AP, first", "Pointwise AP, second"]
    ofmaps, first, second = (Page(table).text for table in tables)
    assert "Mean [95%]" in ofmaps
    assert "hit rate" not in ofmaps
    assert "without it" not in ofmaps
    for text, prior in ((first, "0.35"), (second, "0.36")):
        assert "Value [95%]" in text
        assert "0.25 [0.20, 0.30] hit rate 0.52 [0.47, 0.57] 50 and 885 without it 3 und" in text
        assert f"{prior} [" in text
        assert "hit rate 0.57" in text
        assert "(the map is flat in each of 53)" in text
        assert "hit rate not defined" in text


def test_a_metric_of_data_sets_is_explained_where_there_is_one() -> None:
    text = Page(render(trial.detection())).text
    assert "For Pointwise AP there is no mean over cases but one number of all films" in text
    assert "What the maps alone did, their hit rate, stands below it." in text
    assert "A film is left out when the map is flat." in text
    assert "Undefined when no pixel was marked." in text
    assert "For Pointwise AP such films count too, but only by their probability." in text
    assert "Pointwise AP: hit rate 1.00" in text  # of one map, in the gallery
    assert "AUPRC 0.40" in text
    usual = Page(render(trial.usual())).text
    assert "no mean over cases" not in usual
    assert "such films count too" not in usual


@pytest.mark.slow
@EVERY
def test_every_table_of_the_page_lies_beside_it(make: Make) -> None:
    content = make()
    shown = [attrs.get("data-table") for tag, attrs in Page(render(content)).tags if tag == "table"]
    beside = files(content)
    for name in shown:
        assert f"tables/{name}.csv" in beside
        assert f"tables/{name}.tex" in beside


def test_every_number_of_a_table_is_in_the_file_beside_it() -> None:
    for content in (trial.trusted(), trial.compared()):
        beside = files(content)
        for table in re.findall(r"<table .*?</table>", render(content), re.DOTALL):
            [name] = re.findall(r'data-table="(\w+)"', table)
            cells = re.findall(r"[^,\n]+", str(beside[f"tables/{name}.csv"]))
            written = {
                f"{float(cell):.6g}"
                for cell in cells
                if re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", cell)
            }
            assert set(re.findall(r'<data value="([^"]+)"', table)) <= written, name


def test_the_contents_are_the_headings() -> None:
    html = render(trial.compared())
    links = re.findall(r'<a href="#(\w+)">(.*?)</a>', html.split("</nav>")[0])
    headings = dict(re.findall(r'<section id="(\w+)".*?<h2>(.*?)</h2>', html, re.DOTALL))
    assert len(links) == len(headings) == 14
    for name, title in links:
        assert f"<h2>{title}</h2>" in html.split(f'<section id="{name}"')[1].split("</section>")[0]


def test_every_term_that_is_asked_for_is_explained() -> None:
    tags = Page(render(trial.compared())).tags
    asked = {attrs["popovertarget"] for _, attrs in tags if "popovertarget" in attrs}
    assert len(asked) > 8
    assert asked <= {attrs["id"] for _, attrs in tags if "popover" in attrs}


def test_many_films_stand_beside_the_page() -> None:
    content = trial.usual()
    assert not beside_the_page(content)
    shown = content.gallery.cases
    heavy = Picture(bytes(IN_PAGE), "image/webp", 9, 9)
    gallery = replace(content.gallery, cases=(replace(shown[0], film=heavy), *shown[1:]))
    content = replace(content, gallery=gallery)
    html, beside = render(content), beside_the_page(content)
    assert set(re.findall(r'href="(pictures/[^"]+)"', html)) == set(beside)
    assert "img-src data: &#39;self&#39;;" in html or "img-src data: 'self';" in html
    assert len(html) < 600_000
