"""The whole path on films whose answer is known: squares, and a network that sees brightness."""

import io
import shutil
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from PIL import Image

from heatproof.errors import DataError, ExperimentError, MapError, ModelError
from heatproof.experiment.file import load
from heatproof.maps.store import ARRAYS, MapStore, StoredMap
from heatproof.progress import Silent
from heatproof.run.pipeline import run
from heatproof.types import MapKey
from tests.squares import write_films


class Counting(Silent):
    """Counts units that were done and those that were done before."""

    def __init__(self):
        self.done, self.skipped = {}, {}

    def start(self, stage, units):
        self.stage = stage
        self.done[stage] = self.skipped[stage] = 0
        self.units = units

    def advance(self, *, skipped=False, note=""):
        (self.skipped if skipped else self.done)[self.stage] += 1

    def finish(self):
        assert self.done[self.stage] + self.skipped[self.stage] == self.units


@pytest.mark.parametrize("geometry", ["squash", "letterbox"])
def test_maps_are_scored_on_the_pixels_they_explain(squares, geometry):
    """Box, map and film stay aligned through every resize: a map of brightness finds the square."""
    squares.write_text(squares.read_text().replace("squash(", f"{geometry}("))
    report = run(load(squares))
    scores = pl.read_parquet(report.parent / "scores.parquet")
    for method in ("grad_cam", "occlusion(window=8, stride=8)"):
        found = scores.filter(pl.col("method") == method)
        hits = found.filter(pl.col("metric") == "hit_rate")["value"]
        assert len(hits) == 5
        assert hits.mean() == 1
        # 8 px cells on a 64 px canvas blur a 32 px square on 160 px by a cell; shifted by half of
        # its side it would lose a third.
        assert found.filter(pl.col("metric") == "auroc")["value"].min() > 0.95
    prior = scores.filter((pl.col("method") == "mean_mask") & (pl.col("metric") == "hit_rate"))
    assert prior["value"].mean() < 1


def test_the_classifier_is_judged_on_its_own_films(squares):
    report = run(load(squares))
    predictions = pl.read_parquet(report.parent / "predictions.parquet")
    assert len(predictions) == 10  # fold 1 alone
    assert (predictions["label"] == (predictions["probability"] > 0.5)).all()


def test_a_second_run_does_nothing_and_says_the_same(squares):
    first = run(load(squares)).read_bytes()
    counting = Counting()
    again = run(load(squares), progress=counting)
    assert again.read_bytes() == first
    assert counting.done["explain"] == counting.done["score"] == 0
    assert counting.skipped["explain"] > 0


@pytest.mark.slow
def test_another_method_is_made_and_the_others_are_kept(squares):
    run(load(squares))
    maps = {file: file.stat().st_mtime_ns for file in (squares.parent / "out/made").iterdir()}
    squares.write_text(squares.read_text().replace('"grad_cam",', '"grad_cam", "gradient",'))
    run(load(squares))
    assert all(file.stat().st_mtime_ns == time for file, time in maps.items())
    assert len(list((squares.parent / "out/made").iterdir())) == len(maps) + 1


@pytest.mark.slow
def test_a_changed_film_is_explained_anew(squares):
    run(load(squares))
    Image.new("L", (160, 96), 128).save(squares.parent / "film3.png")
    counting = Counting()
    report = run(load(squares), progress=counting)
    assert counting.done["explain"] == 1
    predictions = pl.read_parquet(report.parent / "predictions.parquet")
    assert len(predictions) == 10  # none twice


def test_an_unreadable_film_is_set_aside_and_listed(squares):
    film = squares.parent / "film3.png"
    film.write_bytes(film.read_bytes()[:200])
    report = run(load(squares))
    page = report.read_text()
    assert "f3" in page
    assert "set aside" in page
    assert "f3" not in pl.read_parquet(report.parent / "predictions.parquet")["image_id"]
    assert "f3" not in pl.read_parquet(report.parent / "scores.parquet")["image_id"]


def test_a_damaged_mask_costs_its_map_and_not_its_film(squares):
    table = (squares.parent / "films.csv").read_text().splitlines()
    masked = [f"{row},mask" if not index else f"{row}," for index, row in enumerate(table)]
    masked[4] += "mask3.png"  # of f3
    (squares.parent / "films.csv").write_text("\n".join(masked))
    whole = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 2, (96, 160), dtype=np.uint8)
    Image.fromarray(noise).save(whole, "PNG")
    (squares.parent / "mask3.png").write_bytes(whole.getvalue()[:600])
    squares.write_text(squares.read_text().replace("\nboxes =", '\nmask = "mask"\nboxes ='))
    report = run(load(squares))
    page = report.read_text()
    assert "Some maps or annotations of these could not be used." in page
    assert "These films could not be judged" not in page
    assert "f3" in pl.read_parquet(report.parent / "predictions.parquet")["image_id"]
    assert "f3" not in pl.read_parquet(report.parent / "scores.parquet")["image_id"]
    assert "<dt>Films</dt><dd>10</dd>" in page  # fold 1, with f3


def test_the_cohort_is_of_those_who_were_judged(squares):
    page = run(load(squares)).read_text()
    assert "<dt>Films</dt><dd>10</dd>" in page  # the other two trained the model
    assert "<dt>Patients</dt><dd>5</dd>" in page


def test_ages_and_sexes_are_found_by_any_usual_name_and_the_unknown_are_counted(squares):
    table = (squares.parent / "films.csv").read_text().splitlines()
    known = ["PatientAge,Gender", *(["045Y,F", "61,M", "n/a,", "70.5,F"] * 3)]
    rows = [f"{row},{more}" for row, more in zip(table, known, strict=True)]
    (squares.parent / "films.csv").write_text("\n".join(rows))
    text = squares.read_text().replace('["fold"]', '["fold", "PatientAge", "Gender"]')
    squares.write_text(text)
    page = run(load(squares)).read_text()
    assert "<dt>Age</dt><dd>median 61, 45 to 70.5; unknown 3</dd>" in page
    assert "<dt>Sex</dt><dd>F 5, M 2, unknown 3</dd>" in page


def test_a_missing_film_stops_the_run_before_work_starts(squares):
    (squares.parent / "film3.png").unlink()
    with pytest.raises(DataError, match=r"(?s)'films': 1 film.*f3: .*film3.png.*set aside"):
        run(load(squares))
    assert not (squares.parent / "out").exists()


def test_a_missing_film_is_set_aside_where_the_experiment_says_so(squares):
    (squares.parent / "film3.png").unlink()
    squares.write_text(f'missing = "set aside"\n{squares.read_text()}')
    assert "film3.png" in run(load(squares)).read_text()


def test_training_where_nothing_is_trained_is_answered(squares):
    with pytest.raises(ExperimentError, match=r"squares.toml trains nothing"):
        run(load(squares), until="train")


def test_stages_can_be_run_alone(squares):
    assert run(load(squares), until="explain").name == "maps"
    assert run(load(squares), until="score").name == "scores"
    assert not (squares.parent / "out/report.html").exists()


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ('findings = ["Square"]', 'findings = ["Sqare"]', ExperimentError, "did you mean Square"),
        (
            'features = "features"',
            'features = "feature"',
            ModelError,
            "these give grids, the best first: features",
        ),
        ('"network.py:build"', '"network.py:make"', ModelError, "no function 'make'"),
        ('judges = { fold = "1" }', 'judges = { fald = "1" }', ExperimentError, "there are: fold"),
        ('trained_on = { fold = "0" }', 'trained_on = { fold = "7" }', ExperimentError, "no film"),
        ('labels = ["Square"]', 'labels = ["Sqare"]', DataError, "did you mean Square"),
        ('dataset = "manifest"', 'dataset = "manifst"', ExperimentError, "did you mean manifest"),
        ('boxes = "boxes"', 'boxxes = "boxes"', ExperimentError, "did you mean boxes"),
    ],
)
def test_mistakes_are_answered(squares, old, new, error, message):
    text = squares.read_text()
    assert old in text
    squares.write_text(text.replace(old, new))
    with pytest.raises(error, match=message):
        run(load(squares))


@pytest.mark.parametrize(
    ("file", "old", "new", "error", "message"),
    [
        ("network.py", "AvgPool2d(8)", "Conv2d(3, 4, 8)", ModelError, "to have 3 channels"),
        ("network.py", "return 100", "return None, 100", ModelError, "returns tuple"),
        ("squares.toml", 'findings = ["Square"]', 'findings = ["Square", "Mass"]', ModelError,
         "Name every output in findings"),
        ("squares.toml", '"grad_cam"', '"class_map"', MapError, "use grad_cam"),
    ],
)  # fmt: skip
def test_a_model_is_tried_before_work_starts(squares, file, old, new, error, message):
    place = squares.parent / file
    place.write_text(place.read_text().replace(old, new))
    with pytest.raises(error, match=message):
        run(load(squares))
    assert not (squares.parent / "out").exists()


def test_a_table_of_thresholds_without_a_finding_is_found_before_work_starts(squares):
    (squares.parent / "tuned.csv").write_text("task,threshold\nMass,0.5\n")
    squares.write_text(
        squares.read_text() + "\n[score]\nmetrics = [\"iou(binarize=tuned(table='tuned.csv'))\"]\n"
    )
    with pytest.raises(DataError, match="no threshold for 'Square'; there are: Mass"):
        run(load(squares))
    assert not (squares.parent / "out").exists()


def test_films_of_which_none_can_be_read_stop_the_run(squares):
    for film in squares.parent.glob("film*.png"):
        film.write_text("no film")
    with pytest.raises(DataError, match=r"(?s)none of 12 films can be read:\n  f0: .*neither PNG"):
        run(load(squares))


def test_two_models_of_a_group_may_not_judge_the_same_film(squares):
    text = squares.read_text()
    model = text[text.index("[[models]]") : text.index("[explain]")]
    squares.write_text(text.replace("[explain]", f"{model}\n[explain]"))
    squares.write_text(squares.read_text().replace('name = "bright"', 'name = "other"', 1))
    squares.write_text(squares.read_text().replace("features =", 'group = "both"\nfeatures ='))
    with pytest.raises(ExperimentError, match="is judged by 'other' and by 'bright'"):
        run(load(squares))


def test_a_model_judged_on_its_own_patients_is_warned_of_first(squares):
    squares.write_text(squares.read_text().replace('judges = { fold = "1" }', ""))
    page = run(load(squares)).read_text()
    warning = page.index("trained on 1 of the 6 patients")
    assert warning < page.index("<table")


def test_maps_that_are_no_maps_are_counted_and_never_scored_as_zero(squares):
    """A film on which the network breaks, one that is evenly grey, and a box without a pixel."""
    folder = squares.parent
    broken = np.asarray(Image.open(folder / "film3.png")).copy()
    broken[0:20, 0:20] = 255  # the network of this test chokes on a white corner
    Image.fromarray(broken).save(folder / "film3.png")
    Image.new("L", (160, 96), 0).save(folder / "film5.png")
    network = folder / "network.py"
    network.write_text(
        network.read_text().replace(
            "return 100 *",
            "images = images * torch.where(images[:, :, :1, :1] > 0.99, float('nan'), 1.0)\n"
            "        return 100 *",
        )
    )
    table = folder / "films.csv"
    lines = table.read_text().splitlines()
    lines[8] = lines[8].split('"')[0] + '"[[10.6, 10.6, 0.7, 0.7]]"'
    table.write_text("\n".join(lines) + "\n")
    report = run(load(squares))
    scores = pl.read_parquet(report.parent / "scores.parquet")
    made = scores.filter(pl.col("method") == "grad_cam")
    for image_id, validity in (("f3", "not finite"), ("f5", "zero"), ("f7", "ok")):
        rows = made.filter(pl.col("image_id") == image_id)
        assert set(rows["validity"]) == {validity}
        assert rows.filter(pl.col("metric").is_in(["iou", "hit_rate"]))["value"].is_nan().all()
    sound = made.filter(pl.col("image_id").is_in(["f9", "f11"]))
    assert not sound["value"].is_nan().any()
    estimates = pl.read_parquet(report.parent / "estimates.parquet")
    hits = estimates.filter(
        (pl.col("metric") == "hit_rate")
        & (pl.col("method") == "grad_cam")
        & (pl.col("statistic") == "mean")
    )
    assert hits["cases"].item() == 2
    assert hits["undefined"].item() == 3
    assert hits["value"].item() == 1
    page = report.read_text()
    assert "not finite" in page


def test_a_mask_of_another_size_stops_the_run(squares):
    Image.new("L", (80, 48)).save(squares.parent / "mask.png")
    table = squares.parent / "films.csv"
    lines = table.read_text().splitlines()
    lines[0] += ",mask"
    lines[1:] = [f"{line}," for line in lines[1:]]
    lines[4] += "mask.png"
    table.write_text("\n".join(lines) + "\n")
    squares.write_text(squares.read_text().replace('boxes = "boxes"', 'mask = "mask"'))
    with pytest.raises(DataError, match=r"(?s)f3: Square.*48.*80.*96"):
        run(load(squares))


@pytest.mark.slow
def test_a_mask_drawn_anew_is_scored_anew(squares):
    mask = squares.parent / "mask.png"
    Image.new("L", (160, 96), 255).save(mask)
    table = squares.parent / "films.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([f"{lines[0]},mask"] + [f"{line},mask.png" for line in lines[1:]]))
    squares.write_text(squares.read_text().replace('boxes = "boxes"', 'mask = "mask"'))
    whole = pl.read_parquet(run(load(squares)).parent / "scores.parquet")
    half = Image.new("L", (160, 96), 0)
    half.paste(255, (0, 0, 80, 96))
    half.save(mask)
    anew = pl.read_parquet(run(load(squares)).parent / "scores.parquet")
    assert whole.height == anew.height
    assert not whole["value"].equals(anew["value"])


def scores_of(report, data):
    scores = pl.read_parquet(report.parent / "scores.parquet")
    return scores.filter((pl.col("data") == data) & (pl.col("method") == "grad_cam"))["value"]


@pytest.mark.slow
def test_two_data_sets_may_call_their_films_by_the_same_names(squares, tmp_path):
    alone = scores_of(run(load(squares)), "films")
    other = squares.parent / "turned"
    other.mkdir()
    write_films(other)
    for file in other.glob("*.png"):
        Image.open(file).transpose(Image.Transpose.ROTATE_180).save(file)
    text = squares.read_text()
    entry = text[text.index("[[data]]") : text.index("[[models]]")]
    second = entry.replace('"films"', '"turned"').replace("films.csv", "turned/films.csv")
    squares.write_text(text.replace("[[models]]", f"{second}\n[[models]]"))
    report = run(load(squares, {"output": str(tmp_path / "both")}))
    assert scores_of(report, "films").to_list() == alone.to_list()
    assert scores_of(report, "turned").to_list() != alone.to_list()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("squares.toml", "mean = [0]", "mean = [0.2]"),
        ("squares.toml", "height=64, width=64", "height=48, width=48"),
        ("network.py", "- 0.5", "- 0.4"),
    ],
)
def test_a_model_that_sees_or_computes_otherwise_is_another_model(squares, file, old, new):
    first = run(load(squares))
    before = pl.read_parquet(first.parent / "predictions.parquet")["probability"]
    changed = squares.parent / file
    text = changed.read_text()
    assert old in text
    changed.write_text(text.replace(old, new))
    again = pl.read_parquet(run(load(squares)).parent / "predictions.parquet")["probability"]
    assert again.to_list() != before.to_list()
    changed.write_text(text)
    back = pl.read_parquet(run(load(squares)).parent / "predictions.parquet")["probability"]
    assert back.to_list() == before.to_list()


@pytest.mark.slow
def test_a_film_put_back_has_its_own_map_again(squares):
    film, copy = squares.parent / "film3.png", squares.parent / "copy.png"
    shutil.copy2(film, copy)
    original = scores_of(run(load(squares)), "films").to_list()
    Image.open(film).transpose(Image.Transpose.ROTATE_180).save(film)
    assert scores_of(run(load(squares)), "films").to_list() != original
    shutil.copy2(copy, film)
    squares.write_text(squares.read_text().replace("gallery = 1", "gallery = 2"))
    (squares.parent / "out/scores").rename(squares.parent / "old-scores")
    assert scores_of(run(load(squares)), "films").to_list() == original


@pytest.mark.slow
def test_other_patients_are_other_clusters(squares):
    run(load(squares))
    squares.write_text(squares.read_text().replace('patient = "patient"\n', ""))
    scores = pl.read_parquet(run(load(squares)).parent / "scores.parquet")
    assert (scores["cluster"] == scores["image_id"]).all()


def test_a_model_without_a_finite_logit_is_refused(squares):
    network = squares.parent / "network.py"
    network.write_text(network.read_text().replace("return 100 *", "return float('nan') *"))
    with pytest.raises(ModelError, match="gives nan for 'Square' on a film of noise"):
        run(load(squares))


def test_a_folder_that_cannot_be_written_is_answered(squares):
    (squares.parent / "out").write_text("a file")
    with pytest.raises(ExperimentError, match="cannot write to"):
        run(load(squares))


def test_a_table_that_a_metric_names_must_be_there(squares):
    spec = "iou(binarize=tuned(table='tuned.csv'))"
    squares.write_text(squares.read_text() + f'\n[score]\nmetrics = ["{spec}"]\n')
    with pytest.raises(ExperimentError, match=r"there is no file .*tuned\.csv"):
        run(load(squares))
    (squares.parent / "tuned.csv").write_text("threshold,task\n0.5,Square\n")
    scores = pl.read_parquet(run(load(squares)).parent / "scores.parquet")
    before = scores.filter(pl.col("method") == "grad_cam")["value"].to_list()
    (squares.parent / "tuned.csv").write_text("threshold,task\n0.9,Square\n")
    again = pl.read_parquet(run(load(squares)).parent / "scores.parquet")
    assert again.filter(pl.col("method") == "grad_cam")["value"].to_list() != before


def test_ranking_by_what_is_not_scored_is_answered(squares):
    squares.write_text(squares.read_text().replace("gallery = 1", 'rank_by = "auprcc"'))
    with pytest.raises(ExperimentError, match="did you mean auprc"):
        run(load(squares))


@pytest.mark.slow
def test_two_layers_of_one_network_keep_their_own_maps(squares, tmp_path):
    network = squares.parent / "network.py"
    text = network.read_text().replace(
        "AvgPool2d(8)\n", "AvgPool2d(8)\n        self.stem = torch.nn.Identity()\n"
    )
    network.write_text(text.replace("self.features(images)", "self.features(self.stem(images))"))
    alone = scores_of(run(load(squares)), "films")
    text = squares.read_text()
    model = text[text.index("[[models]]") : text.index("[explain]")]
    early = model.replace('"bright"', '"early"', 1).replace(
        'features = "features"', 'features = "stem"'
    )
    squares.write_text(text.replace("[explain]", f"{early}\n[explain]"))
    report = run(load(squares, {"output": str(tmp_path / "both")}))
    scores = pl.read_parquet(report.parent / "scores.parquet")
    here = (pl.col("method") == "grad_cam") & (pl.col("model") == "bright")
    assert scores.filter(here)["value"].to_list() == alone.to_list()
    there = (pl.col("method") == "grad_cam") & (pl.col("model") == "early")
    assert scores.filter(there)["value"].to_list() != alone.to_list()


@pytest.mark.slow
def test_a_map_that_another_thread_found_damaged_is_made_again(squares, monkeypatch):
    """That thread took it out of the store, and of two errors the other one may come first."""
    run(load(squares, {"output": str(squares.parent / "whole")}))
    get_many, taken = MapStore.get_many, []

    def taking(self: MapStore, keys: Sequence[MapKey]) -> list[StoredMap]:
        if not taken and (self.path / ARRAYS).exists() and keys:
            taken.append(keys[0])
            for array in (self.path / ARRAYS).iterdir():
                self._forget(array.name)
        return get_many(self, keys)

    monkeypatch.setattr(MapStore, "get_many", taking)
    run(load(squares, {"output": str(squares.parent / "disturbed")}))
    assert taken
    one, two = (
        pl.read_parquet(squares.parent / name / "scores.parquet") for name in ("whole", "disturbed")
    )
    assert one.equals(two)
