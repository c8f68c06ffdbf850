"""What is tuned on validation films, again the slow way; and who must not be tuned on."""

import math
from functools import cache

import numpy as np
import polars as pl
import pytest

from heatproof.errors import ExperimentError
from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.run.pipeline import run
from tests.chexlocalize_study import EXPERIMENT, FINDINGS, HEIGHT, WIDTH, raster, write
from tests.localize.test_chexlocalize_slow import enlarged, otsu_by_definition

pytestmark = pytest.mark.slow

THRESHOLD = "iou(binarize=tuned, empty='true_positive')"
PUBLISHED, SOUND = "miou(tune='chexlocalize')", "miou(tune='yes')"
KERNEL = "iou(binarize=tuned_smoothing(grid=(1, 3, 7)))"
VALIDATION = """
[[data]]
name = "val"
dataset = "chexlocalize"
root = "."
split = "val"
judged = false

[[maps]]
name = "ensemble"
importer = "chexlocalize"
folder = "maps_val"
method = "grad_cam"
data = "val"
id = { architecture = "densenet121" }

[score]
tune = "val"
"""


def text_of(metrics):
    listed = ", ".join(f'"{spec}"' for spec in metrics)
    old = "metrics = [\"iou(empty='true_positive')\", \"hit_rate(ties='first')\"]"
    text = EXPERIMENT.replace("[score]\n", VALIDATION)
    assert old in text
    return text.replace(old, f"metrics = [{listed}]")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    judged = write(folder, "test", 24, seed=8)
    tuning = write(folder, "val", 60, seed=9, benchmark=False)
    (folder / "e.toml").write_text(text_of((THRESHOLD, PUBLISHED, SOUND, KERNEL)))
    return judged, tuning, run(load(folder / "e.toml")).parent


def native(study, name, finding):
    """The map over the film, between 0 and 1; None where it is constant."""
    values = enlarged(study.maps[name][finding], (HEIGHT, WIDTH))
    low, high = values.min(), values.max()
    return None if low == high else (values - low) / (high - low)


@cache
def counts(study, name, finding, threshold):
    scaled, mask = native(study, name, finding), raster(study.reference[name].get(finding, []))
    if scaled is None:
        return None
    if threshold is None:
        levels = (255 * scaled).astype(np.uint8)
        predicted = levels > otsu_by_definition(levels)
    else:
        predicted = scaled > threshold
    return int((predicted & mask).sum()), int((predicted | mask).sum()), int(predicted.sum())


def mean(values):
    defined = [value for value in values if not math.isnan(value)]
    return math.fsum(defined) / len(defined)


def true_positive(study, finding, threshold):
    values = []
    for name, drawn in study.reference.items():
        if finding in drawn and (found := counts(study, name, finding, threshold)):
            shared, union, predicted = found
            values.append(shared / union if predicted else math.nan)
    return mean(values)


def with_cutoff(study, finding, called):
    """The full set: nothing is marked where the model does not call the film."""
    values = []
    for name, drawn in study.reference.items():
        marked = int(raster(drawn.get(finding, [])).sum())
        if not called(study.probabilities[name][finding]):
            values.append(0.0 if marked else math.nan)
        elif found := counts(study, name, finding, None):
            shared, union, _ = found
            values.append(shared / union if union else math.nan)
    return mean(values)


def chosen(out, metric, method="grad_cam"):
    table = pl.read_parquet(out / "tuned.parquet").filter(metric=metric, method=method)
    return {row["finding"]: row for row in table.iter_rows(named=True)}


def test_thresholds_are_the_first_of_the_best_of_the_authors_grid(finished):
    _, study, out = finished
    found = chosen(out, THRESHOLD)
    assert set(found) == set(FINDINGS)
    for finding, row in found.items():
        means = {t: true_positive(study, finding, t) for t in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)}
        best = max(means, key=lambda t: (means[t], -t))
        assert row["value"] == best
        assert row["score"] == pytest.approx(means[best], abs=1e-9)
        assert row["cases"] == sum(finding in drawn for drawn in study.reference.values())
        assert (row["data"], row["model"]) == ("val", "ensemble")


def test_cutoffs_are_chosen_as_the_authors_do_and_without_their_slips(finished):
    _, study, out = finished
    published, sound = chosen(out, PUBLISHED), chosen(out, SOUND)
    for finding in FINDINGS:
        grid = [step / 10 for step in range(9)]
        strict = {c: with_cutoff(study, finding, lambda p, c=c: p > c) for c in grid}
        allowed = [c for c in grid if finding != "Lung Lesion" or c >= 0.1]
        best = max(allowed, key=lambda c: (round(strict[c], 3), -c))
        assert published[finding]["value"] == best
        loose = {c: with_cutoff(study, finding, lambda p, c=c: p >= c) for c in grid}
        exact = max(grid, key=lambda c: (loose[c], -c))
        assert sound[finding]["value"] == exact
        assert sound[finding]["score"] == pytest.approx(loose[exact], abs=1e-9)


def test_judged_films_are_measured_with_what_was_chosen(finished):
    study, _, out = finished
    scores = pl.read_parquet(out / "scores.parquet")
    assert set(scores["data"]) == {"test"}
    values = {finding: row["value"] for finding, row in chosen(out, THRESHOLD).items()}
    own = scores.filter((pl.col("metric") == THRESHOLD) & (pl.col("method") == "grad_cam"))
    assert len(own) > 20
    for image_id, finding, value in own.select("image_id", "finding", "value").iter_rows():
        found = counts(study, image_id, finding, values[finding])
        expected = found[0] / found[1] if found and found[2] else math.nan
        assert value == pytest.approx(expected, abs=1e-9, nan_ok=True)
    estimates = pl.read_parquet(out / "estimates.parquet")
    for finding, row in chosen(out, SOUND).items():
        [told] = estimates.filter(
            metric=SOUND, method="grad_cam", finding=finding, statistic="value"
        )["value"]
        cut = row["value"]
        assert told == pytest.approx(with_cutoff(study, finding, lambda p, c=cut: p >= c), abs=1e-9)


def test_boxes_and_the_prior_are_tuned_too(finished):
    _, _, out = finished
    assert {row["value"] for row in chosen(out, KERNEL).values()} <= {1, 3, 7}
    prior = chosen(out, THRESHOLD, "mean_mask")
    assert set(prior) == set(FINDINGS)
    assert {row["model"] for row in prior.values()} == {""}
    page = " ".join((out / "report.html").read_text().split())
    assert "What tuning films chose" in page
    assert "<b>val</b>" not in page  # nobody is judged there


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, "test", 12, seed=8)
    write(tmp_path, "val", 12, seed=9, benchmark=False)
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('tune = "val"', 'tune = "test"', "whose films are judged; say judged = false"),
        ('tune = "val"', 'tune = "other"', "no data is named 'other'"),
        ('tune = "val"', "", "is to be tuned, but on what"),
        ("binarize=tuned, ", "", "no metric is to be tuned; did you mean"),
        ('folder = "maps_val"\nmethod = "grad_cam"', 'folder = "maps_val"\nmethod = "x"',
         "there are no maps of 'ensemble' by 'grad_cam' for it"),
    ],
)  # fmt: skip
def test_what_cannot_be_tuned_is_said(folder, old, new, message):
    text = text_of((THRESHOLD,))
    assert old in text
    (folder / "e.toml").write_text(text.replace(old, new))
    with pytest.raises(ExperimentError, match=message):
        open_workspace(load(folder / "e.toml"))


def test_judged_patients_and_films_tune_nothing(folder):
    table = (folder / "val_labels.csv").read_text()
    marks = (folder / "gt_annotations_val.json").read_text()
    # One patient of the judged films, whose films lie elsewhere.
    (folder / "val_labels.csv").write_text(table.replace("patient50001", "patient00001"))
    (folder / "gt_annotations_val.json").write_text(marks.replace("50001", "00001"))
    (folder / "val" / "patient50001").rename(folder / "val" / "patient00001")
    (folder / "e.toml").write_text(text_of((THRESHOLD,)))
    with pytest.raises(ExperimentError, match="1 patient of it, such as patient00001, is judged"):
        open_workspace(load(folder / "e.toml"))
    # The same film under another patient's name.
    (folder / "val" / "patient00001").rename(folder / "val" / "patient50001")
    (folder / "val_labels.csv").write_text(
        table.replace("val/patient50001", "test/patient00001")
    )  # fmt: skip
    with pytest.raises(ExperimentError, match=r"2 films of it, such as .* in 'test'"):
        open_workspace(load(folder / "e.toml"))


def test_two_things_are_not_tuned_at_once(folder):
    (folder / "e.toml").write_text(text_of(("miou(binarize=tuned, tune='yes')",)))
    with pytest.raises(Exception, match="2 options are to be tuned at once"):
        open_workspace(load(folder / "e.toml"))


def test_a_model_explains_the_films_that_tune_and_they_are_in_no_result(squares):
    text = squares.read_text().replace('judges = { fold = "1" }\n', "")
    start, end = text.index("[[data]]"), text.index("[[models]]")
    films = text[start:end].rstrip()
    parts = "\nparts = { half = 0.5, other = 0.5 }\npart = "
    tuning = films.replace('name = "films"', 'name = "tuning"') + f'{parts}"other"\njudged = false'
    text = f'{text[:start]}{films}{parts}"half"\n\n{tuning}\n\n{text[end:]}'
    text += '\n[score]\nmetrics = ["iou(binarize=tuned)"]\ntune = "tuning"\n'
    squares.write_text(text + '\n[classification]\nvalidation = "tuning"\n')
    out = run(load(squares)).parent
    found = pl.read_parquet(out / "tuned.parquet")
    assert {"grad_cam", "occlusion(stride=8, window=8)", "mean_mask"} & set(found["method"])
    assert set(found["data"]) == {"tuning"}
    assert set(pl.read_parquet(out / "estimates.parquet")["data"]) == {"films"}
    assert set(pl.read_parquet(out / "scores.parquet")["data"]) == {"films"}
    predictions = pl.read_parquet(out / "predictions.parquet")
    assert set(predictions["data"]) == {"films", "tuning"}  # these choose the operating point
    assert run(load(squares)).read_text() == (out / "report.html").read_text()
