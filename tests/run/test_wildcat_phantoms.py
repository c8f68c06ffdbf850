"""The study of WILDCAT on phantoms: its statistics, and that one command runs it."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from heatproof.models.backbones import backbones
from heatproof.saliency import methods
from tests.conftest import ROOT

SPEC = importlib.util.spec_from_file_location("study", ROOT / "experiments/wildcat_phantoms.py")
study = importlib.util.module_from_spec(SPEC)
sys.modules["study"] = study
SPEC.loader.exec_module(study)


def test_holm_by_hand():
    assert study.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert study.holm([0.9, 0.8]) == [1.0, 1.0]


def test_weights_count_films_and_ties_count_one_half():
    generator = np.random.default_rng(0)
    scores, labels = generator.integers(0, 5, 30) / 4, generator.random(30) < 0.4
    weights = generator.integers(0, 3, (4, 30)).astype(float)
    found = study.weighted_auroc(weights, scores, labels)
    for value, counts in zip(found, weights, strict=True):
        assert value == pytest.approx(roc_auc_score(labels, scores, sample_weight=counts))


@pytest.mark.parametrize(
    ("low", "high", "p", "expected"),
    [(0.01, 0.2, 0.01, "confirmed"), (-0.2, -0.1, 1.0, "refuted"), (-0.1, 0.1, 0.4, "undecided"),
     (0.01, 0.2, 0.03, "undecided")],
)  # fmt: skip
def test_a_claim_is_as_good_as_its_worst_difference(low, high, p, expected):
    good = study.Compared("x", 0.5, 0.4, 0.6, 0.0001, 0.0)
    one = study.Compared("y", (low + high) / 2, low, high, p, 0.0)
    assert study.verdict([good, one], p) == expected


def test_a_difference_is_of_means_over_seeds_and_as_sure_as_they_are_many():
    generator = np.random.default_rng(0)

    def sample(mean: float, seeds: int, spread: float) -> "study.Sample":
        runs = mean + spread * generator.standard_normal(seeds)
        return study.Sample(runs, runs[:, None] + 0.01 * generator.standard_normal((seeds, 4000)))

    sure = study.compared("a - b", sample(0.8, 5, 0.001), sample(0.7, 5, 0.001))
    assert sure.value == pytest.approx(0.1, abs=0.005)
    assert sure.low < sure.value < sure.high
    assert sure.p < 0.001
    unsure = study.compared("a - b", sample(0.8, 5, 0.1), sample(0.7, 5, 0.1))
    assert unsure.high - unsure.low > 5 * (sure.high - sure.low)
    worse = study.compared("b - a", sample(0.7, 5, 0.001), sample(0.8, 5, 0.001))
    assert worse.high < 0
    assert worse.p == 1


def test_the_protocol_on_the_page_is_that_of_the_script():
    page = (ROOT / "docs/results/wildcat_phantoms.md").read_text(encoding="utf-8")
    plan = study.Plan()
    assert len(methods.parts(plan.post_hoc)) == 8
    for number in (*plan.films, plan.classified, plan.localized, plan.resamples):
        assert f"{number:,}" in page
    assert ", ".join(f"{one:.2f}".lstrip("0") for one in plan.contrasts) in page
    assert f"at most {plan.highest:.2f}".replace("0.", ".") in page
    assert [seeds for *_, seeds in plan.networks] == [5, 3, 3]


def test_the_large_study_is_of_the_backbones_of_the_paper():
    specs = [backbone for _, backbone, _ in study.LARGE.networks]
    assert len(backbones.parts(specs)) == 8
    assert {seeds for *_, seeds in study.LARGE.networks} == {study.LARGE.detector[1]} == {5}


@pytest.mark.slow
def test_one_command_runs_the_study(tmp_path):
    command = [sys.executable, SPEC.origin, "--tiny", "--beside", "2", "--output", str(tmp_path)]
    subprocess.run(command, check=True)
    content = json.loads((tmp_path / "results.json").read_text())
    assert [len(claim["differences"]) for claim in content["claims"]] == [1, 2, 1, 4]
    assert content["contrast"] == 0.3
    assert set(content["chosen"]) == {"linear", "wildcat"}
    assert len(content["validation AUROC"]) == 2 * 2 + 2 * 1 + 1
    assert "| RetinaNet | `detection` |" in (tmp_path / "results.md").read_text()
    models = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("card.json")}
    study.study(study.TINY, tmp_path)  # one at a time, and nothing is made anew
    assert json.loads((tmp_path / "results.json").read_text()) == content
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("card.json")} == models
