"""What the first screen says is what the records below it hold, for each kind of result."""

from dataclasses import replace

import pytest

from heatproof.report.content import Content, Provenance
from heatproof.report.gallery import Group
from heatproof.report.page.html import render
from heatproof.report.prose.first_screen import (
    colours,
    first_films,
    made_with,
    strips,
    three_numbers,
)
from heatproof.types import Outcome
from tests.report import trial, trial_huge

NUMBERS = ["AUROC of the classifier", "Best method against the prior", "Patients"]


def said(content: Content) -> dict[str, tuple[str, str]]:
    return {figure.name: (figure.value, figure.says) for figure in three_numbers(content)}


def of_one(dataset: str) -> Content:
    """One data set of the usual content, and the first metric."""
    content = trial.usual()
    return replace(
        content,
        cohorts=tuple(c for c in content.cohorts if c.name == dataset),
        classification=tuple(c for c in content.classification if c.dataset == dataset),
        localization=tuple(
            panel
            for panel in content.localization
            if panel.dataset == dataset and panel.metric == content.metrics[0].spec
        ),
    )


@pytest.mark.parametrize("make", [trial.usual, trial.large, trial.trusted, trial.empty])
def test_there_are_always_three_numbers(make) -> None:
    assert list(said(make())) == NUMBERS


def test_one_auroc_has_its_interval_and_its_finding() -> None:
    value, says = said(of_one(trial.NIH))[NUMBERS[0]]
    assert value == "0.81"
    assert says.startswith("95% interval 0.72 to 0.90, for Lung Opacity on nih_rsna_1024")


def test_many_aurocs_are_lowest_and_highest() -> None:
    content = trial.large()
    values = [row.auroc.value for row in content.classification]
    value, says = said(content)[NUMBERS[0]]
    assert value == f"{min(values):.2f} to {max(values):.2f}"
    assert says.startswith("Lowest and highest of 10 findings;")


def test_two_aurocs_have_equally_many_digits() -> None:
    [row, _] = trial.usual().classification
    pair = tuple(replace(row, model=f"m{v}", auroc=trial.est(v, 0.001)) for v in (0.99, 0.9969))
    assert said(replace(trial.usual(), classification=pair))[NUMBERS[0]][0] == "0.990 to 0.997"


def test_no_auroc_without_both_labels() -> None:
    assert said(of_one(trial.RSNA))[NUMBERS[0]][0] == "not measured"


@pytest.mark.parametrize(
    ("best", "verdict"),
    [
        (0.7, "shown to be better"),
        (0.31, "shown to be worse"),
        (0.47, "no difference could be shown"),
    ],
)
def test_the_best_method_beside_the_prior(best: float, verdict: str) -> None:
    values = {"grad_cam": best, "gradient": 0.1}
    panel = trial.panel(trial.RSNA, trial.OPACITY, "auprc", values, 0.46)
    value, says = said(replace(trial.usual(), localization=(panel,)))[NUMBERS[1]]
    assert value == f"{best:.2f} against 0.46"
    assert says == f"AUPRC of Grad-CAM and of a map that never sees the film: {verdict}."


def test_of_many_findings_those_are_counted_in_which_some_method_is_better() -> None:
    findings = {"Edema": 0.9, "Nodule": 0.2, "Mass": 0.8}
    panels = tuple(
        trial.panel(trial.NIH, finding, "auprc", {"grad_cam": value, "gradient": 0.1}, 0.4)
        for finding, value in findings.items()
    )
    value, says = said(replace(trial.usual(), localization=panels))[NUMBERS[1]]
    assert value == "2 of 3"
    assert says.startswith("findings in which a method is shown to be better")


def test_patients_of_two_data_sets_are_not_added() -> None:
    assert said(trial.usual())[NUMBERS[2]] == (
        "61 + 47",
        "117 films of nih_rsna_1024 and rsna_pneumonia_320.",
    )
    assert said(trial.large())[NUMBERS[2]][0] == "unknown"
    assert said(trial.empty())[NUMBERS[2]][0] == "none"


def test_each_verdict_of_one_finding_is_a_cell() -> None:
    content = trial.trusted()
    [strip] = strips(content)
    by_title = {
        (name, title): cell.outcome
        for name, cells in strip.lines
        for title, cell in zip(strip.criteria, cells, strict=True)
    }
    titles = {"repeatability": "Repeatability", "compression": "Compression"}
    for verdict in content.trust[0].verdicts:
        if verdict.criterion in titles:
            name = trial.NAMES[verdict.method]
            assert by_title[name, titles[verdict.criterion]] is verdict.passed
    assert [name for name, _ in strip.lines] == ["Grad-CAM", "Gradient"]  # most passes first


def test_over_findings_each_cell_counts_the_verdicts_of_its_method_and_criterion() -> None:
    content = trial_huge.huge(cases=1)
    [strip] = strips(content)
    for name, cells in strip.lines:
        assert len(cells) == len(trial_huge.CRITERIA)
        for place, cell in enumerate(cells):
            found = [
                verdict.passed
                for grid in content.trust
                for verdict in grid.verdicts
                if trial_huge.METHODS[verdict.method] == name
                and verdict.criterion == trial_huge.CRITERIA[place]
            ]
            assert cell.counts == {kind: found.count(kind) for kind in set(found)}
            assert cell.words[0] == f"{found.count(Outcome.PASS)} of 10 pass"
            assert cell.words[1] == f"{found.count(Outcome.FAIL)} fail"
    passes = [sum(c.counts.get(Outcome.PASS, 0) for c in cells) for _, cells in strip.lines]
    assert passes == sorted(passes, reverse=True)


def test_two_forms_of_a_criterion_are_told_apart_in_words() -> None:
    content = trial.trusted()
    forms = ("randomization", "randomization(order='whole', draws=1)")
    verdicts = tuple(
        trial.cell(form, method, Outcome.PASS, 0.1, 0.3)
        for form in forms
        for method in ("grad_cam", "gradient")
    )
    grid = replace(content.trust[0], verdicts=verdicts)
    content = replace(content, trust=(grid,), asked=replace(content.asked, criteria=forms))
    [strip] = strips(content)
    title = "Randomization of weights"
    assert {title, f"{title}: order whole, draws 1"} <= {*strip.criteria}


def test_best_and_worst_film_are_under_the_map_of_one_method() -> None:
    best, worst = first_films(trial.usual())
    assert (best.case.group, worst.case.group) == (Group.BEST, Group.WORST)
    assert best.map.method == worst.map.method
    first = [made.scores["auprc"] for made in best.case.maps]
    assert best.map.scores["auprc"] == max(first)
    assert first_films(trial.empty()) == ()


def test_blue_is_explained_where_there_is_blue() -> None:
    best, worst = first_films(trial.usual())
    assert "blue" not in colours((best, worst))
    assert "blue against it" in colours((best, replace(worst, map=replace(worst.map, signed=True))))


def test_what_is_not_known_of_a_run_is_said() -> None:
    assert made_with(trial.empty()) == (
        "author not stated",
        "date not stated",
        "version unknown",
    )
    known = Provenance(
        "run",
        versions=(("heatproof", "1.2"),),
        hashes=(("experiment file", "0123456789abcdef"),),
        by="A. Rossi",
        date="2026-11-30",
    )
    assert made_with(replace(trial.empty(), provenance=known)) == (
        "A. Rossi", "2026-11-30", "heatproof 1.2", "experiment 01234567",
    )  # fmt: skip


@pytest.mark.parametrize("make", [trial.usual, trial.trusted, trial.large])
def test_no_spec_stands_on_the_first_screen(make) -> None:
    """No spec with options, such as ``iou(binarize=otsu)``, and nothing marked as code."""
    screen = render(make()).split('<section id="answer"')[1].split('<p class="madewith">')[0]
    assert "<code>" not in screen
    assert "(binarize=" not in screen
    assert "(steps=" not in screen
