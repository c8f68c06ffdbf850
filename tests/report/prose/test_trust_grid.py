"""The trust grid: every cell is on the page, in words; published grids stand beside it."""

import json
import math
import re
import tomllib
from dataclasses import replace

import pytest

from heatproof.analysis.verdicts import Asked, Trust
from heatproof.experiment.settings import TrustSettings
from heatproof.report.content import Content
from heatproof.report.page.html import render
from heatproof.report.prose.answers import answers
from heatproof.report.prose.trust_grid import (
    left_out,
    not_asked,
    published_grids,
    trust_grids,
    without_verdict,
)
from heatproof.report.published import TRUST_GRIDS
from heatproof.trust.criteria import criteria
from heatproof.trust.evidence import CRITERIA
from heatproof.types import Outcome
from tests.report import trial
from tests.report.page.test_html import Page


def grids(html: str) -> list[str]:
    return re.findall(r'<table class="[a-z ]*trustgrid.*?</table>', html, re.DOTALL)


def test_every_cell_says_its_outcome_its_value_and_what_was_needed() -> None:
    text = section(trial.trusted())
    assert "strong pass AUPRC 0.61" in text
    assert "strong pass AUPRC 0.61 [0.56, 0.66] above 0.45 +0.16 [+0.11, +0.21]" in text
    assert "pass SSIM 0.08 [0.03, 0.13] below 0.31 −0.23 [−0.28, −0.18]" in text
    assert "fail SSIM 0.22 [0.17, 0.27] above 0.53 −0.31 [−0.36, −0.26]" in text
    assert "about 140 patients would settle a difference of 0.15" in text
    needed = "about 90 patients, 5 models and 12 draws of random weights"
    assert f"{needed} would settle a difference of 0.10" in text
    assert "SSIM 0.60 no interval above 0.60 0.00 no interval" in text


def test_where_patients_are_unknown_films_would_settle_it() -> None:
    cohort = replace(trial.usual().cohorts[0], name="rsna", patients=None)
    text = section(replace(trial.trusted(), cohorts=(cohort,)))
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
        "Gradient: fails repeatability; inconclusive: localization, randomization of weights and"
        " compression; not tested: reproducibility."
    )


def section(content: Content) -> str:
    return Page(render(content).split('<section id="trust">')[1].split("</section>")[0]).text


BY_ITSELF = "randomization(order='whole', draws=1)"
PLACE = ("rsna", "Lung Opacity", "heatproof")
TOO_FEW = "3 films labelled with it and 2 films marked."


def untested(finding: str = "Mass", why: str = TOO_FEW, rule: str = "heatproof") -> Trust:
    nothing = trial.cell(BY_ITSELF, "grad_cam", Outcome.NOT_TESTED, math.nan, math.nan)
    return Trust("rsna", finding, rule, (replace(nothing, notes=(why,)),), untested=why)


def randomized(**changes: object) -> Content:
    """A report of which randomization and localization were asked."""
    asked = Asked((BY_ITSELF,), {"rsna": ("grad_cam",)}, images=100, by_default=True)
    verdicts = (
        trial.cell("localization", "grad_cam", Outcome.PASS, 0.61, 0.45),
        trial.cell(BY_ITSELF, "grad_cam", Outcome.PASS, 0.08, 0.31),
        trial.cell("repeatability", "grad_cam", Outcome.NOT_TESTED, math.nan, math.nan),
    )
    content = replace(trial.trusted(), asked=asked, trust=(Trust(*PLACE, verdicts),))
    return replace(content, **changes)  # type: ignore[arg-type]


def test_each_criterion_that_was_not_asked_has_the_line_that_adds_it_and_what_it_needs() -> None:
    found = not_asked(randomized())
    assert [part.wording.title for part in found] == ["Repeatability", "Reproducibility"]
    for part, name in zip(found, ("repeatability", "reproducibility"), strict=True):
        # As a user would paste it, after the table that is named.
        pasted = tomllib.loads(f"{part.table}\n{part.line}")
        settings = TrustSettings.model_validate(pasted["trust"])
        assert [*criteria.parts(settings.criteria)] == [BY_ITSELF, name]
        assert part.needs == criteria.part_class(name).needs
    text = section(randomized())
    assert f"says nothing of trust, so this was asked: {BY_ITSELF}" in text
    assert "on at most 100 films of each finding" in text
    assert "Repeatability needs two models that differ in nothing but the seed" in text


def test_nothing_is_missing_where_all_four_were_asked() -> None:
    assert not_asked(trial.trusted()) == ()
    assert "not asked" not in section(trial.trusted())


def test_localization_without_its_metric_has_the_line_that_scores_it() -> None:
    bare = randomized()
    [grid] = bare.trust
    unmeasured = replace(grid, verdicts=grid.verdicts[1:])
    asked = replace(bare.asked, metric="auroc")
    [first, *_] = not_asked(replace(bare, trust=(unmeasured,), asked=asked))
    assert (first.wording.title, first.table) == ("Localization", "[score]")
    assert tomllib.loads(first.line) == {"metrics": ["auprc", "auroc"]}
    [first, *_] = not_asked(replace(bare, trust=(unmeasured,)))
    assert (first.wording.title, first.line) == ("Localization", "")


def test_a_report_that_refused_trust_says_how_to_ask() -> None:
    refused = replace(trial.usual(), asked=Asked(refused=True))
    text = section(refused)
    assert "it says trust = false" in text
    assert "takes the place of trust = false" in text
    titles = [part.wording.title for part in not_asked(refused)]
    assert titles == [
        *("Localization", "Randomization of weights", "Repeatability", "Reproducibility")
    ]
    assert json.dumps([BY_ITSELF]) in text


def test_a_finding_that_was_not_tested_has_a_sentence_and_no_grid() -> None:
    rules = ("heatproof", "arun2021")
    grids = [untested(finding, rule=rule) for finding in ("Mass", "Edema") for rule in rules]
    content = randomized(trust=(*randomized().trust, *grids))
    said = f"No verdict of trust for Mass and Edema on rsna. {TOO_FEW}"
    assert without_verdict(content.trust) == (said,)
    assert said in section(content)
    assert len(trust_grids(content)) == 1
    assert [answer.headline for answer in answers(content)][1] == said
    alone = randomized(trust=tuple(grids))
    assert "It was asked, and no finding has a verdict." in section(alone)
    assert "Localization" not in {part.wording.title for part in not_asked(alone)}


def test_models_that_are_left_out_are_told_once() -> None:
    why = "Randomization of weights is not asked of a: its maps were imported."
    asked = replace(randomized().asked, left_out={"rsna": (why,), "others": (why,)})
    assert left_out(randomized(asked=asked)) == (why,)
    assert section(randomized(asked=asked)).count(why) == 1
    told = randomized(asked=asked, trust=(untested(why=why),))
    assert left_out(told) == ()
    assert section(told).count(why) == 1


def test_the_short_answer_names_criteria_without_options_unless_these_tell_two_apart() -> None:
    content = randomized()
    assert answers(content)[0].details == (
        "Grad-CAM: passes localization and randomization of weights; not tested: repeatability.",
    )
    [grid] = content.trust
    other = replace(grid.verdicts[1], criterion="randomization(draws=3)", passed=Outcome.FAIL)
    both = replace(content, trust=(replace(grid, verdicts=(*grid.verdicts[:2], other)),))
    assert answers(both)[0].details == (
        f"Grad-CAM: passes localization and {BY_ITSELF}; fails randomization(draws=3).",
    )
