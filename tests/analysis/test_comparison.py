"""Methods beside readers, and models beside each other, on the same films: by hand."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from heatproof.analysis.comparison import (
    OUTLINES,
    against_models,
    against_outlines,
    against_readers,
    comparable,
)
from heatproof.analysis.rare import Rare
from heatproof.localize.made_without import READERS
from heatproof.stats.margin import Conclusion
from tests.analysis.made_up import NAN, QUICK, Films, Scores, control, films, measures, scores

OURS = {"a": 0.9, "b": 0.7, "c": 0.4, "d": 0.8, "e": NAN, "f": 0.3}
THEIRS = {"a": 0.5, "b": 0.8, "c": 0.1, "d": 0.2, "e": 0.6, "f": NAN}
GAPS = np.array([OURS[name] - THEIRS[name] for name in "abcd"])
BOTH = [*scores(OURS, model="one"), *scores(THEIRS, model="other")]
PAIR = [("one", "other")]


def turned(gaps):
    """The share of all ways to turn the signs that are as far from 0."""
    sums = [abs(np.dot(signs, gaps)) for signs in product((-1, 1), repeat=len(gaps))]
    return np.mean(np.array(sums) >= abs(gaps.sum()) - 1e-12)


def test_differences_are_paired_by_film():
    [found] = against_models(Scores.of_rows(BOTH), PAIR, [], QUICK)
    assert (found.model, found.other, found.finding) == ("one", "other", "Edema")
    assert found.difference.value == pytest.approx(GAPS.mean())
    assert found.difference.cases == 4  # e and f are undefined on one side
    assert found.ours.value == pytest.approx(np.mean([OURS[name] for name in "abcd"]))
    assert found.theirs.value == pytest.approx(np.mean([THEIRS[name] for name in "abcd"]))
    assert found.p == pytest.approx(turned(GAPS))
    assert found.holm == found.bonferroni == found.p  # of a family of one
    assert (found.decrease, found.published) == (None, None)


def test_films_of_a_patient_are_turned_together():
    rows = [row | {"cluster": "ab" if row["image_id"] in "ab" else row["image_id"]} for row in BOTH]
    [found] = against_models(Scores.of_rows(rows), PAIR, [], QUICK)
    assert found.p == pytest.approx(turned(np.array([GAPS[0] + GAPS[1], GAPS[2], GAPS[3]])))
    [by_film] = against_models(Scores.of_rows(rows), PAIR, [], replace(QUICK, by="image"))
    assert by_film.p == pytest.approx(turned(GAPS))


def test_the_other_way_round_is_the_same_with_the_sign_turned():
    table = Scores.of_rows(BOTH)
    [found], [turned_round] = (
        list(against_models(table, pairs, [], QUICK)) for pairs in (PAIR, [("other", "one")])
    )
    assert turned_round.difference.value == pytest.approx(-found.difference.value)
    assert turned_round.p == found.p


def test_findings_are_one_family_and_the_macro_average_is_no_member():
    more = [row | {"finding": "Mass", "value": row["value"] * 0.9} for row in BOTH]
    edema, mass, macro = against_models(Scores.of_rows([*BOTH, *more]), PAIR, [], QUICK)
    assert [one.finding for one in (edema, mass, macro)] == ["Edema", "Mass", ""]
    smaller, larger = sorted((edema, mass), key=lambda one: one.p)
    assert smaller.holm == pytest.approx(min(1, 2 * smaller.p))
    assert larger.holm == pytest.approx(max(smaller.holm, larger.p))
    assert [one.bonferroni for one in (edema, mass)] == pytest.approx(
        [min(1, 2 * one.p) for one in (edema, mass)]
    )
    assert np.isnan([macro.holm, macro.bonferroni]).all()
    middle = (edema.difference.value + mass.difference.value) / 2
    assert macro.difference.value == pytest.approx(middle)


def test_rare_findings_are_left_out():
    more = [row | {"finding": "Mass"} for row in BOTH]
    few = [Rare("films", "Edema", "maps", 2, 10)]
    [found] = against_models(Scores.of_rows([*BOTH, *more]), PAIR, few, QUICK)
    assert found.finding == "Mass"
    classifier = [replace(few[0], what="classifier")]
    assert len(list(against_models(Scores.of_rows(BOTH), PAIR, classifier, QUICK))) == 1


def test_the_margin_says_what_is_concluded():
    tiny = [*scores(dict.fromkeys("abcdef", 0.5), model="one"),
            *scores(dict.fromkeys("abcdef", 0.6), model="other")]  # fmt: skip
    for margin, conclusion in ((0.2, Conclusion.NON_INFERIOR), (0.05, Conclusion.INFERIOR)):
        [found] = against_models(Scores.of_rows(tiny), PAIR, [], replace(QUICK, margin=margin))
        assert found.conclusion is conclusion, margin
        assert found.margin == margin


def test_methods_stand_beside_the_human_benchmark_of_the_same_film():
    read = {"a": 0.8, "b": 0.9, "c": 0.5, "d": 0.9, "e": 0.7, "f": 0.6, "only readers": 0.1}
    rows = [*scores(OURS), *control(READERS, read), *control("centre", read)]
    [found] = against_readers(Scores.of_rows(rows), [], QUICK)
    assert (found.model, found.method, found.other) == ("net", "cam", "the human benchmark")
    names = "abcdf"
    ours, theirs = (np.mean([table[name] for name in names]) for table in (OURS, read))
    assert found.difference.value == pytest.approx(ours - theirs)
    assert found.difference.cases == 5
    assert found.decrease.value == pytest.approx((theirs - ours) / theirs)
    assert found.published.method == "the published arithmetic"
    alone = Scores.of_rows([*scores(OURS), *control("centre", read)])
    assert list(against_readers(alone, [], QUICK)) == []


def test_boxes_stand_beside_the_outlines():
    metrics = measures("boxed(base=iou)", "iou").parts
    boxed, iou = metrics
    rows = [*scores(OURS, metric=iou), *scores(THEIRS, metric=boxed)]
    [found] = against_outlines(Scores.of_rows(rows), metrics, [], QUICK)
    assert (found.metric, found.other) == (boxed, OUTLINES)
    assert found.difference.value == pytest.approx(-GAPS.mean())


def test_what_can_be_compared_is_higher_where_it_is_better_and_by_the_reader_who_counts():
    metrics = measures("iou", "surface_distance").parts
    iou, distance = metrics
    rows = [
        *scores({"a": 0.1}, metric=iou),
        *scores({"a": 0.2}, metric=iou, reader="aaa"),
        *scores({"a": 3.0}, metric=distance),
    ]
    marks = Films.of_rows(films({"a": [("Edema", "aaa"), ("Edema", "reference")]}))
    kept = comparable(Scores.of_rows(rows), marks, metrics)
    assert kept.frame["value"].to_list() == [0.1]
