"""Two heads on real radiographs: what is compared, and that one command does it."""

import importlib.util
import sys

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from tests.conftest import ROOT


def loaded(name: str):
    """A script of ``experiments``, which finds its neighbours by their names."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"experiments/{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


real, study, heads = map(loaded, ("trust_real", "wildcat_phantoms", "heads_real"))


def tables(generator: np.random.Generator) -> "study.Tables":
    """Two seeds of each head over twelve films, five of them with an opacity."""
    films = [f"film {number:02}" for number in range(12)]
    common = {"image_id": films, "cluster": films, "label": [True] * 5 + [False] * 7}
    predictions, scores = [], []
    for head in heads.HEADS:
        for seed in (0, 1):
            name = f"MobileNetV2, {head}, seed {seed}"
            told = {"model": name, "probability": generator.random(12)}
            predictions.append(pl.DataFrame(common | told))
            scores += rows(films[:5], name, heads.MAP, generator)
    scores += rows(films[:5], "", heads.PRIOR, generator)
    return study.Tables(pl.concat(scores), pl.concat(predictions), 300)


def rows(films, name, method, generator) -> list[pl.DataFrame]:
    what = {"image_id": films, "cluster": films, "model": name, "method": method, "regions": 1}
    hits = (generator.random(5) < 0.6).astype(float)
    values = {"auprc": generator.random(5), "hit_rate": hits, "pointwise_ap": hits}
    return [pl.DataFrame(what | {"metric": key, "value": v}) for key, v in values.items()]


def test_every_measure_of_every_run_is_what_others_make_of_the_same_numbers():
    made = tables(np.random.default_rng(0))
    found = heads.measured(made, "MobileNetV2, wildcat", heads.MAP)
    for seed in (0, 1):
        name = f"MobileNetV2, wildcat, seed {seed}"
        told = made.predictions.filter(pl.col("model") == name)
        label, probability = told["label"].to_numpy(), told["probability"].to_numpy()
        mine = made.scores.filter(pl.col("model") == name)
        value = {key: rows["value"].to_numpy() for (key,), rows in mine.group_by("metric")}
        hits = np.concatenate([value["hit_rate"], np.zeros(7)])
        # What misses is a false positive, and what there is to find stays all films that have it.
        precision = average_precision_score(hits, probability) * hits.sum() / label.sum()
        expected = (
            roc_auc_score(label, probability), value["auprc"].mean(), precision, hits[:5].mean(),
        )  # fmt: skip
        for measure, one in zip(heads.MEASURES, expected, strict=True):
            assert found[measure].runs[seed] == pytest.approx(one)
            assert found[measure].replicates.shape == (2, 300)


def test_the_page_has_every_seed_the_means_and_the_differences():
    made = tables(np.random.default_rng(1))
    listed = pl.DataFrame({"fold": ["0", "1"], "opacity": [1, 0], "nih_patient": ["a", "b"]})
    page = heads.results_page(made, listed)
    for head in heads.HEADS:
        for name in (f"{head}, seed 1", f"**{head}, mean over seeds**", f"{head} - prior"):
            assert f"| {name} |" in page
    linear, wildcat = (made.auroc(f"MobileNetV2, {head}").runs.mean() for head in heads.HEADS)
    assert f"| wildcat - linear | {wildcat - linear:+.2f} [" in page


@pytest.mark.slow
def test_one_command_runs_it(shared_data, tmp_path):
    page = heads.study(real.TINY, shared_data, tmp_path / "out")
    assert "| linear, seed 1 |" in page
    assert (tmp_path / "out" / "results.md").read_text() == page
