"""What tuning films choose: the candidate with the best mean, of methods and of controls."""

import pytest

from heatproof.analysis.choices import choices
from heatproof.analysis.rows import choices_table as table_of
from heatproof.localize import metrics
from heatproof.localize.controls import PRIOR
from heatproof.localize.tuned import candidates_of
from tests.analysis.made_up import (
    NAN,
    Films,
    Predictions,
    Scores,
    control,
    films,
    marked,
    predictions,
    scores,
)  # fmt: skip

IOU = "iou(binarize=tuned(grid=(0.2, 0.4, 0.6)))"
PARTS = metrics.parts([IOU])
[SPEC] = PARTS
TRIED = candidates_of(PARTS)
LOW, MIDDLE, HIGH = (candidate.name for candidate in TRIED)
TUNING = marked("ab")
UNTOLD = Predictions.of_rows([])


def chosen(rows, parts=PARTS, tried=TRIED, told=UNTOLD, known=TUNING):
    return list(choices(tried, parts, Scores.of_rows(rows), told, known))


def test_the_first_of_the_best_means_is_chosen():
    rows = [
        *scores({"a": 0.1, "b": 0.3}, metric=LOW),
        *scores({"a": 0.4, "b": 0.2}, metric=MIDDLE),
        *scores({"a": 0.3, "b": NAN}, metric=HIGH),  # 0.3 again, of the one that is defined
    ]
    [choice] = chosen(rows)
    assert (choice.dataset, choice.model, choice.method) == ("films", "net", "cam")
    assert (choice.metric, choice.finding, choice.value) == (SPEC, "Edema", 0.4)
    assert (choice.score, choice.cases) == (pytest.approx(0.3), 2)


def test_findings_methods_models_and_controls_choose_for_themselves():
    def best(name, make=scores, *spec, **same):
        values = {LOW: 0.1, MIDDLE: 0.1, HIGH: 0.1, name: 0.9}
        return [
            row for metric, value in values.items()
            for row in make(*spec, {"a": value}, metric=metric, **same)
        ]  # fmt: skip

    rows = [
        *best(LOW),
        *best(MIDDLE, finding="Mass"),
        *best(HIGH, method="other"),
        *best(MIDDLE, model="second"),
        *best(HIGH, control, PRIOR),
    ]
    known = Films.of_rows(films({"a": [("Edema", "reference"), ("Mass", "reference")]}))
    found = {(c.model, c.method, c.finding): c.value for c in chosen(rows, known=known)}
    assert found == {
        ("net", "cam", "Edema"): 0.2,
        ("net", "cam", "Mass"): 0.4,
        ("net", "other", "Edema"): 0.6,
        ("second", "cam", "Edema"): 0.4,
        ("", PRIOR, "Edema"): 0.6,
    }


def test_the_reader_who_counts_chooses():
    rows = [
        row
        for reader, values in (("aaa", (0.9, 0.1, 0.1)), ("reference", (0.1, 0.1, 0.9)))
        for name, value in zip((LOW, MIDDLE, HIGH), values, strict=True)
        for row in scores({"a": value}, metric=name, reader=reader)
    ]
    known = Films.of_rows(films({"a": [("Edema", "aaa"), ("Edema", "reference")]}))
    [choice] = chosen(rows, known=known)
    assert choice.value == 0.6


def test_what_is_undefined_everywhere_chooses_nothing():
    rows = [row for name in (LOW, MIDDLE, HIGH) for row in scores({"a": NAN}, metric=name)]
    assert chosen(rows) == []


def test_where_lower_is_better_the_least_is_chosen_and_said_as_it_is():
    parts = metrics.parts(["surface_distance(binarize=tuned(grid=(0.2, 0.4)))"])
    tried = candidates_of(parts)
    rows = [
        row
        for candidate, value in zip(tried, (7.0, 3.0), strict=True)
        for row in scores({"a": value}, metric=candidate.name)
    ]
    [choice] = chosen(rows, parts, tried)
    assert (choice.value, choice.score) == (0.4, 3.0)


MIOU = metrics.parts(["miou(tune='yes')"])
CUTOFFS = candidates_of(MIOU)
TOLD = {"a": (True, 0.75), "b": (True, 0.85), "false": (False, 0.55)}
PIXELS = {"a": (1.0, 2.0, 2.0), "b": (2.0, 2.0, 2.0), "false": (0.0, 2.0, 0.0)}
PROBABLE = Predictions.of_rows(
    [
        *predictions(TOLD),
        *predictions({name: (label, 1 - p) for name, (label, p) in TOLD.items()}, model="second"),
    ]
)


def tried_on(make, *name, **same):
    regions = {"a": 1, "b": 1, "false": 0}
    rows = [row for one in CUTOFFS for row in make(*name, PIXELS, metric=one.name, **same)]
    return [row | {"regions": regions[row["image_id"]]} for row in rows]


def test_a_cut_off_is_chosen_by_the_probabilities_of_the_model():
    """From 0.6 to 0.7 the film without the finding is not called, and both others are."""
    known = Films.of_rows(
        films({"a": [("Edema", "reference")], "b": [("Edema", "reference")], "false": []})
    )
    first, second, prior = chosen(
        [*tried_on(scores), *tried_on(scores, model="second"), *tried_on(control, PRIOR)],
        MIOU, CUTOFFS, PROBABLE, known,
    )  # fmt: skip
    expected = (1 / 3 + 1) / 2
    assert (first.value, first.score, first.cases) == (0.6, pytest.approx(expected), 2)
    # Of the second model, which is least sure where there is something, every cut-off loses.
    assert (second.model, second.value) == ("second", 0.0)
    # A control is ranked by the probabilities of the first model.
    assert (prior.model, prior.method, prior.value) == ("", PRIOR, 0.6)


def test_choices_stand_in_a_table():
    rows = [*scores({"a": 0.1}, metric=LOW), *scores({"a": 0.4}, metric=MIDDLE)]
    [row] = table_of(chosen(rows)).frame.rows(named=True)
    assert row == {
        "data": "films", "model": "net", "method": "cam", "metric": SPEC,
        "finding": "Edema", "value": 0.4, "score": 0.4, "cases": 1,
    }  # fmt: skip
