"""The scorecard as a page, as PDF and as JSON: what it says, and names of others do no harm."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from heatproof.analysis.scorecard import Aspect, Card, Entry, Evidence, Kind, Scorecard
from heatproof.report.prose.scorecard import OUTCOMES, rules, statement
from heatproof.report.scorecard import ScorecardContent, as_json, as_pdf, page
from heatproof.types import Estimate, Outcome
from tests.report.page.test_html import Page

NAN = float("nan")
NOTHING = Estimate(NAN, NAN, NAN, NAN, 0, "")
SEEN = Estimate(0.4, 0.3, 0.5, 0.95, 30, "by patient")
GAIN = Estimate(0.12, 0.05, 0.19, 0.95, 30, "by patient")
STABLE = Evidence(Kind.TRUST, "Repeatability", "pearson", SEEN, 0.35, True, Outcome.PASS)
ALONE = replace(STABLE, about="Reproducibility", estimate=NOTHING, threshold=NAN, measure="",
                outcome=Outcome.NOT_TESTED, notes=("One model is too few.",))  # fmt: skip
PRIOR = Evidence(Kind.PRIOR, "Localization", "auprc", GAIN, 0.0, True, Outcome.PASS, 0.01, own=SEEN)
READERS = replace(PRIOR, kind=Kind.READERS, outcome=Outcome.FAIL, decides=False, threshold=-0.05)
CHANCE = replace(PRIOR, kind=Kind.CHANCE, about="Gain over chance", measure="infidelity")
EMPTY = tuple(Entry(aspect) for aspect in Aspect)
FULL = (
    Entry(Aspect.CONSISTENCY, (STABLE, ALONE)),
    Entry(Aspect.PLAUSIBILITY, (PRIOR, READERS)),
    Entry(Aspect.FIDELITY, (CHANCE,)),
    Entry(Aspect.USEFULNESS, (replace(PRIOR, kind=Kind.WITHOUT, measure="auc"),)),
)


def content(*cards: Card, title: str = "A run") -> ScorecardContent:
    card = Scorecard("heatproof", "auprc", cards)
    return ScorecardContent(title, "2026-12-01T16:00", "0.1", card)


WHOLE = content(
    Card("films", "net", "Edema", "grad_cam", FULL), Card("films", "net", "Mass", "gradient", EMPTY)
)


def test_what_was_found_is_said_with_its_interval():
    consistency, plausibility, fidelity, usefulness = map(statement, FULL)
    assert consistency == (
        "Pass: Repeatability (pearson 0.40 [0.30, 0.50], passes above 0.35)."
        " Not measured: Reproducibility."
    )
    assert plausibility == (
        "Pass: auprc, +0.12 [+0.05, +0.19] against the location prior."
        " Beside readers, which decides nothing: fail by auprc."
    )
    assert fidelity == "Pass: infidelity, +0.12 [+0.05, +0.19] against shuffled maps."
    assert usefulness == "Pass: auc, +0.12 [+0.05, +0.19] against no map."


@pytest.mark.parametrize(
    ("aspect", "key"),
    [
        (Aspect.CONSISTENCY, '"flip", "input_noise"] under [trust]'),
        (Aspect.PLAUSIBILITY, "annotations under [[data]]"),
        (Aspect.FIDELITY, "under [fidelity]"),
        (Aspect.USEFULNESS, "--readers STUDY.toml"),
    ],
)  # fmt: skip
def test_what_nobody_measured_names_the_key_that_would(aspect, key):
    said = statement(Entry(aspect))
    assert said.startswith("Not measured: ")
    assert key in said
    assert key in re.sub(r"\s+", " ", Page(page(WHOLE)).text)


def test_too_few_cases_are_said_where_the_interval_shows_what_no_test_could():
    few = replace(PRIOR, outcome=Outcome.INCONCLUSIVE, p=NAN)
    assert statement(Entry(Aspect.PLAUSIBILITY, (few,))) == (
        "Inconclusive: auprc, +0.12 [+0.05, +0.19] against the location prior, on too few cases for"
        " a test."
    )


def test_a_score_has_no_sign_and_a_difference_has():
    assert [one.is_difference for one in (STABLE, ALONE, PRIOR, READERS, CHANCE)] == [
        False, False, True, True, True,
    ]  # fmt: skip
    strong = replace(READERS, estimate=SEEN, threshold=NAN)
    assert not strong.is_difference
    entries = (EMPTY[0], Entry(Aspect.PLAUSIBILITY, (strong,)), *EMPTY[2:])
    html = page(content(Card("films", "net", "Edema", "cam", entries)))
    assert "0.40</data>" in html
    assert "+0.40" not in html


def test_what_does_not_decide_is_said_to_decide_nothing():
    doubted = replace(CHANCE, decides=False, outcome=Outcome.INCONCLUSIVE)
    assert "1 metric beside, not known to tell the truer map, decides nothing" in statement(
        Entry(Aspect.FIDELITY, (CHANCE, doubted))
    )
    random = replace(STABLE, about="Randomization of weights")
    assert "metrics under [fidelity]" in statement(Entry(Aspect.FIDELITY, (random,)))
    assert "location prior was not measured" in statement(Entry(Aspect.PLAUSIBILITY, (READERS,)))


def test_the_page_nests_says_every_outcome_and_loads_nothing():
    html = page(WHOLE)
    assert html == page(WHOLE)
    seen = Page(html)
    ids = {attrs["id"] for _, attrs in seen.tags if "id" in attrs}
    assert {str(attrs["href"])[1:] for tag, attrs in seen.tags if tag == "a"} <= ids
    assert not re.search(r"src=|https?://|@import|url\(", html)
    assert html.count("<table") == html.count("data-table=") == 6  # sorted and copied by name
    assert not re.search(r"\b(nan|NaN|None|inf)\b", seen.text)
    for text in (*rules(WHOLE.card).values(), "One model is too few.", "Edema on films"):
        assert text in seen.text
    glance = r'data-label="(?:Consis|Plaus|Fidel|Useful)\w+"><span class="outcome (\w+)'
    glances = re.findall(glance, html)
    assert glances == ["pass"] * 4 + ["not_tested"] * 4


def test_a_run_without_a_map_has_a_page():
    nothing = content()
    assert "no map of which anything could be said" in page(nothing)
    assert json.loads(as_json(nothing))["cards"] == []
    assert as_pdf(nothing).startswith(b"%PDF")


def test_names_of_others_are_text():
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}"
    named = [
        Entry(m.aspect, tuple(replace(e, measure=hostile, notes=(hostile,)) for e in m.evidence))
        for m in FULL
    ]
    bad = content(Card(hostile, hostile, hostile, hostile, tuple(named)), title=hostile)
    seen = Page(page(bad))
    tags = [tag for tag, _ in seen.tags]
    assert (tags.count("script"), tags.count("img")) == (1, 0)  # the page's own
    assert hostile in "".join(seen.words)
    assert "49" not in seen.text
    assert json.loads(as_json(bad))["cards"][0]["method"] == hostile
    assert as_pdf(bad).startswith(b"%PDF")


def test_json_holds_every_digit_and_null_where_there_is_no_number():
    told = json.loads(as_json(WHOLE))
    assert told["format"] == 1
    assert set(told["rules"]) == set(Aspect)
    full, empty = told["cards"]
    place = {name: full[name] for name in ("data", "model", "finding", "method")}
    assert place == {"data": "films", "model": "net", "finding": "Edema", "method": "grad_cam"}
    assert list(full["aspects"]) == list(Aspect)
    stable, alone = full["aspects"]["consistency"]["evidence"]
    assert (stable["value"], stable["low"], stable["high"]) == (0.4, 0.3, 0.5)
    assert (stable["level"], stable["cases"], stable["threshold"]) == (0.95, 30, 0.35)
    assert (stable["passes"], stable["of_the_maps"], stable["p"]) == ("above", None, None)
    assert (alone["value"], alone["threshold"], alone["outcome"]) == (None, None, "not measured")
    prior, readers = full["aspects"]["plausibility"]["evidence"]
    assert prior["of_the_maps"]["value"] == 0.4
    assert [prior["decides"], readers["decides"]] == [True, False]
    assert {entry["outcome"] for entry in empty["aspects"].values()} == {"not measured"}
    assert {entry["outcome"] for entry in full["aspects"].values()} <= set(OUTCOMES.values())


def test_a_long_pdf_has_several_sheets():
    cards = [replace(WHOLE.card.cards[0], method=f"method {place}") for place in range(12)]
    written = as_pdf(content(*cards))
    assert written == as_pdf(content(*cards))
    assert len(re.findall(rb"/Type /Page\b", written)) > 1
    fitz = pytest.importorskip("pymupdf", reason="PyMuPDF is not installed")
    sheets = [sheet.get_text() for sheet in fitz.open(stream=written, filetype="pdf")]
    assert len(sheets) > 1
    assert f"sheet 1 of {len(sheets)}" in sheets[0]
    text = re.sub(r"\s+", " ", " ".join(sheets))
    for place in range(12):
        assert f"Edema on films: method {place} of net" in text
    assert text.count("Consistency: pass") == 12
    for sheet in fitz.open(stream=written, filetype="pdf"):
        for *corners, _ in (block[:5] for block in sheet.get_text("blocks")):
            assert 0 <= corners[0] < corners[2] <= sheet.rect.width
            assert 0 <= corners[1] < corners[3] <= sheet.rect.height


def test_the_page_of_docs_names_every_key_of_the_json():
    text = (Path(__file__).parents[2] / "docs/how-to/scorecard.md").read_text()
    told = json.loads(as_json(WHOLE))
    card = told["cards"][0]
    entry = card["aspects"]["plausibility"]
    for keys in (told, card, entry, entry["evidence"][0], entry["evidence"][0]["of_the_maps"]):
        assert {key for key in keys if f"`{key}`" not in text and f"].{key}`" not in text} == set()
