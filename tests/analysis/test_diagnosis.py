"""Why maps fail, asked of films whose answer can be counted by hand."""

import json

import numpy as np
import polars as pl
import pytest
from PIL import Image

from heatproof.experiment.file import load
from heatproof.run.pipeline import run
from tests.squares import EXPERIMENT, NETWORK

HEIGHT, WIDTH = 96, 160


def write_squares(folder, count=64):
    """Every other film with a bright square."""
    generator = np.random.default_rng(1)
    rows = ["id,file,patient,fold,Square,boxes,sex,age,scanner,room"]
    for index in range(count):
        film = generator.integers(0, 40, (HEIGHT, WIDTH), dtype=np.uint8)
        boxes = []
        if index % 2:
            side = int(generator.integers(12, 48))
            x, y = (int(generator.integers(0, end - side)) for end in (WIDTH, HEIGHT))
            film[y : y + side, x : x + side] = generator.integers(180, 255)
            boxes = [[x, y, side, side]]
        Image.fromarray(film).save(folder / f"film{index}.png")
        boxed = json.dumps(boxes).replace('"', '""')
        known = f"{'FM'[index % 4 // 2]},{20 + index},{'AB'[index % 8 // 4]},room {index}"
        fold = int(index > 1)
        rows.append(f'f{index},film{index}.png,p{index},{fold},{index % 2},"{boxed}",{known}')
    (folder / "films.csv").write_text("\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("squares")
    write_squares(folder)
    (folder / "network.py").write_text(NETWORK)
    text = EXPERIMENT.replace("GEOMETRY", "squash").replace(
        'metadata = ["fold"]', 'metadata = ["fold", "sex", "age", "scanner", "room"]'
    )
    (folder / "squares.toml").write_text(f'output = "out"\n{text}')
    return run(load(folder / "squares.toml")).parent


def marked(out, metric, method="grad_cam"):
    """Scores beside the side of each square, read from the table of films."""
    films = pl.read_csv(out.parent / "films.csv").with_columns(
        pl.col("boxes").str.json_decode(pl.List(pl.List(pl.Int64)))
    )
    sides = films.filter(pl.col("boxes").list.len() > 0).select(
        image_id="id",
        side=pl.col("boxes").list.first().list.last(),
        sex="sex",
        scanner="scanner",
    )
    scores = pl.read_parquet(out / "scores.parquet").filter(
        (pl.col("metric") == metric) & (pl.col("method") == method)
    )
    predicted = pl.read_parquet(out / "predictions.parquet").select("image_id", "probability")
    return scores.join(sides, on="image_id").join(predicted, on="image_id")


def told(out, **wanted):
    table = pl.read_parquet(out / "diagnosis.parquet").filter(pl.col("method") == "grad_cam")
    return table.filter(*(pl.col(name) == value for name, value in wanted.items()))


def test_shapes_are_those_that_were_drawn(out):
    shapes = pl.read_parquet(out / "shapes.parquet")
    rows = marked(out, "iou").join(shapes, on="image_id")
    assert len(shapes) == 32  # those of films that no model judges, too: the prior is scored there
    assert set(shapes["instances"]) == {1}
    np.testing.assert_allclose(shapes["elongation"], 1)
    np.testing.assert_allclose(shapes["irrectangularity"], 0, atol=1e-12)
    np.testing.assert_allclose(rows["area_ratio"], rows["side"] ** 2 / (HEIGHT * WIDTH))


@pytest.mark.parametrize("metric", ["iou", "auprc"])
def test_the_slope_on_size_is_the_line_through_the_scores(out, metric):
    rows = marked(out, metric)
    area = rows["side"].to_numpy().astype(float) ** 2
    area = (area - area.min()) / (area.max() - area.min())
    defined = np.isfinite(rows["value"].to_numpy())
    slope, _ = np.polyfit(area[defined], rows["value"].to_numpy()[defined], 1)
    own = told(out, question="shape", feature="area_ratio", metric=metric)
    for model in ("linear", "linear_by_cluster"):
        found = own.filter(pl.col("regression") == model)
        assert found["value"].item() == pytest.approx(slope, rel=1e-9)
        assert found["patients"].item() == found["cases"].item() == defined.sum()
        assert found["p_corrected"].item() >= found["p"].item()


def test_all_films_are_told_beside_those_with_the_finding_which_score_zero(out):
    rows = marked(out, "iou").filter(pl.col("value").is_finite())
    predicted = pl.read_parquet(out / "predictions.parquet")
    absent = predicted.filter(~pl.col("label"))
    every = np.concatenate([rows["probability"], absent["probability"]])
    values = np.concatenate([rows["value"], np.zeros(len(absent))])
    expected = {"positive": np.polyfit(rows["probability"], rows["value"], 1)[0]}
    expected["all"] = np.polyfit(every, values, 1)[0]
    own = told(out, question="confidence", metric="iou", regression="linear")
    assert dict(own.select("rows", "value").iter_rows()) == pytest.approx(expected, rel=1e-9)
    assert dict(own.select("rows", "cases").iter_rows()) == {
        "positive": len(rows),
        "all": len(every),
    }


def test_a_metric_that_is_not_zero_without_the_finding_is_told_of_films_with_it_alone(out):
    assert set(told(out, question="confidence", metric="auprc")["rows"]) == {"positive"}


def test_groups_are_of_metadata_and_not_of_folds_or_names(out):
    groups = told(out, question="subgroup", metric="iou")
    assert set(groups["feature"]) == {"sex", "age", "scanner"}
    rows = marked(out, "iou").filter(pl.col("value").is_finite())
    for sex in "FM":
        inside = rows.filter(pl.col("sex") == sex)["value"].mean()
        outside = rows.filter(pl.col("sex") != sex)["value"].mean()
        own = groups.filter(pl.col("group") == sex)
        values = dict(own.select("statistic", "value").iter_rows())
        assert values == pytest.approx({"mean": inside, "difference": inside - outside})


def test_tables_can_be_read_without_this_package(out):
    for name in ("shapes", "diagnosis"):
        table = pl.read_parquet(out / f"{name}.parquet")
        text = pl.read_csv(out / f"{name}.csv", schema=table.schema)
        assert text.equals(table.with_columns(pl.col(pl.Float64).fill_nan(None)))


def test_too_few_patients_are_said(squares):
    report = run(load(squares))
    rows = pl.read_parquet(report.parent / "diagnosis.parquet")
    assert set(rows["note"]) == {"too few patients: it takes 10"}
    assert rows["value"].is_null().all()
    assert set(rows["patients"]) == {5}


def test_scores_stand_beside_those_of_the_prior(out):
    scores = pl.read_parquet(out / "scores.parquet").filter(pl.col("metric") == "auprc")
    ours, prior = (
        scores.filter(pl.col("method") == method).select("image_id", value="value")
        for method in ("grad_cam", "mean_mask")
    )
    both = ours.join(prior, on="image_id", suffix="_of_prior").drop_nans()
    middle = both["value_of_prior"].median()
    unusual = both.filter(pl.col("value_of_prior") < middle)["value"].mean()
    rest = both.filter(pl.col("value_of_prior") >= middle)["value"].mean()
    own = told(out, question="usual place", metric="auprc").filter(pl.col("regression").is_null())
    found = dict(own.select("statistic", "value").iter_rows())
    beats = (both["value"] > both["value_of_prior"]).mean()
    assert (found["unusual"], found["usual"]) == pytest.approx((unusual, rest))
    assert found["beats"] == pytest.approx(beats)
    slopes = told(out, question="usual place", metric="auprc", regression="linear")
    line = np.polyfit(both["value_of_prior"], both["value"], 1)[0]
    assert slopes["value"].item() == pytest.approx(line)
    assert told(out, question="prevalence").is_empty()  # of one finding


def test_confidence_is_told_again_after_calibration(out):
    raw, again = (
        told(out, question=q, metric="iou") for q in ("confidence", "calibrated confidence")
    )
    columns = ["finding", "rows", "feature", "regression", "statistic", "cases"]
    assert again.select(columns).equals(raw.select(columns))
    assert (again["value"] - raw["value"]).abs().max() > 1e-3
