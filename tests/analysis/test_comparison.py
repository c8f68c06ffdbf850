"""Methods beside readers, and models beside each other, on the same films: by hand."""

from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from heatproof.analysis.comparison import (
    MACRO,
    OUTLINES,
    against_models,
    against_outlines,
    against_readers,
    comparable,
    concluded,
)
from heatproof.analysis.rare import Rare
from heatproof.localize.controls import HUMAN_BENCHMARK as READERS
from heatproof.stats import estimates
from heatproof.stats.margin import Conclusion
from tests.analysis.made_up import NAN, QUICK, Films, Scores, control, films, measures, scores

NAMES = [f"f{number:02}" for number in range(26)]
DRAWN = np.random.default_rng(0).random((2, 26))
OURS = dict(zip(NAMES, DRAWN[0] + 0.5, strict=True)) | {"f24": NAN}
THEIRS = dict(zip(NAMES, DRAWN[1], strict=True)) | {"f25": NAN}
BOTH_KNOWN = NAMES[:24]
GAPS = np.array([OURS[name] - THEIRS[name] for name in BOTH_KNOWN])
BOTH = [*scores(OURS, model="one"), *scores(THEIRS, model="other")]
PAIR = [("one", "other")]


def of_models(rows, pairs=PAIR, few=(), intervals=QUICK):
    """The comparisons with what is concluded from them."""
    table = Scores.of_rows(rows)
    return list(concluded(against_models(table, pairs, few, intervals), intervals))


def test_differences_are_paired_by_film():
    [found] = of_models(BOTH)
    assert (found.model, found.other, found.finding) == ("one", "other", "Edema")
    assert found.difference.value == pytest.approx(GAPS.mean())
    assert found.difference.cases == 24  # two are undefined on one side
    assert found.ours.value == pytest.approx(np.mean([OURS[name] for name in BOTH_KNOWN]))
    assert found.theirs.value == pytest.approx(np.mean([THEIRS[name] for name in BOTH_KNOWN]))
    assert found.p == pytest.approx(estimates.mean(GAPS, NAMES[:24]).p)
    assert found.holm == found.bonferroni == found.p  # of a family of one
    assert (found.decrease, found.published) == (None, None)


def test_films_of_a_patient_count_together():
    pairs = [str(int(name[1:]) // 2 if name < "f04" else name) for name in BOTH_KNOWN]
    of_patient = dict(zip(BOTH_KNOWN, pairs, strict=True))
    rows = [row | {"cluster": of_patient.get(row["image_id"], row["image_id"])} for row in BOTH]
    [found] = of_models(rows)
    assert found.p == pytest.approx(estimates.mean(GAPS, pairs).p)
    [by_film] = of_models(rows, intervals=replace(QUICK, by="image"))
    assert by_film.p == pytest.approx(estimates.mean(GAPS, NAMES[:24]).p)
    assert by_film.p != found.p


def test_the_other_way_round_is_the_same_with_the_sign_turned():
    [found], [turned_round] = (of_models(BOTH, pairs) for pairs in (PAIR, [("other", "one")]))
    assert turned_round.difference.value == pytest.approx(-found.difference.value)
    assert turned_round.difference.low == pytest.approx(-found.difference.high)
    assert turned_round.p == pytest.approx(found.p)


def test_of_too_few_patients_nothing_is_concluded():
    few = [row for row in BOTH if row["image_id"] < "f19"]
    [found] = of_models(few)
    assert found.difference.low > 0  # told, and not concluded from
    assert found.difference.hindrance.startswith("19 of the 20 patients")
    assert np.isnan([found.p, found.holm, found.bonferroni]).all()
    assert np.isnan(found.tails).all()
    assert found.conclusion is Conclusion.UNDECIDED
    [enough] = of_models([row for row in BOTH if row["image_id"] < "f20"])
    assert enough.conclusion is Conclusion.SUPERIOR


def findings():
    """Three findings of two methods: the second falls behind by little, the third by much."""
    return [
        row
        | {
            "finding": finding,
            "method": method,
            "value": row["value"] - loss * (row["model"] == "one"),
        }
        for row in BOTH
        for method in ("cam", "lime")
        for finding, loss in (("Edema", 0.0), ("Mass", 0.25), ("Nodule", 1.2))
    ]


def test_all_of_a_report_are_one_family_and_macro_averages_another():
    found = of_models(findings())
    assert [one.finding for one in found] == ["Edema", "Mass", "Nodule", ""] * 2
    for macro in (True, False):
        family = [one for one in found if (one.finding == MACRO) is macro]
        p = [one.p for one in family]
        for method in ("holm", "bonferroni"):
            expected = multipletests(p, method=method)[1]
            assert [getattr(one, method) for one in family] == pytest.approx(expected)
    macro = found[3]
    assert macro.difference.value == pytest.approx(
        np.mean([one.difference.value for one in found[:3]])
    )


def test_a_grid_is_the_findings_of_one_method():
    found = of_models(findings(), intervals=replace(QUICK, family="grid"))
    for grid in (found[:3], found[4:7]):
        expected = multipletests([one.p for one in grid], method="holm")[1]
        assert [one.holm for one in grid] == pytest.approx(expected)
    assert found[3].holm == found[3].p
    report = of_models(findings())
    assert all(one.holm <= of_all.holm for one, of_all in zip(found, report, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("family", ["report", "grid"])
def test_conclusions_are_corrected_as_the_p_values_are(family):
    found = of_models(findings(), intervals=replace(QUICK, family=family))
    places = [0, 1, 2, 4, 5, 6]
    for members in [places] if family == "report" else [places[:3], places[3:]]:
        sides = np.array([found[place].tails for place in members]).T
        shown = np.array([multipletests(side, method="holm")[1] for side in sides]) <= 0.025
        for place, (superior, non_inferior, inferior) in zip(members, shown.T, strict=True):
            expected = (
                Conclusion.SUPERIOR if superior
                else Conclusion.NON_INFERIOR if non_inferior
                else Conclusion.INFERIOR if inferior
                else Conclusion.UNDECIDED
            )  # fmt: skip
            assert found[place].conclusion is expected
    assert {one.conclusion for one in found} > {Conclusion.SUPERIOR, Conclusion.INFERIOR}


def test_what_one_test_would_conclude_many_may_not():
    nearly = [row | {"value": row["value"] - 0.22 * (row["model"] == "one")} for row in BOTH]
    [alone] = of_models(nearly)
    assert 0.01 < alone.tails.superior < 0.025
    assert alone.conclusion is Conclusion.SUPERIOR
    many = [row | {"finding": f"Finding {k}"} for row in nearly for k in range(9)]
    for one in of_models(many)[:-1]:
        assert one.difference == alone.difference  # the interval is that of one number alone
        assert one.conclusion is not Conclusion.SUPERIOR


def test_rare_findings_are_left_out():
    more = [row | {"finding": "Mass"} for row in BOTH]
    few = [Rare("films", "Edema", "maps", 2, 10)]
    [found] = of_models([*BOTH, *more], few=few)
    assert found.finding == "Mass"
    classifier = [replace(few[0], what="classifier")]
    assert len(of_models(BOTH, few=classifier)) == 1


def test_the_margin_says_what_is_concluded():
    noise = np.random.default_rng(1).normal(0, 0.01, 24)
    lost = dict(zip(NAMES[:24], 0.5 + noise, strict=True))
    tiny = [*scores(lost, model="one"), *scores(dict.fromkeys(lost, 0.6), model="other")]
    for margin, conclusion in ((0.2, Conclusion.NON_INFERIOR), (0.05, Conclusion.INFERIOR)):
        [found] = of_models(tiny, intervals=replace(QUICK, margin=margin))
        assert found.conclusion is conclusion, margin
        assert found.margin == margin
        # What is the same in all patients may be so by chance.
        same = [row | {"value": round(row["value"], 1)} for row in tiny]
        [certain] = of_models(same, intervals=replace(QUICK, margin=margin))
        assert certain.conclusion is Conclusion.UNDECIDED
        assert certain.difference.hindrance.startswith("0 of 24 differ")


def test_methods_stand_beside_the_human_benchmark_of_the_same_film():
    read = {"a": 0.8, "b": 0.9, "c": 0.5, "d": 0.9, "e": 0.7, "f": 0.6, "only readers": 0.1}
    ours = {"a": 0.9, "b": 0.7, "c": 0.4, "d": 0.8, "e": NAN, "f": 0.3}
    rows = [*scores(ours), *control(READERS, read), *control("centre", read)]
    [found] = against_readers(Scores.of_rows(rows), [], QUICK)
    assert (found.model, found.method, found.other) == ("net", "cam", "the human benchmark")
    names = "abcdf"
    mine, theirs = (np.mean([table[name] for name in names]) for table in (ours, read))
    assert found.difference.value == pytest.approx(mine - theirs)
    assert found.difference.cases == 5
    assert found.decrease.value == pytest.approx((theirs - mine) / theirs)
    assert found.published.method == "the published arithmetic"
    alone = Scores.of_rows([*scores(ours), *control("centre", read)])
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
