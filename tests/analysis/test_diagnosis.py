"""Why maps fail, asked of a table whose answers can be counted by hand."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from heatproof.analysis.diagnosis import DiagnosisOptions, diagnoses, groups, spreads
from heatproof.analysis.rows import diagnoses_table as table_of
from heatproof.diagnose.shape import FEATURES
from heatproof.localize.controls import HUMAN_BENCHMARK as READERS
from heatproof.localize.controls import PRIOR
from heatproof.tables.shapes import Shapes
from tests.analysis.made_up import (
    NAN,
    QUICK,
    Films,
    Predictions,
    Scores,
    control,
    films,
    measures,
    predictions,
    scores,
)  # fmt: skip

COUNT = 90
GENERATOR = np.random.default_rng(3)
NAMES = [f"f{index}" for index in range(COUNT)]
HAS = dict(zip(NAMES, GENERATOR.random(COUNT) < 0.6, strict=True))
MARKED = [name for name in NAMES if HAS[name]]
AREA = dict(zip(NAMES, GENERATOR.random(COUNT) * 0.4, strict=True))
SURE = dict(zip(NAMES, GENERATOR.random(COUNT), strict=True))
VALUE = {name: 0.2 + AREA[name] + 0.3 * SURE[name] + GENERATOR.normal(0, 0.05) for name in MARKED}
VALUE[MARKED[4]] = NAN
DEFINED = [name for name in MARKED if np.isfinite(VALUE[name])]
IN_PLACE = {name: float(GENERATOR.random()) for name in MARKED}
READ = {name: VALUE[name] + AREA[name] / 2 + 0.1 * GENERATOR.random() for name in MARKED}
SEX = {name: "FM"[index % 2] for index, name in enumerate(NAMES)}
IOU = measures("iou")

MAPS = scores(VALUE)
BESIDE = [*control(PRIOR, IN_PLACE), *control(READERS, READ)]
TOLD = Predictions.of_rows(predictions({name: (bool(HAS[name]), SURE[name]) for name in NAMES}))
MARKS = {name: [("Edema", "reference")] * bool(HAS[name]) for name in NAMES}
KNOWN = Films.of_rows(films(MARKS, metadata_sex=SEX))


def shapes(names=MARKED, reader="reference"):
    return [
        {"data": "films", "image_id": name, "finding": "Edema", "reader": reader}
        | {"instances": 1 + place % 3, "area_ratio": AREA[name], "elongation": 1.0 + place}
        | {"irrectangularity": AREA[name] ** 2, "box_coverage": 0.5}
        for place, name in enumerate(names)
    ]


DRAWN = Shapes.of_rows(shapes())


def asked(rows=(*MAPS, *BESIDE), told=TOLD, drawn=DRAWN, known=KNOWN, parts=IOU, **changes):
    question = DiagnosisOptions(parts.parts, replace(QUICK, **changes))
    return list(diagnoses(Scores.of_rows(rows), told, drawn, known, question))


def slope(feature, response, names=DEFINED):
    """The least-squares line through the films on which both are defined."""
    both = [name for name in names if np.isfinite(response[name])]
    return np.polyfit([feature[name] for name in both], [response[name] for name in both], 1)[0]


def scaled(feature, names=MARKED):
    """Between 0 and 1 over all marked films, those whose score is undefined included."""
    values = [feature[name] for name in names]
    low, high = min(values), max(values)
    return {name: (feature[name] - low) / (high - low) for name in names}


def the(effects, feature, model="linear"):
    [effect] = [one for one in effects if (one.feature, one.model) == (feature, model)]
    return effect.slope.estimate


def test_the_slope_on_size_is_the_line_through_the_scores():
    [found] = asked()
    assert (found.cases, found.patients) == (len(DEFINED), len(DEFINED))
    for model in ("linear", "linear_by_cluster"):
        fitted = the(found.shape, "area_ratio", model)
        assert fitted.value == pytest.approx(slope(scaled(AREA), VALUE), rel=1e-9)
        assert fitted.cases == len(DEFINED)
    assert {effect.feature for effect in found.shape} == set(FEATURES)


def test_shapes_are_those_by_the_same_reader():
    """Another reader's outline of the same film explains nothing."""
    other = [row | {"area_ratio": 1.0} for row in shapes(reader="other")]
    [found] = asked(drawn=Shapes.of_rows([*other, *shapes()]))
    assert the(found.shape, "area_ratio").value == pytest.approx(slope(scaled(AREA), VALUE))


def test_the_gap_is_how_far_a_method_is_below_the_readers():
    [found] = asked()
    gap = {name: READ[name] - VALUE[name] for name in MARKED}
    assert the(found.gap, "area_ratio").value == pytest.approx(slope(scaled(AREA), gap))
    [alone] = asked(rows=MAPS)
    assert alone.gap == ()
    assert alone.usual is None


def test_films_without_the_finding_score_zero_and_count_in_all_films():
    [found] = asked()
    lines = {
        row.rows: next(effect.slope.estimate for effect in row.effects if effect.model == "linear")
        for row in found.confidence
        if row.finding == "Edema"
    }
    assert lines["positive"].value == pytest.approx(slope(SURE, VALUE))
    zeros = VALUE | {name: 0.0 for name in NAMES if not HAS[name]}
    every = [name for name in NAMES if np.isfinite(zeros[name])]
    assert lines["all"].value == pytest.approx(slope(SURE, zeros, every))
    assert (lines["positive"].cases, lines["all"].cases) == (len(DEFINED), len(every))


def test_a_metric_that_is_not_zero_without_the_finding_is_asked_about_films_with_it_alone():
    rows = [row | {"metric": "auprc"} for row in (*MAPS, *BESIDE)]
    [found] = asked(rows, parts=measures("auprc"))
    assert {row.rows for row in found.confidence} == {"positive"}


def test_a_mean_over_films_brings_the_films_without_the_finding_itself():
    spec = "miou(cutoff=0.3)"
    absent = [name for name in NAMES if not HAS[name]]
    of_absent = {name: 0.0 if place % 2 else NAN for place, name in enumerate(absent)}
    rows = [*scores(VALUE, metric=spec), *scores(of_absent, metric=spec, regions=0)]
    [found] = asked(rows, parts=measures(spec))
    cases = {row.rows: row.effects[0].slope.estimate.cases for row in found.confidence}
    assert cases == {"positive": len(DEFINED), "all": len(DEFINED) + len(absent) // 2}


def test_confidence_is_asked_again_after_calibration():
    [found] = asked()
    assert len(found.calibrated) == len(found.confidence)
    raw, again = found.confidence[0], found.calibrated[0]
    assert again.effects[0].slope.estimate.value != raw.effects[0].slope.estimate.value


def test_groups_of_films_are_compared_with_the_others():
    [found] = asked()
    by_group = {(one.attribute, one.group): one for one in found.subgroups["Edema"]}
    assert set(by_group) == {("sex", "F"), ("sex", "M")}
    for (_, sex), one in by_group.items():
        inside, outside = (
            np.mean([VALUE[name] for name in DEFINED if (SEX[name] == sex) is same])
            for same in (True, False)
        )
        assert one.mean.value == pytest.approx(inside)
        assert one.difference.value == pytest.approx(inside - outside)


def test_groups_are_of_views_and_metadata_and_not_of_folds_or_names():
    columns = {
        "metadata_sex": SEX,
        "metadata_age": {name: 20 + place for place, name in enumerate(NAMES)},
        "metadata_fold": {name: str(place % 5) for place, name in enumerate(NAMES)},
        "metadata_room": {name: f"room {name}" for name in NAMES},
        "metadata_maker": dict.fromkeys(NAMES, "the same"),
        "view": {name: ("PA", "AP", "")[place % 3] for place, name in enumerate(NAMES)},
    }
    known = Films.of_rows(films(MARKS, **columns))
    assert list(groups(known, {"fold"})) == ["view", "sex", "age"]
    assert list(groups(known)) == ["view", "sex", "age", "fold"]
    assert set(groups(known)["view"]) == {"PA", "AP", None}
    question = DiagnosisOptions(IOU.parts, QUICK, folds={"fold"})
    [found] = diagnoses(Scores.of_rows(MAPS), TOLD, DRAWN, known, question)
    assert {one.attribute for one in found.subgroups["Edema"]} == {"view", "sex", "age"}


def test_too_few_patients_are_asked_nothing():
    few = {name: VALUE[name] for name in DEFINED[:19]}
    [found] = asked(scores(few))
    assert (found.cases, found.patients, found.enough) == (19, 19, 20)
    assert (found.shape, found.confidence, found.subgroups, found.points) == ((), (), {}, {})
    twenty = {name: VALUE[name] for name in DEFINED[:20]}
    [enough] = asked(scores(twenty))
    assert enough.shape
    same = [row | {"cluster": "one patient"} for row in scores(VALUE)]
    assert asked(same)[0].patients == 1


def test_scores_stand_beside_those_of_the_prior():
    [found] = asked()
    beats = np.mean([VALUE[name] > IN_PLACE[name] for name in DEFINED])
    assert found.usual.beats.value == pytest.approx(beats)
    assert found.common == {}  # of one finding
    lower = measures("surface_distance")
    rows = [row | {"metric": "surface_distance"} for row in (*MAPS, *BESIDE)]
    assert asked(rows, parts=lower)[0].usual is None


def test_each_method_model_and_metric_is_asked_and_the_first_metric_drawn():
    rows = [*MAPS, *scores(VALUE, method="other"), *scores(VALUE, metric="auprc"), *BESIDE]
    found = asked(rows, parts=measures("iou", "auprc"))
    assert [(one.method, one.metric) for one in found] == [
        ("cam", "iou"), ("other", "iou"), ("cam", "auprc"),
    ]  # fmt: skip
    assert [bool(one.points) for one in found] == [True, True, False]
    dots = dict(found[0].points["probability"])
    assert dots == pytest.approx({SURE[name]: VALUE[name] for name in DEFINED})


def test_of_several_readers_one_counts():
    known = Films.of_rows(
        films({name: [*MARKS[name], ("Edema", "a")] for name in NAMES}, metadata_sex=SEX)
    )
    rows = [*scores(VALUE, reader="a", regions=1), *MAPS, *BESIDE]
    assert table_of(asked(rows, known=known)).frame.equals(table_of(asked(known=known)).frame)


def test_without_maps_nothing_is_asked():
    assert asked(BESIDE) == []


def test_spreads_are_the_five_numbers_of_what_the_counting_reader_marked():
    other = [row | {"area_ratio": 1.0} for row in shapes(reader="other")]
    found = list(spreads(Shapes.of_rows([*other, *shapes()]), KNOWN))
    assert [one.feature for one in found] == list(FEATURES)
    area = next(one for one in found if one.feature == "area_ratio")
    values = [AREA[name] for name in MARKED]
    five = (area.least, area.q1, area.median, area.q3, area.most)
    assert five == pytest.approx(tuple(np.quantile(values, [0, 0.25, 0.5, 0.75, 1])))
    assert (area.dataset, area.finding, area.cases) == ("films", "Edema", len(MARKED))
    undefined = Shapes.of_rows(row | {"elongation": NAN} for row in shapes())
    long = next(one for one in spreads(undefined, KNOWN) if one.feature == "elongation")
    assert long.cases == 0
    assert np.isnan([long.least, long.median, long.most]).all()


def test_a_film_with_an_unknown_label_is_no_negative():
    told = TOLD.frame.with_columns(
        label=pl.when(pl.col("label")).then(pl.col("label"))  # what was no is unknown
    )
    [found] = asked(told=Predictions(told))
    assert {row.rows for row in found.confidence} == {"positive"}
