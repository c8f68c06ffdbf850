"""A metric of data sets, all the way: squares, one marked elsewhere, one marked by nobody."""

import json

import numpy as np
import polars as pl
import pytest
from PIL import Image

from heatproof.experiment.file import load
from heatproof.localize.controls.mean_mask import MeanMask
from heatproof.run.pipeline import run

SPECS = ("auprc", "pointwise_ap", "pointwise_ap(tolerance=200)", "pointwise_ap(variant='box')")
METRICS = f"\n[score]\nmetrics = {json.dumps(SPECS)}\n"


@pytest.fixture
def detecting(squares):
    """The squares of fold 1 (f2 to f11; odd ones have a square), and

    - f3 is marked all over, and twice: a hit wherever a map points;
    - f5 is marked far from its square: a miss;
    - f4 has a square and is labelled negative: a false positive above the rest;
    - f7 has no square and is dark, but marked: its map points nowhere;
    - f9 has the finding by its label, but nobody marked where: it cannot count;
    - f10 is labelled negative, and its mark holds no pixel: a negative.
    """
    folder = squares.parent
    table = folder / "films.csv"
    lines = table.read_text().splitlines()

    def boxes(line, found):
        text = json.dumps(found).replace('"', '""')
        return f'{line.split(chr(34))[0]}"{text}"'

    here = np.asarray(Image.open(folder / "film5.png"))
    left = np.argwhere(here > 200)[:, 1].mean() < 80
    lines[4] = boxes(lines[4], [[0, 0, 160, 96], [0, 0, 20, 20]])
    lines[6] = boxes(lines[6], [[140, 0, 20, 96]] if left else [[0, 0, 20, 96]])
    lines[10] = boxes(lines[10], [])
    lines[11] = boxes(lines[11], [[10.6, 10.6, 0.7, 0.7]])
    table.write_text("\n".join(lines) + "\n")
    bright = np.asarray(Image.open(folder / "film4.png")).copy()
    bright[10:60, 10:60] = 255
    Image.fromarray(bright).save(folder / "film4.png")
    Image.new("L", (160, 96), 0).save(folder / "film7.png")
    squares.write_text(squares.read_text() + METRICS)
    return squares


def tables(report):
    names = ("scores", "predictions", "estimates")
    return [pl.read_parquet(report.parent / f"{name}.parquet") for name in names]


def the(estimates, **where):
    here = pl.all_horizontal(pl.col(name) == value for name, value in where.items())
    [row] = estimates.filter(here).rows(named=True)
    return row


def test_the_page_tells_it_beside_the_other_metrics(detecting):
    report = run(load(detecting))
    page = " ".join(report.read_text().split())
    estimates = pl.read_parquet(report.parent / "estimates.parquet")
    told = the(
        estimates, metric="pointwise_ap", method="grad_cam", model="bright", statistic="value"
    )
    assert "<caption>Pointwise AP</caption>" in page
    assert f'<data value="{told["value"]:.6g}"' in page
    assert "hit rate 0.67 [" in page
    assert "and 5 without it" in page
    assert "strongest point together find the lesion. It is 1 if every film" in page


def test_it_may_stand_alone_and_rank_the_gallery(detecting):
    detecting.write_text(
        detecting.read_text().replace(METRICS, '\n[score]\nmetrics = ["pointwise_ap"]\n')
    )
    page = run(load(detecting)).read_text()
    assert "worst by hit rate, averaged over the methods" in page
    assert "Pointwise AP: hit rate 1.00" in page


@pytest.mark.slow
def test_every_model_has_a_panel_and_a_prior_of_its_own(detecting):
    text = detecting.read_text()
    model = text[text.index("[[models]]") : text.index("[explain]")]
    other = model.replace('"bright"', '"blind"').replace("network.py", "other.py")
    detecting.write_text(text.replace("[explain]", f"{other}\n[explain]"))
    network = (detecting.parent / "network.py").read_text()
    (detecting.parent / "other.py").write_text(network.replace("return 100 *", "return -100 *"))
    report = run(load(detecting))
    _, _, estimates = tables(report)
    priors = estimates.filter(
        (pl.col("metric") == "pointwise_ap")
        & (pl.col("method") == "mean_mask")
        & (pl.col("statistic") == "value")
    )
    assert priors["model"].to_list() == ["bright", "blind"]
    first, second = priors["value"]
    assert first > second  # the same places, ranked the wrong way round
    page = report.read_text()
    assert "<caption>Pointwise AP, bright</caption>" in page
    assert "<caption>Pointwise AP, blind</caption>" in page
    assert page.count("<caption>AUPRC</caption>") == 1


def test_films_without_the_finding_count_where_a_metric_sees_them(detecting):
    """Each number again, of the maps in the store and the table of films alone."""
    lists = '["iou(empty=\'full\')", "iou", "miou(cutoff=0.3)", "pooled", "froc", "box_ap"]'
    text = detecting.read_text().replace(METRICS, f"\n[score]\nmetrics = {lists}\n")
    detecting.write_text(text)
    scores, predictions, estimates = tables(run(load(detecting)))
    p = dict(predictions.select("image_id", "probability").rows())
    made = scores.filter(pl.col("method") == "grad_cam")

    def rows(metric):
        return {
            row["image_id"]: row for row in made.filter(pl.col("metric") == metric).rows(named=True)
        }

    marked, negatives = {"f3", "f5", "f7", "f11"}, {"f2", "f4", "f6", "f8", "f10"}
    assert set(rows("iou")) == marked | {"f10"}  # whose mark holds no pixel
    for metric in ("iou(empty='full')", "miou(cutoff=0.3)", "pooled", "froc", "box_ap"):
        assert set(rows(metric)) == marked | negatives
    seen = {name: row["seen"] for name, row in rows("miou(cutoff=0.3)").items()}
    values = []
    for name in marked | negatives:
        shared, predicted, reference = seen[name]
        if p[name] < 0.3:
            values += [0.0] if name in marked else []
        elif not np.isnan(shared):
            values.append(shared / (predicted + reference - shared))
    told = the(estimates, metric="miou(cutoff=0.3)", method="grad_cam", statistic="value")
    assert told["value"] == pytest.approx(np.mean(values))
    assert 0 < len([name for name in negatives if p[name] >= 0.3]) < len(negatives)
    full = rows("iou(empty='full')")
    assert all(full[name]["value"] == 0 or np.isnan(full[name]["value"]) for name in negatives)
    mean = the(estimates, metric="iou(empty='full')", method="grad_cam", statistic="mean")
    kept = [row["value"] for row in full.values() if not np.isnan(row["value"])]
    assert (mean["value"], mean["cases"]) == (pytest.approx(np.mean(kept)), len(kept))
    counts = np.array([row["seen"] for row in rows("pooled").values()])
    shared, _, reference, _ = np.nansum(counts, axis=0)
    pooled = the(estimates, metric="pooled", method="grad_cam", statistic="value")
    assert pooled["value"] == pytest.approx(shared / reference)
    assert {row["regions"] for name, row in rows("froc").items() if name in negatives} == {0}


def test_a_distance_is_better_where_it_is_smaller(detecting):
    """In millimetres, of films that tell their spacing."""
    folder = detecting.parent
    lines = (folder / "films.csv").read_text().splitlines()
    spaced = [f"{lines[0]},mm", *(f'{line},"[0.5, 0.25]"' for line in lines[1:])]
    (folder / "films.csv").write_text("\n".join(spaced) + "\n")
    lists = (
        "[\"surface_distance(unit='mm')\", \"surface_distance(unit='mm', spacing=(0.5, 0.25))\"]"
    )
    text = detecting.read_text().replace(METRICS, f"\n[score]\nmetrics = {lists}\n")
    detecting.write_text(text.replace('boxes = "boxes"', 'boxes = "boxes"\nspacing = "mm"'))
    report = run(load(detecting))
    scores, _, estimates = tables(report)
    first, told = scores["metric"].unique(maintain_order=True)
    by_film = scores.filter(pl.col("metric") == first)["value"].to_list()
    assert by_film == pytest.approx(
        scores.filter(pl.col("metric") == told)["value"].to_list(), nan_ok=True
    )
    named = {"metric": first, "method": "grad_cam"}
    both = scores.filter((pl.col("metric") == first) & pl.col("value").is_not_nan())
    ours, prior = (
        dict(both.filter(pl.col("method") == method).select("image_id", "value").rows())
        for method in ("grad_cam", "mean_mask")
    )
    gain = the(estimates, **named, statistic=f"difference to the {MeanMask.title}")
    shared = [name for name in ours if name in prior]
    assert gain["value"] == pytest.approx(np.mean([prior[n] - ours[n] for n in shared]))
    page = " ".join(report.read_text().split())
    assert "lower is better" in page
    assert "Prior minus it" in page
    assert "highest Surface distance" in page  # the worst localized
