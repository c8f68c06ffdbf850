"""The trust grid: every cell is on the page, in words; published grids stand beside it."""

import re
from dataclasses import replace

import pytest

from heatproof.report.page.html import render
from heatproof.report.prose.answers import answers
from heatproof.report.prose.trust_grid import published_grids, trust_grids
from heatproof.report.published import TRUST_GRIDS
from heatproof.trust.evidence import CRITERIA
from heatproof.types import Outcome
from tests.report import trial
from tests.report.page.test_html import Page


def grids(html: str) -> list[str]:
    return re.findall(r'<table class="trustgrid.*?</table>', html, re.DOTALL)


def test_every_cell_says_its_outcome_its_value_and_what_was_needed() -> None:
    text = Page(grids(render(trial.trusted()))[0]).text
    assert "strong pass AUPRC 0.61, must be above 0.45 +0.16 [+0.11, +0.21]" in text
    assert "pass SSIM 0.08, must be below 0.31 −0.23 [−0.28, −0.18]" in text
    assert "fail SSIM 0.22, must be above 0.53 −0.31 [−0.36, −0.26]" in text
    assert "about 140 patients would settle a difference of 0.15" in text
    open_ = "about 90 patients and 12 models or draws of weights would settle a difference of 0.10"
    assert open_ in text
    assert "SSIM 0.60, must be above 0.60 0.00 no interval" in text


def test_where_patients_are_unknown_films_would_settle_it() -> None:
    cohort = replace(trial.usual().cohorts[0], name="rsna", patients=None)
    text = Page(grids(render(replace(trial.trusted(), cohorts=(cohort,))))[0]).text
    assert "about 140 films would settle a difference of 0.15" in text
    assert "140 patients" not in text


def test_no_outcome_is_told_by_colour_alone() -> None:
    html = render(trial.trusted())
    outcomes = re.findall(
        r'<span class="outcome (\w+)"><b aria-hidden="true">(.)</b> ([^<]+)<', html
    )
    assert {kind for kind, _, _ in outcomes} == {"pass", "fail", "inconclusive", "not_tested"}
    signs = {kind: sign for kind, sign, _ in outcomes}
    assert len(set(signs.values())) == 4
    for kind, sign, word in outcomes:
        assert sign == signs[kind]
        assert word.removeprefix("strong ").replace(" ", "_") == kind or word == "not printed"


def test_all_four_is_computed_and_other_criteria_do_not_count() -> None:
    [ours, theirs] = trust_grids(trial.trusted())
    assert [line.all_four.outcome for line in ours.lines] == [Outcome.PASS, Outcome.FAIL]
    assert [line.all_four.outcome for line in theirs.lines] == [Outcome.FAIL, Outcome.FAIL]
    assert ours.criteria == (*CRITERIA, "compression")


def test_notes_stand_once_and_are_referred_to() -> None:
    [ours, _] = trust_grids(trial.trusted())
    assert ours.notes == ("This is about these 3 models.", "Another.")
    assert [cell.notes for cell in ours.lines[0].cells] == [(), (1,), (1, 2), (), ()]


def test_what_readers_reach_stands_below_the_methods_and_is_no_verdict() -> None:
    [ours, _] = trust_grids(trial.trusted())
    assert ours.high == (("Two readers", ("AUPRC 0.66", "", "SSIM 0.90", "", "")),)
    [last] = re.findall(
        r"<tr(?:(?!<tr).)*Two readers.*?</tr>", grids(render(trial.trusted()))[0], re.S
    )
    assert "outcome" not in last
    assert last.count("<td") == len(ours.criteria) + 1


def test_the_first_rule_is_open_and_others_folded_with_what_is_wrong_with_them() -> None:
    html = render(trial.trusted())
    section = html.split('<section id="trust">')[1].split("</section>")[0]
    folded = "".join(re.findall(r"<details.*?</details>", section, re.DOTALL))
    assert "by the rule of Arun et al. 2021" in folded
    assert "No interval." in folded
    assert "Passes what is shown." in section
    assert "Passes what is shown." not in folded


def test_published_grids_are_printed_and_the_contradiction_explained() -> None:
    html = render(trial.trusted())
    assert len(grids(html)) == 2 + len(TRUST_GRIDS)
    text = Page(html).text
    for grid in TRUST_GRIDS:
        assert grid.note in text
    lines = {
        (grid.source.tag, line.name): line.all_four.outcome
        for grid, printed in published_grids()
        for line in printed
    }
    contradiction = [name for (tag, name), all_four in lines.items() if all_four is Outcome.PASS]
    assert contradiction == ["Integrated Gradients"]  # of whom the abstract says: none
    assert lines["Arun 2021", "XRAI"] is Outcome.NOT_TESTED  # only one criterion is printed


def test_without_trust_the_section_says_so_and_prints_no_grid() -> None:
    html = render(trial.usual())
    assert "This experiment does not ask it." in html
    assert grids(html) == []


@pytest.mark.parametrize(
    ("outcome", "headline"),
    [
        (Outcome.PASS, "Grad-CAM meets {}."),
        (Outcome.FAIL, "No method meets {}: each fails at least one."),
        (Outcome.INCONCLUSIVE, "No method was shown to meet {}."),
        (Outcome.NOT_TESTED, "No method was shown to meet {}: not all of them were tested."),
    ],
)
def test_the_short_answer_says_who_meets_all_four(outcome: Outcome, headline: str) -> None:
    content = trial.trusted()
    first = content.trust[0]
    changed = tuple(
        replace(one, passed=outcome)
        if (one.method, one.criterion) == ("grad_cam", "localization")
        else one
        for one in first.verdicts
    )
    found = answers(replace(content, trust=(replace(first, verdicts=changed), content.trust[1])))
    what = "all four criteria of trust for Lung Opacity on rsna"
    assert found[0].headline == headline.format(what)
    assert found[0].details[1] == (
        "Gradient: fails repeatability; open: localization, randomization and compression;"
        " not tested: reproducibility."
    )
