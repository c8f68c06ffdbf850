"""Panels: means, differences to the prior, and metrics of data sets, from their definitions."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from statsmodels.stats.multitest import multipletests

from heatproof.analysis.intervals import without_intervals
from heatproof.analysis.localization import corrected, localization
from heatproof.localize import metrics
from heatproof.localize.controls import PRIOR
from heatproof.localize.tuned import TunedMetrics
from heatproof.maps.tuning import TunedValue
from tests.analysis.made_up import (
    NAN,
    QUICK,
    Films,
    Predictions,
    Scores,
    control,
    films,
    marked,
    measures,
    predictions,
    scores,
)  # fmt: skip

IOU = measures("iou")
OURS = {"a": 0.9, "b": 0.5, "c": NAN, "d": 0.1, "e": 0.4}
OF_PRIOR = {"a": 0.3, "b": 0.6, "c": 0.2, "d": NAN, "e": 0.1, "elsewhere": 0.9}
NOTHING_TOLD, NO_FILMS = Predictions.of_rows([]), Films.of_rows([])


def panels(rows, metrics=IOU, intervals=QUICK, told=NOTHING_TOLD, known=NO_FILMS):
    return list(localization(Scores.of_rows(rows), told, known, metrics, intervals))


def test_the_mean_is_over_the_films_on_which_it_is_defined():
    [panel] = panels([*scores(OURS), *scores({"a": 0.2}, method="other")])
    first, second = panel.rows
    assert (panel.dataset, panel.finding, panel.metric) == ("films", "Edema", "iou")
    assert (first.model, first.method, second.method) == ("net", "cam", "other")
    assert first.estimate.value == pytest.approx((0.9 + 0.5 + 0.1 + 0.4) / 4)
    assert (first.estimate.cases, first.undefined) == (4, 1)
    assert panel.prior is None
    assert first.difference is None


def test_the_difference_to_the_prior_is_paired_by_film():
    [panel] = panels([*scores(OURS), *control(PRIOR, OF_PRIOR)])
    [row] = panel.rows
    gaps = [OURS[name] - OF_PRIOR[name] for name in "abe"]
    assert row.difference.value == pytest.approx(np.mean(gaps))
    assert row.difference.cases == 3
    # The prior stands in the panel for the films that have maps.
    assert panel.prior.estimate.value == pytest.approx(np.mean([0.3, 0.6, 0.2, 0.1]))
    assert panel.prior.undefined == 1


def test_where_lower_is_better_the_method_is_taken_from_the_prior():
    metrics = measures("surface_distance")
    far, near = (
        [row | {"metric": "surface_distance"} for row in rows]
        for rows in (scores(OURS), control(PRIOR, OF_PRIOR))
    )
    [panel] = panels([*far, *near], metrics)
    gaps = [OF_PRIOR[name] - OURS[name] for name in "abe"]
    assert panel.rows[0].difference.value == pytest.approx(np.mean(gaps))


def test_controls_stand_beside_under_the_names_for_people():
    names = ("centre", "ceiling(7x9)", PRIOR, "random")
    rows = [row for name in names for row in control(name, {"a": 0.5, "z": 0.1})]
    [panel] = panels([*scores(OURS), *rows])
    assert [(one.spec, one.name) for one in panel.controls] == [
        ("centre", "image centre"),
        ("ceiling(7x9)", "best at 7 × 9"),
        ("random", "random map"),
    ]
    assert {one.estimate.value for one in panel.controls} == {0.5}  # z has no map
    assert panels(rows) == []  # controls alone are no panel


def test_each_reader_has_a_panel_where_there_are_several():
    rows = [*scores(OURS), *scores({"a": 0.2}, reader="other"), *scores({"a": 0.3}, finding="Mass")]
    found = panels(rows)
    assert [(panel.finding, panel.rows[0].estimate.cases) for panel in found] == [
        ("Edema (reference)", 4), ("Edema (other)", 1), ("Mass", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("by", ["patient", "image"])
def test_what_is_drawn_together_changes_the_interval_alone(by):
    rows = [row | {"cluster": "one" if row["image_id"] in "ab" else "two"} for row in scores(OURS)]
    of_patients, of_films = (panels(r, intervals=replace(QUICK, by=by))[0].rows[0].estimate
                             for r in (rows, scores(OURS)))  # fmt: skip
    assert of_patients.value == of_films.value
    # Two patients say so little that the ends may be those of the scale; the number tells.
    assert (of_patients == of_films) is (by == "image")
    assert ("of 2 clusters" in of_patients.method) is (by == "patient")


def test_intervals_vanish_where_few_films_are_marked():
    rows = [*scores(OURS), *control(PRIOR, OF_PRIOR), *control("centre", OURS)]
    [enough] = panels(rows, intervals=replace(QUICK, min_positives=5))
    [few] = panels(rows, intervals=replace(QUICK, min_positives=6))
    for before, after in (
        (enough.rows[0].estimate, few.rows[0].estimate),
        (enough.rows[0].difference, few.rows[0].difference),
        (enough.prior.estimate, few.prior.estimate),
        (enough.controls[0].estimate, few.controls[0].estimate),
    ):
        assert (after.value, after.cases) == (before.value, before.cases)
        assert np.isfinite([before.low, before.high]).all()
        assert np.isnan([after.low, after.high]).all()


def compared(panels, **changes):
    """The corrected p of every row, by panel."""
    found = corrected(panels, replace(QUICK, **changes))
    return [[row.corrected for row in panel.rows] for panel in found]


def against(losses, films=24, seed=0):
    """Panels of two findings, with a method for each loss from the score of the prior."""
    generator = np.random.default_rng(seed)
    names = [f"f{number:02}" for number in range(films)]
    rows = []
    for finding in ("Edema", "Mass"):
        usual = generator.random(films)
        rows += control(PRIOR, dict(zip(names, usual, strict=True)), finding=finding)
        for method, loss in losses.items():
            ours = usual - loss + generator.normal(0, 0.3, films)
            rows += scores(dict(zip(names, ours, strict=True)), finding=finding, method=method)
    return panels(rows)


def test_p_values_are_corrected_over_all_differences_of_the_report():
    found = against({"cam": 0.0, "lime": 0.2, "noise": 0.4})
    plain = [[row.difference.p for row in panel.rows] for panel in found]
    expected = multipletests(np.ravel(plain), method="holm")[1].reshape(2, 3)
    assert np.array(compared(found)) == pytest.approx(expected)
    grids = [multipletests(p, method="holm")[1] for p in plain]
    assert np.array(compared(found, family="grid")) == pytest.approx(np.array(grids))
    # Nothing but the p is changed.
    for before, after in zip(found, corrected(found, QUICK), strict=True):
        rows = tuple(replace(row, corrected=NAN) for row in after.rows)
        assert repr(replace(after, rows=rows)) == repr(before)


def test_of_too_few_patients_or_positives_no_difference_is_tested():
    few = against({"cam": 0.5}, films=19)
    assert np.isfinite(few[0].rows[0].difference.high)
    assert few[0].rows[0].difference.high < 0
    assert np.isnan(compared(few)).all()
    assert np.isfinite(compared(against({"cam": 0.5}, films=20))).all()
    same = panels([*scores(dict.fromkeys("abc", 0.1)), *control("centre", {"a": 0.2})])
    assert np.isnan(compared(same)).all()  # there is no prior
    assert compared([]) == []
    rare = tuple(without_intervals(panel) for panel in against({"cam": 0.5}))
    assert np.isnan(compared(rare)).all()


def test_what_is_not_tested_makes_no_family_larger():
    both = against({"cam": 0.3})
    rare = (both[0], without_intervals(both[1]))
    [[first], [second]] = compared(rare)
    assert first == both[0].rows[0].difference.p
    assert np.isnan(second)


# Films for metrics of data sets.  "called" is negative and ranks first; "nobody" has the finding by
# its label, but nobody marked where, so it cannot count; on "dark" the map points nowhere.
TOLD = {
    "hit": (True, 0.8), "miss": (True, 0.7), "late": (True, 0.3), "dark": (True, 0.6),
    "called": (False, 0.9), "no": (False, 0.5), "never": (False, 0.1), "nobody": (True, 0.95),
}  # fmt: skip
MARKED = ("hit", "miss", "late", "dark")
NEGATIVE = ("called", "no", "never")
HITS = {"hit": (1.0,), "miss": (0.0,), "late": (1.0,), "dark": (NAN,)}
PRIOR_HITS = {"hit": (0.0,), "miss": (1.0,), "late": (1.0,), "dark": (1.0,)}
KNOWN = Films.of_rows(films({name: [("Edema", "reference")] * (name in MARKED) for name in TOLD}))
AP = measures("pointwise_ap", "pointwise_ap(variant='box')")
DETECTED = [
    row
    for spec in AP.parts
    for row in (
        *scores(HITS, metric=spec, regions=1),
        *control(PRIOR, PRIOR_HITS, metric=spec, regions=1),
    )
]


def precision(hits, positives, told):
    """The average precision over films, from its definition."""
    ranked = sorted([*NEGATIVE, *positives], key=lambda name: -told[name][1])
    right = [name in positives and hits[name] == (1.0,) for name in ranked]
    gained = [sum(right[: i + 1]) / (i + 1) for i, hit in enumerate(right) if hit]
    return sum(gained) / len(positives)


def detected(rows=DETECTED, told=None, metrics=AP):
    return panels(rows, metrics, told=Predictions.of_rows(told or predictions(TOLD)), known=KNOWN)


def test_the_average_precision_is_that_of_the_ranked_films():
    panel, boxes = detected()
    [row] = panel.rows
    expected = precision(HITS, ("hit", "miss", "late"), TOLD)
    assert 0 < expected < 2 / 3
    assert panel.model == "net"
    assert row.estimate.value == pytest.approx(expected)
    assert (row.estimate.cases, row.undefined, row.negatives) == (3, 1, 3)
    assert (row.per_map.value, row.per_map.cases) == (pytest.approx(2 / 3), 3)
    twice = [r | {"regions": 2} if r["image_id"] == "miss" else r for r in DETECTED]
    assert detected(twice)[1].rows[0].estimate.value == pytest.approx(expected * 3 / 4)
    assert boxes.rows[0].estimate.value == pytest.approx(expected)
    # Where every map hits, it is that of the classifier.
    all_hit = scores(dict.fromkeys(MARKED, (1.0,)), metric="pointwise_ap")
    labels = {name: name in MARKED for name in (*MARKED, *NEGATIVE)}
    assert detected(all_hit)[0].rows[0].estimate.value == pytest.approx(
        average_precision_score(list(labels.values()), [TOLD[name][1] for name in labels])
    )


def test_the_prior_differs_in_place_alone():
    """Same films, same probabilities; paired on the films that both can be judged on."""
    panel, _ = detected()
    both = ("hit", "miss", "late")
    ours, prior = (precision(hits, both, TOLD) for hits in (HITS, PRIOR_HITS))
    assert panel.rows[0].difference.value == pytest.approx(ours - prior)
    assert ours != prior
    assert panel.prior.estimate.value == pytest.approx(precision(PRIOR_HITS, MARKED, TOLD))
    assert panel.prior.estimate.cases == 4


def test_every_model_has_a_panel_and_a_prior_of_its_own():
    blind = {name: (label, 1 - p) for name, (label, p) in TOLD.items()}
    rows = [*DETECTED, *scores(HITS, metric="pointwise_ap", model="blind")]
    first, second, _ = detected(rows, [*predictions(TOLD), *predictions(blind, model="blind")])
    assert [first.model, second.model] == ["net", "blind"]
    for panel, told in ((first, TOLD), (second, blind)):
        assert {row.model for row in panel.rows} == {panel.model}
        expected = precision(PRIOR_HITS, MARKED, told)  # the same places, ranked another way
        assert panel.prior.estimate.value == pytest.approx(expected)
    assert first.prior.estimate.value != second.prior.estimate.value


def test_a_metric_measures_with_what_was_tuned_for_method_and_control():
    """IoUs of 0.5 and 0.25, of films at 0.8 and 0.3; below its cut-off a film counts with 0."""
    spec = "miou(tune='yes')"
    told = {"hit": (True, 0.8), "late": (True, 0.3)}
    seen = {"hit": (5.0, 10.0, 5.0), "late": (2.0, 5.0, 5.0)}
    rows = [*scores(seen, metric=spec), *control(PRIOR, seen, metric=spec)]
    chosen = [
        TunedValue("val", model, method, spec, "Edema", cutoff, 0.5, 3)
        for model, method, cutoff in (("net", "cam", 0.5), ("", PRIOR, 0.0))
    ]
    tuned = TunedMetrics(metrics.parts([spec]), tuple(chosen))
    [panel] = panels(
        rows, tuned, told=Predictions.of_rows(predictions(told)), known=marked(("hit", "late"))
    )
    assert panel.rows[0].estimate.value == pytest.approx((5 / 10 + 0) / 2)
    assert panel.prior.estimate.value == pytest.approx((5 / 10 + 2 / 8) / 2)
