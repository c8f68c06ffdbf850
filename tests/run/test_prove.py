"""The call for what is in memory gives the same as the experiment file."""

import polars as pl
import pytest
import torch
import torchvision
from polars.testing import assert_frame_equal

from heatproof import Adapted, Manifest, Phantom, Preprocessing, Squash, load_experiment, prove
from heatproof.errors import ExperimentError, HeatproofError, ModelError
from heatproof.models import wrapped
from heatproof.run.pipeline import run


@pytest.mark.slow
def test_it_gives_the_same_scores_as_the_file(squares, tmp_path):
    squares.write_text(
        squares.read_text().replace('trained_on = { fold = "0" }\njudges = { fold = "1" }\n', "")
    )
    expected = pl.read_parquet(run(load_experiment(squares)).parent / "scores.parquet")
    scope: dict = {"torch": torch}
    exec((squares.parent / "network.py").read_text(), scope)
    films = Manifest(
        squares.parent / "films.csv",
        labels=("Square",),
        image="file",
        id="id",
        patient="patient",
        boxes="boxes",
    )
    model = Adapted(
        scope["build"](), "features", ["Square"], Preprocessing(Squash(64, 64), 1, (0.0,), (1.0,))
    )
    specs = ["grad_cam", "occlusion(window=8, stride=8)"]
    scored = ["iou", "hit_rate", "auprc", "auroc"]
    proof = prove(model, films, specs, scored, output=tmp_path / "p", criteria=["input_noise"])
    columns = ["image_id", "method", "metric", "value", "validity"]
    assert_frame_equal(proof.scores.select(columns), expected.select(columns))
    assert proof.report.is_file()
    assert {"auroc of the classifier", "iou"} <= set(proof.estimates["metric"])
    assert set(proof.trust["method"]) == {"grad_cam", "occlusion(window=8, stride=8)"}
    assert set(proof.trust["criterion"]) == {"input_noise"}
    unasked = prove(model, films, specs, scored, output=tmp_path / "p", criteria=())
    assert unasked.trust is None
    assert unasked.verdicts is None
    with pytest.raises(ExperimentError, match=r"repeatability needs two models.*there are: My"):
        prove(model, films, specs, output=tmp_path / "p", criteria=["repeatability"])


def phantoms_and_model():
    films = Phantom(images=6, seed=1)
    network = torchvision.models.resnet18(num_classes=len(films.findings))
    preprocessing = Preprocessing(Squash(64, 64))
    return films, Adapted(network, "layer4", films.findings, preprocessing)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (["iou(binarize=tuned(table='nowhere.csv'))"], r"tuned\(table.*there is no file nowhere"),
        (["iou(binarize=tuned)"], "to be tuned, but on what"),
    ],
)
def test_it_checks_what_a_run_of_a_file_checks(tmp_path, metrics, message):
    films, model = phantoms_and_model()
    with pytest.raises(ExperimentError, match=message):
        prove(model, films, ["gradient"], metrics, output=tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_a_method_that_does_not_fit_the_model_is_found_before_work_starts(tmp_path):
    films, model = phantoms_and_model()
    with pytest.raises(HeatproofError, match="class_map"):
        prove(model, films, ["class_map"], output=tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_randomization_is_asked_unless_refused_and_too_few_films_are_told(tmp_path):
    films, model = phantoms_and_model()
    proof = prove(model, films, ["grad_cam"], ["auprc"], output=tmp_path / "p")
    criterion = "randomization(order='whole', draws=1)"
    assert set(proof.trust["criterion"]) == {criterion}
    labelled = sum(film.labels["Nodule"] for film in films)
    assert proof.trust.filter(population="same film")["image_id"].n_unique() == labelled > 0
    why = (
        f"{labelled} films labelled with it and {labelled} films marked: with fewer than 10 of both"
        " nothing is concluded ([statistics] min_positives)."
    )
    assert f"No verdict of trust for Nodule on films. {why}" in proof.warnings
    assert set(proof.verdicts.select("criterion", "verdict", "notes").iter_rows()) == {
        ("localization", "not tested", why),
        (criterion, "not tested", why),
    }
    assert why in " ".join(proof.report.read_text().split())
    # The card says it once, and how the method did beside the prior.
    assert f"not tested    2 verdicts of Nodule: {why}" in repr(proof)
    assert "mean-mask prior" in repr(proof)


@pytest.mark.slow
def test_replicates_and_architectures_are_told_apart(tmp_path):
    """A list holds replicates, a mapping architectures; both criteria find what they compare."""
    films, one = phantoms_and_model()
    _, other = phantoms_and_model()
    torch.nn.init.normal_(other.network.fc.weight)
    models = {"one": [one, other], "another": other}
    asked = ["repeatability", "reproducibility"]
    proof = prove(models, films, ["grad_cam"], ["auprc"], criteria=asked, output=tmp_path / "p")
    pairs = proof.trust.group_by("criterion").agg(pl.struct("model_a", "model_b").n_unique())
    # Two replicates make one pair; the other architecture is compared with either.
    counts = dict(pairs.iter_rows())
    assert counts["repeatability"] == 1
    assert counts["reproducibility"] >= 1
    card = repr(proof).splitlines()
    assert card[0] == f"page: {proof.report}"
    assert f'href="{proof.report}"' in proof._repr_html_()
    assert any(line.startswith("AUROC of one, seed 0") for line in card)
    with pytest.raises(ExperimentError, match="no model to judge"):
        prove({}, films, ["grad_cam"], output=tmp_path / "q")


def test_a_bare_network_is_answered_with_what_to_say():
    network = torch.nn.Linear(2, 1)
    with pytest.raises(ModelError, match=r"Linear is a bare network.*heatproof\.wrap\(network"):
        wrapped(network)
    with pytest.raises(ModelError, match="NoneType is no model"):
        wrapped(None)


@pytest.mark.slow
def test_one_word_will_do_for_methods_metrics_and_criteria(tmp_path):
    films, model = phantoms_and_model()
    proof = prove(model, films, "grad_cam", "hit_rate", criteria="flip", output=tmp_path)
    assert set(proof.scores["method"].drop_nulls()) >= {"grad_cam"}
    assert set(proof.verdicts["criterion"]) == {"localization", "flip"}
