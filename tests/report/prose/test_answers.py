"""What the short answer may say, and what it may not."""

import math
from dataclasses import replace

import pytest

from heatproof.analysis.localization import ControlRow, Localization, MethodRow
from heatproof.report.against_prior import AgainstPrior, against_prior
from heatproof.report.content import Content
from heatproof.report.prose.answers import answers
from heatproof.stats.estimates import TO_DIFFER
from heatproof.types import Estimate
from tests.report import trial


@pytest.mark.parametrize(
    ("value", "corrected", "expected"),
    [
        (0.1, 0.05, AgainstPrior.BETTER),
        (-0.1, 0.05, AgainstPrior.WORSE),
        (0.1, 0.051, AgainstPrior.OPEN),
        (-0.1, 0.051, AgainstPrior.OPEN),
        (0.1, math.nan, AgainstPrior.TOO_FEW),
        (math.nan, math.nan, AgainstPrior.NONE),
    ],
)
def test_better_and_worse_need_a_p_that_holds_after_correction(
    value: float, corrected: float, expected: AgainstPrior
) -> None:
    """Its interval, which is of one difference alone, decides nothing."""
    difference = Estimate(value, value - 0.01, value + 0.01, 0.95, 50, "", p=0.01)
    row = MethodRow("m", "grad_cam", trial.est(0.5), 0, difference, corrected=corrected)
    assert against_prior(row) is expected
    assert against_prior(replace(row, difference=None)) is AgainstPrior.NONE


def test_the_level_of_the_interval_is_that_of_the_test() -> None:
    difference = Estimate(0.1, 0.05, 0.15, 0.9, 50, "")
    row = MethodRow("m", "grad_cam", trial.est(0.5), 0, difference, corrected=0.08)
    assert against_prior(row) is AgainstPrior.BETTER


def test_nothing_is_called_where_a_coin_could_do_it() -> None:
    """Two-sided sign test with all who differ on one side: 2 / 2**n must be below 5%."""
    assert 2 / 2**TO_DIFFER < 0.05 <= 2 / 2 ** (TO_DIFFER - 1)


def one(*rows: tuple[str, float, float, float], cases: int = 50, prior: bool = True) -> str:
    """The headline for rows of method, value and interval of the difference."""
    return first(*rows, cases=cases, prior=prior)[0]


def first(
    *rows: tuple[str, float, float, float], cases: int = 50, prior: bool = True
) -> tuple[str, tuple[str, ...]]:
    made = tuple(
        trial.beside_prior(
            method,
            trial.est(value, cases=cases),
            trial.diff((low + high) / 2, (high - low) / 2, cases),
            model="m",
            undefined=0,
        )
        for method, value, low, high in rows
    )
    control = ControlRow("mean-mask prior", trial.est(0.46, cases=cases), 0) if prior else None
    content = Content(
        "t",
        "q",
        trial.PROVENANCE,
        methods=tuple(trial.method(spec) for spec in trial.NAMES),
        metrics=trial.METRICS,
        localization=(Localization("rsna", "Lung Opacity", "auprc", made, control),),
    )
    answer = answers(content)[0]
    return answer.headline, answer.details


def test_a_worse_map_is_called_worse_with_both_numbers() -> None:
    headline, details = first(("grad_cam", 0.31, -0.2, -0.1))
    assert headline == (
        "On rsna, Grad-CAM finds Lung Opacity worse than a map that never sees the film"
        " (the mean-mask prior)."
    )
    assert details == ("Grad-CAM: AUPRC 0.31 [0.26, 0.36] against 0.46 [0.41, 0.51], worse",)


def test_no_difference_is_not_called_equal() -> None:
    headline = one(("grad_cam", 0.45, -0.1, 0.1))
    assert "no difference could be shown between Grad-CAM and" in headline
    assert "better" not in headline
    assert "worse" not in headline


def test_all_worse() -> None:
    headline = one(("grad_cam", 0.3, -0.2, -0.1), ("gradient", 0.2, -0.3, -0.2))
    assert "all 2 methods find Lung Opacity worse" in headline


def test_some_better() -> None:
    headline = one(("grad_cam", 0.6, 0.1, 0.2), ("gradient", 0.2, -0.3, -0.2))
    assert "Grad-CAM finds Lung Opacity better than" in headline
    assert "for no other map could this be shown" in headline


def test_some_worse_and_none_better() -> None:
    headline = one(("grad_cam", 0.45, -0.1, 0.1), ("gradient", 0.2, -0.3, -0.2))
    assert "no map could be shown to find Lung Opacity better" in headline
    assert headline.endswith("Gradient finds it worse.")


def test_few_cases_are_said() -> None:
    assert (
        "Only 15 cases: take this as a hint"
        in first(("grad_cam", 0.3, -0.2, -0.1), cases=15)[1][-1]
    )
    assert "too few cases to say" in one(("grad_cam", 0.3, -0.2, -0.1), cases=2)


def test_without_a_prior_nothing_is_called() -> None:
    headline = one(("grad_cam", 0.3, -0.2, -0.1), prior=False)
    assert "there is no prior to compare them with" in headline


def test_undefined_values_are_words() -> None:
    headline, details = first(("grad_cam", math.nan, math.nan, math.nan))
    assert headline == "On rsna, AUPRC is not defined for any map of Lung Opacity."
    assert details == ()


def test_many_findings_are_counted() -> None:
    answer = answers(trial.large())[0]
    better = sum(
        against_prior(row) is AgainstPrior.BETTER
        for panel in trial.large().localization
        if panel.metric == "auprc"
        for row in panel.rows
    )
    assert f"in {better} of 50 pairs of method and finding, by AUPRC" in answer.headline
    assert len(answer.details) == 5


def test_two_methods_of_one_name_go_by_their_specs() -> None:
    content = trial.usual()
    methods = tuple(replace(method, name="Occlusion") for method in content.methods)
    said = " ".join(answers(replace(content, methods=methods))[0].details)
    assert "occlusion(patch=32, stride=16): AUPRC" in said


def test_a_metric_of_data_sets_is_answered_for_each_model_with_its_own_prior() -> None:
    content = trial.detection()
    first, second = answers(replace(content, metrics=content.metrics[::-1]))
    assert "for first" in first.headline
    assert "Pointwise AP 0.25 [0.20, 0.30] against 0.35 [0.30, 0.40], worse" in first.details[0]
    assert "for second" in second.headline
    assert "against 0.36 [0.31, 0.41]" in second.details[0]


def test_nothing_measured_nothing_answered() -> None:
    assert answers(trial.empty()) == ()


def test_many_findings_with_too_few_cases_are_not_called() -> None:
    """Not "better in none": nothing could be compared."""
    content = trial.large()
    few = tuple(
        replace(
            panel,
            rows=tuple(
                trial.beside_prior(row.method, row.estimate, trial.diff(0.15, cases=2))
                for row in panel.rows
            ),
        )
        for panel in content.localization
    )
    headline = answers(replace(content, localization=few))[0].headline
    assert "too few cases to say whether any map finds any finding better" in headline
    assert "none" not in headline


def test_a_classifier_is_not_praised_for_two_films() -> None:
    usual = trial.usual()
    few = replace(trial.est(1.0, 0.0, 2), hindrance="1 of the 10 patients of each class")
    one = replace(usual.classification[0], positives=1, negatives=1, auroc=few)
    said = answers(replace(usual, localization=(), classification=(one,)))[0].headline
    assert "cannot be judged" in said
    assert "1.00" not in said


def test_a_small_class_is_said() -> None:
    said = [answer.headline for answer in answers(trial.usual())]
    assert any("Only 15 cases in the smallest class." in text for text in said)
    assert any("rsna_pneumonia_320, mobilenet, fold 0 cannot be judged" in text for text in said)


def test_a_method_beside_readers_is_worse_only_where_its_corrected_p_says_so() -> None:
    readers, model = [answer for answer in answers(trial.compared()) if "beside" in answer.headline]
    assert readers.headline == (
        "On rsna_pneumonia_320, IoU of mobilenet, fold 0 beside that of human benchmark:"
    )
    assert readers.details[0] == (
        "Grad-CAM: shown to be worse in 1 (Edema), shown to be better in 1 (Lung Opacity) of"
        " 3 findings; decrease +0.20 [+0.15, +0.25] (macro average), undecided."
    )
    assert "difference +0.05" in model.details[0]
