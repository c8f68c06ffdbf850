"""A reader is warned wherever the records give cause."""

from dataclasses import replace

from heatproof.report.content import Content, PatientOverlap
from heatproof.report.prose.cautions import cautions
from tests.report import trial


def serious(content: Content) -> list[str]:
    return [caution.text for caution in cautions(content) if caution.serious]


def said(content: Content) -> str:
    return " ".join(caution.text for caution in cautions(content))


def test_a_model_judged_on_its_own_patients() -> None:
    assert serious(trial.usual()) == [
        "mobilenet, fold 0 was trained on 12 and tuned on 3 of the 47 patients of"
        " rsna_pneumonia_320 on which it is judged here. Its results there say little about new"
        " patients."
    ]


def test_unknown_is_not_none() -> None:
    """No record of what a model has seen is a warning, not an all-clear."""
    assert "It is not known whether" in serious(replace(trial.usual(), overlaps=()))[0]
    half = PatientOverlap("mobilenet, fold 0", "nih_rsna_1024", 0, None)
    assert (
        "was tuned on patients of nih_rsna_1024"
        in serious(replace(trial.usual(), overlaps=(half,)))[0]
    )


def test_films_of_unknown_patients_are_told_by_name() -> None:
    lone = PatientOverlap("mobilenet, fold 0", "nih_rsna_1024", 4, 0, 7, 3)
    [text, _] = sorted(serious(replace(trial.usual(), overlaps=(lone,))), reverse=True)
    assert text.startswith(
        "mobilenet, fold 0 was trained on 4 of the 7 patients and 3 films of unknown patients of"
        " nih_rsna_1024 on which it is judged here. Films of unknown patients are told by their"
        " names."
    )


def test_a_film_with_two_reasons_is_set_aside_once() -> None:
    [aside] = trial.usual().set_aside
    twice = (aside, replace(aside, reason="and too small"))
    assert "1 film was set aside" in said(replace(trial.usual(), set_aside=twice))


def test_a_model_that_saw_nobody_is_no_warning() -> None:
    clean = tuple(replace(o, trained=0, tuned=0) for o in trial.usual().overlaps)
    assert serious(replace(trial.usual(), overlaps=clean)) == []


def test_serious_ones_come_first() -> None:
    order = [caution.serious for caution in cautions(trial.usual())]
    assert order == sorted(order, reverse=True)


def test_the_rest_is_said() -> None:
    text = said(trial.usual())
    assert "Few cases on nih_rsna_1024: Lung Opacity 15." in text
    assert "rsna_pneumonia_320 has no negatives for Lung Opacity" in text
    assert "1 film was set aside" in text
    assert "Not every map of Grad-CAM is valid: of 67, 5 zero and 2 constant." in text
    assert "Patients are unknown" not in text
    assert "Patients are unknown in chexlocalize" in said(trial.large())
    assert cautions(trial.empty()) == ()


def test_a_finding_too_rare_for_maps_and_classifier_is_said_once() -> None:
    assert (
        "Nothing is concluded about maps and the classifier on rsna_pneumonia_320 for Edema (3)"
        in said(trial.compared())
    )
