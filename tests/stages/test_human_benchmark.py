"""90 films in CheXlocalize's files through ``heatproof run``, every number again the slow way.

The slow side reads JSON, rasterizes with Pillow, enlarges with torch, finds Otsu's threshold by its
definition, and draws with NumPy's legacy generator, one replicate at a time.
"""

import json
import math
from functools import cache

import numpy as np
import polars as pl
import pytest
from scipy.ndimage import label
from scipy.stats import spearmanr

from heatproof.experiment.file import load
from heatproof.run.pipeline import run
from tests.chexlocalize_study import EXPERIMENT, FINDINGS, HEIGHT, WIDTH, raster, write
from tests.diagnose.test_synthetic_study import textbook
from tests.localize.test_chexlocalize_slow import enlarged, otsu_by_definition
from tests.stats.test_chexlocalize import by_hand, ends, nan_mean

pytestmark = pytest.mark.slow

IOU, HIT = "iou(empty='true_positive')", "hit_rate(ties='first')"
BOXED = "boxed(base=iou(empty='true_positive'))"
CUTOFF = 0.3
CALLED = f"miou(cutoff={CUTOFF})"
FILMS = 90
NAN = math.nan


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    study = write(folder, "test", FILMS, seed=5)
    text = EXPERIMENT.replace("metrics = [", f'metrics = ["{BOXED}", "{CALLED}", ')
    (folder / "study.toml").write_text(text)
    return study, run(load(folder / "study.toml")).parent


@cache
def binarized(study, name, finding):
    """The map over the film, and by Otsu's threshold; the latter is None of a constant map."""
    native = enlarged(study.maps[name][finding], (HEIGHT, WIDTH))
    if native.min() == native.max():
        return native, None
    levels = (255 * ((native - native.min()) / (native.max() - native.min()))).astype(np.uint8)
    return native, levels > otsu_by_definition(levels)


def slow_saliency(study, name, finding):
    """IoU of true positives and hit of one map."""
    mask = raster(study.reference[name].get(finding, []))
    native, predicted = binarized(study, name, finding)
    if not mask.any() or predicted is None:
        return NAN, NAN
    row, column = np.unravel_index(int(native.argmax()), native.shape)
    return overlap(predicted, mask), float(mask[row, column])


def slow_human(study, name, finding):
    mask = raster(study.reference[name].get(finding, []))
    if not mask.any():
        return NAN, NAN
    points = study.points[name].get(finding, [])
    hit = float(any(mask[int(y), int(x)] for x, y in points))
    return overlap(raster(study.human[name].get(finding, [])), mask), hit


def overlap(predicted, mask):
    if not predicted.any():
        return NAN
    return int((predicted & mask).sum()) / int((predicted | mask).sum())


@pytest.fixture(scope="module")
def slow(finished):
    """Tables of films (by name) and findings: IoU and hit, of maps and of readers."""
    study, _ = finished
    names = sorted(name for name, drawn in study.reference.items() if drawn)
    assert len(names) >= 80
    return names, {
        who: np.array([[of(study, name, f) for f in FINDINGS] for name in names])
        for who, of in (("maps", slow_saliency), ("readers", slow_human))
    }


@pytest.mark.parametrize(("metric", "place"), [(IOU, 0), (HIT, 1)])
@pytest.mark.parametrize(("who", "method"), [("maps", "grad_cam"), ("readers", "human_benchmark")])
def test_every_film_scores_what_the_slow_side_says(finished, slow, metric, place, who, method):
    names, tables = slow
    scores = pl.read_parquet(finished[1] / "scores.parquet")
    own = scores.filter((pl.col("method") == method) & (pl.col("metric") == metric))
    found = {(i, f): v for i, f, v in own.select("image_id", "finding", "value").iter_rows()}
    compared = 0
    for row, name in enumerate(names):
        for column, finding in enumerate(FINDINGS):
            if finding in finished[0].reference[name]:
                expected = tables[who][row, column, place]
                assert found[name, finding] == pytest.approx(expected, abs=1e-9, nan_ok=True)
                compared += 1
    assert compared == len(found) > 170


@pytest.mark.parametrize(("metric", "place"), [(IOU, 0), (HIT, 1)])
def test_the_percentage_decrease_is_the_authors(finished, slow, metric, place):
    _, tables = slow
    maps, readers = (by_hand(tables[who][:, :, place], 1000) for who in ("maps", "readers"))
    told = pl.read_parquet(finished[1] / "comparisons.parquet")
    told = told.filter(metric=metric, statistic="published")
    assert set(told["finding"]) == {*FINDINGS, ""}
    for column, finding in enumerate(FINDINGS):
        pairs = zip(maps, readers, strict=True)
        low, high = ends([(h[column] - s[column]) / h[column] for s, h in pairs])
        s, h = (nan_mean([row[column] for row in loop]) for loop in (maps, readers))
        [row] = told.filter(finding=finding).select("value", "low", "high").rows()
        assert row == pytest.approx(((h - s) / h, round(low, 3), round(high, 3)), abs=1e-9)
    means = [[nan_mean(row) for row in loop] for loop in (maps, readers)]
    low, high = ends([(h - s) / h for s, h in zip(*means, strict=True)])
    rounded = [
        nan_mean([round(nan_mean([row[c] for row in loop]), 3) for c in range(len(FINDINGS))])
        for loop in (maps, readers)
    ]
    [row] = told.filter(finding="").select("value", "low", "high").rows()
    whole = (rounded[1] - rounded[0]) / rounded[1]
    assert row == pytest.approx((whole, round(low, 3), round(high, 3)), abs=1e-9)


@pytest.mark.parametrize(("metric", "place"), [(IOU, 0), (HIT, 1)])
def test_differences_are_those_of_shared_films_and_p_is_corrected_over_the_report(
    finished, slow, metric, place
):
    _, tables = slow
    gaps = tables["maps"][:, :, place] - tables["readers"][:, :, place]
    told = pl.read_parquet(finished[1] / "comparisons.parquet").filter(metric=metric)
    differences = told.filter(statistic="difference")
    p = {}
    for column, finding in enumerate(FINDINGS):
        defined = gaps[np.isfinite(gaps[:, column]), column]
        [row] = differences.filter(finding=finding).rows(named=True)
        assert (row["value"], row["cases"]) == (pytest.approx(defined.mean()), len(defined))
        assert row["low"] < row["value"] < row["high"]
        p[finding] = row["p"]
        shown = (row["low"], row["high"])
        expected = "inferior" if shown[1] < -0.05 else "undecided"
        expected = "non-inferior" if shown[0] > -0.05 else expected
        expected = "superior" if shown[0] > 0 else expected
        # What is shown alone may be open once it is one of many.
        assert row["conclusion"] in (expected, "non-inferior", "undecided")
        assert row["cases_needed"] > 1
    family = pl.read_parquet(finished[1] / "comparisons.parquet").filter(
        (pl.col("statistic") == "difference") & (pl.col("finding") != "") & pl.col("p").is_finite()
    )
    for finding, alone in p.items():
        [row] = differences.filter(finding=finding).rows(named=True)
        # Comparisons with readers are one kind, those between metrics or models others.
        every = sorted(family.filter(other=row["other"])["p"])
        rank = every.index(alone)
        steps = [min(1, q * (len(every) - k)) for k, q in enumerate(every[: rank + 1])]
        assert row["holm"] == pytest.approx(max(steps), rel=1e-6)
        assert row["bonferroni"] == pytest.approx(min(1, len(every) * alone), rel=1e-6)
    [macro] = differences.filter(finding="").rows(named=True)
    assert macro["value"] == pytest.approx(np.nanmean(gaps, axis=0).mean())
    # The macro averages are a family of their own.
    assert macro["p"] <= macro["holm"] <= 1


def test_the_gap_is_regressed_on_the_shape(finished, slow):
    names, tables = slow
    shapes = pl.read_parquet(finished[1] / "shapes.parquet")
    by_place = {(r["image_id"], r["finding"]): r for r in shapes.iter_rows(named=True)}
    told = pl.read_parquet(finished[1] / "diagnosis.parquet")
    for metric, place in ((IOU, 0), (HIT, 1)):
        gaps = tables["readers"][:, :, place] - tables["maps"][:, :, place]
        for feature in ("instances", "area_ratio"):
            pairs = [
                (float(by_place[name, finding][feature]), gaps[row, column])
                for row, name in enumerate(names)
                for column, finding in enumerate(FINDINGS)
                if finding in finished[0].reference[name]
            ]
            low, high = min(x for x, _ in pairs), max(x for x, _ in pairs)
            defined = [((x - low) / (high - low), y) for x, y in pairs if not math.isnan(y)]
            slope, below, above, p = textbook(*map(list, zip(*defined, strict=True)))
            [row] = told.filter(
                metric=metric, question="shape of the gap", feature=feature, regression="linear"
            ).rows(named=True)
            assert [row[name] for name in ("value", "low", "high", "p")] == pytest.approx(
                [slope, below, above, p], abs=1e-9
            )
            assert row["cases"] == len(defined)


def test_boxes_stand_beside_the_outlines(finished):
    scores = pl.read_parquet(finished[1] / "scores.parquet").filter(method="grad_cam")
    boxes, outlines = (scores.filter(metric=metric) for metric in (BOXED, IOU))
    both = boxes.join(outlines, on=["image_id", "finding"], suffix="_outlined").drop_nans("value")
    told = pl.read_parquet(finished[1] / "comparisons.parquet").filter(
        metric=BOXED, other="the outlines themselves", statistic="difference"
    )
    for finding in FINDINGS:
        own = both.filter(finding=finding)
        expected = (own["value"] - own["value_outlined"]).mean()
        assert told.filter(finding=finding)["value"].item() == pytest.approx(expected)
    shapes = pl.read_parquet(finished[1] / "shapes.parquet")
    for name, finding, share in shapes.select("image_id", "finding", "box_coverage").iter_rows():
        mask = raster(finished[0].reference[name][finding])
        if label(mask, np.ones((3, 3)))[1] == 1:
            rows, columns = np.nonzero(mask)
            box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
            assert share == pytest.approx(mask.sum() / box)


def called(study, name, finding):
    """IoU of the full set: a film below the cut-off has an empty map."""
    mask = raster(study.reference[name].get(finding, []))
    if study.probabilities[name][finding] < CUTOFF:
        return 0.0 if mask.any() else NAN
    _, predicted = binarized(study, name, finding)
    return NAN if predicted is None else overlap(predicted, mask)


def test_confidence_is_regressed_with_cutoffs_as_published(finished):
    """Per finding and pooled: slope, interval and p of the textbook, and Spearman's midranks."""
    study, out = finished
    told = pl.read_parquet(out / "diagnosis.parquet").filter(
        metric=CALLED, question="confidence", rows="all"
    )
    pairs = {
        finding: [
            (study.probabilities[name][finding], value)
            for name in study.reference
            if not math.isnan(value := called(study, name, finding))
        ]
        for finding in FINDINGS
    }
    pairs["all findings"] = [pair for finding in FINDINGS for pair in pairs[finding]]
    for finding, points in pairs.items():
        slope, low, high, p = textbook(*map(list, zip(*points, strict=True)))
        [row] = told.filter(finding=finding, regression="linear").rows(named=True)
        assert [row[name] for name in ("value", "low", "high", "p")] == pytest.approx(
            [slope, low, high, p], abs=1e-9
        )
        assert row["cases"] == len(points)
        [ranked] = told.filter(finding=finding, statistic="spearman")["value"]
        assert ranked == pytest.approx(spearmanr(*zip(*points, strict=True)).statistic, abs=1e-9)
    assert len(pairs["all findings"]) > 190


def test_readers_have_no_cutoff(finished, slow):
    names, tables = slow
    told = pl.read_parquet(finished[1] / "comparisons.parquet").filter(
        metric=CALLED, statistic="theirs"
    )
    for column, finding in enumerate(FINDINGS):
        both = []
        for row, name in enumerate(names):
            ours = called(finished[0], name, finding)
            if finding in finished[0].reference[name]:
                theirs = tables["readers"][row, column, 0]
                theirs = 0.0 if math.isnan(theirs) else theirs  # nothing drawn
            else:
                theirs = 0.0 if finding in finished[0].human[name] else NAN
            if not math.isnan(ours) and not math.isnan(theirs):
                both.append(theirs)
        [row] = told.filter(finding=finding).rows(named=True)
        assert (row["value"], row["cases"]) == (pytest.approx(np.mean(both)), len(both))


def test_the_page_tells_it(finished):
    page = " ".join((finished[1] / "report.html").read_text().split())
    assert "against the human benchmark" in page
    assert "corrected (Holm) over" in page


def test_readers_are_no_reference(finished):
    scores = pl.read_parquet(finished[1] / "scores.parquet")
    assert set(scores["reader"]) == {"reference"}
    shapes = pl.read_parquet(finished[1] / "shapes.parquet")
    assert len(shapes) == sum(map(len, finished[0].reference.values()))


def test_masks_do_as_well_as_contours(tmp_path):
    """The authors' own run lengths of the human benchmark give the same scores."""
    from pycocotools import mask as coco

    from heatproof.data.datasets.chexlocalize import CheXlocalize

    study = write(tmp_path, "test", 12, seed=1)
    (tmp_path / "hb_annotations_test.json").unlink()
    coded = {
        name: {
            finding: coco.encode(np.asfortranarray(raster(drawn.get(finding, [])), np.uint8))
            for finding in FINDINGS
        }
        for name, drawn in study.human.items()
    }
    for masks in coded.values():
        for mask in masks.values():
            mask["counts"] = mask["counts"].decode()
    (tmp_path / "hb_segmentations_test.json").write_text(json.dumps(coded))
    for sample in CheXlocalize(tmp_path, split="test"):
        theirs = {a.finding for a in sample.annotations if a.source == "human benchmark"}
        assert theirs == set(study.human[sample.image_id])


def test_of_imported_maps_nothing_is_asked_by_default_and_the_page_says_why(finished):
    _, out = finished
    assert not (out / "trust.parquet").exists()
    page = " ".join((out / "report.html").read_text().split())
    assert "This experiment does not ask it." in page
    assert "weights is not asked of ensemble: its maps were imported, and its network" in page
