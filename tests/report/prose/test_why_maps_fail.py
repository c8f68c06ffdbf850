"""When and why maps fail, in words that the numbers bear out."""

from dataclasses import replace

import pytest

from heatproof.diagnose.confidence import Confidence
from heatproof.diagnose.subgroups import Subgroup
from heatproof.report.content import Content
from heatproof.report.page.html import render
from heatproof.report.prose.why_maps_fail import DiagnosisText, Trend, diagnosis_texts, trend
from tests.report import trial
from tests.report.page.test_html import Page


def told(*found, metrics=trial.METRICS) -> DiagnosisText:
    content = Content("t", "", trial.PROVENANCE, metrics=metrics, diagnoses=found)
    [story] = diagnosis_texts(content)
    return story


def text(*found, **options) -> str:
    return " ".join(told(*found, **options).sentences)


@pytest.mark.parametrize(
    ("value", "p", "lower", "expected"),
    [
        (0.4, 0.04, False, Trend.BETTER),
        (-0.4, 0.04, False, Trend.WORSE),
        (0.4, 0.04, True, Trend.WORSE),
        (-0.4, 0.04, True, Trend.BETTER),
        (0.4, 0.06, False, Trend.OPEN),
        (0.4, trial.NAN, False, Trend.OPEN),
        (trial.NAN, trial.NAN, False, Trend.NONE),
    ],
)
def test_a_feature_matters_where_its_corrected_p_is_below_five_per_cent(value, p, lower, expected):
    assert trend(trial.effect("area_ratio", value, p), lower_is_better=lower) is expected


def test_nothing_is_said_of_what_was_not_fitted():
    assert trend(None) is Trend.NONE


def test_what_matters_is_said_first_with_the_methods_it_matters_for():
    both = text(trial.diagnosis("a", (0.4, 0.01)), trial.diagnosis("b", (0.4, 0.01)))
    assert both.startswith("Where the finding is larger, maps of all 2 methods do better. For ")
    one = text(trial.diagnosis("a", (0.4, 0.01)), trial.diagnosis("b", (0.4, 0.2)))
    assert one.startswith(
        "Where the finding is larger, maps of a do better; not shown for the other method. For "
    )
    worse = text(trial.diagnosis("a", (-0.4, 0.01)))
    assert worse.startswith("Where the finding is larger, maps of a do worse. For ")


def test_what_could_not_be_shown_is_not_called_absent():
    story = text(trial.diagnosis("a", (0.4, 0.2)))
    assert story.startswith(
        "For number of regions, size, elongation, irregularity and the model's probability no"
        " effect could be shown for any method, which does not mean that there is none."
    )


def test_where_lower_is_better_the_words_turn_and_the_numbers_do_not():
    distance = replace(trial.METRICS[0], lower_is_better=True)
    story = told(trial.diagnosis("a", (0.4, 0.01)), metrics=(distance,))
    assert story.sentences[0] == "Where the finding is larger, maps of a do worse."
    size = dict(story.lines)["area_ratio"]
    assert [(cell.trend, cell.slope) for cell in size] == [(Trend.WORSE, "+0.40")]


def test_with_too_few_patients_nothing_is_said():
    story = told(trial.diagnosis("a", (0.4, 0.01), patients=9))
    assert story.sentences == (
        "There are too few patients to say why maps fail: 9 with the finding marked and a map that"
        " has a score, and at least 10 are needed.",
    )
    assert story.lines == ()


def test_few_cases_are_a_hint():
    assert "take it as a hint" in text(trial.diagnosis("a", (0.4, 0.01), cases=29))
    assert "take it as a hint" not in text(trial.diagnosis("a", (0.4, 0.01), cases=30))


def test_groups_that_differ_are_named():
    apart = (
        Subgroup("view", "AP", trial.est(0.2), trial.diff(-0.15), 0.01),
        Subgroup("sex", "F", trial.est(0.2), trial.diff(0.15), 0.2),
    )
    found = text(trial.diagnosis("a", (0.4, 0.01), subgroups={"Opacity": apart}))
    assert "On films of view AP, maps of a find Opacity worse than on others, by 0.15." in found
    assert "sex" not in found
    assert "could be shown (sex)" in text(trial.diagnosis("a", (0.4, 0.01)))


def test_confidence_is_asked_where_the_finding_is():
    """On all films the slope is large because films without the finding score 0."""
    sure = tuple(
        Confidence("Opacity", rows, (trial.effect("probability", 0.9, p),), trial.diff(0.2))
        for rows, p in (("all", 0.001), ("positive", 0.5))
    )
    story = told(trial.diagnosis("a", (0.4, 0.01), confidence=sure))
    assert [cell.trend for cell in dict(story.lines)["probability"]] == [Trend.OPEN]


def test_the_words_come_before_the_numbers_and_the_numbers_are_folded():
    html = render(trial.usual())
    section = html.split('<section id="why">')[1].split("</section>")[0]
    assert section.index("do better") < section.index("<table") < section.index("<details")
    text = Page(section).text
    assert "There are too few patients to say why maps fail: 4" in text
    for sign in ("\N{BLACK UP-POINTING TRIANGLE} better", "\N{WHITE CIRCLE} not shown"):
        assert sign in text  # no colour alone
    assert html.index('<section id="localization">') < html.index('<section id="why">')
