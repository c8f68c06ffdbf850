"""Seven heads on phantoms: every step on a few small films, and the numbers of the page by hand."""

import importlib.util
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from tests.conftest import ROOT


def loaded(name: str):
    """A script of ``experiments``, which finds its neighbours by their names."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"experiments/{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


study, _, page = map(loaded, ("heads_phantoms", "wildcat_phantoms", "heads_phantoms_page"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> "study.Study":
    folder = tmp_path_factory.mktemp("heads")
    return study.Study(study.TINY, folder, folder / "results")


def test_every_training_has_a_name_and_heads_have_equal_trials(tiny) -> None:
    names = [name for name, _ in study.units(study.Study(study.Plan(), tiny.work, tiny.results))]
    assert len(set(names)) == len(names) == 1 + 7 * 4 * 2 + 8 * 5 + 4 * 3
    for head in study.HEADS:
        assert len(set(study.settings(head))) == 4, head


def test_kept_features_are_those_of_the_film_and_of_its_mirror_image(tiny) -> None:
    films = tiny.films("lite0", "training")
    model = tiny.model("lite0", "linear", 0)
    image = model.preprocessing.tensor(films.data[3].pixels.read())
    with torch.no_grad():
        for number, seen in enumerate((image, image.flip(2))):
            expected = study.through(list(model.backbone)[:4], seen[None])[0]
            torch.testing.assert_close(
                films.entered[3, number].float(), expected, rtol=2e-3, atol=2e-3
            )
    assert films.labels[3].tolist() == [float(films.data[3].labels[k]) for k in study.FINDINGS]


def test_what_is_frozen_stays_and_the_rest_learns(tiny) -> None:
    setting = study.Setting("lite0", "linear", 1e-2, 1e-4, guided=True)
    before, after = (
        m.state_dict()
        for m in (tiny.model("lite0", "linear", 5), study.trained(tiny, setting, 5).model)
    )
    moved = {key.split(".")[1] for key in before if not torch.equal(before[key], after[key])}
    assert {"layer1", "layer2", "layer3", "stem"}.isdisjoint(moved)
    assert "layer4" in moved
    again = study.trained(tiny, setting, 5).model.state_dict()
    assert all(torch.equal(after[key], again[key]) for key in after)


def test_weights_learned_on_other_phantoms_are_loaded_by_name(tiny) -> None:
    path = tiny.weights("resnet")
    first, second = (tiny.model("resnet", "linear", seed) for seed in (0, 1))
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(first.backbone(image), second.backbone(image))
    assert path.name == "phantoms.safetensors"


def test_names_of_timm_are_those_of_the_same_layers() -> None:
    scaling = study.preprocessing(study.TINY)
    model = study.build("resnet10t(width=32)", "linear", ["a"], scaling)
    network = study.timm.create_model(
        "resnet10t", num_classes=0, channels=(32, 64, 128, 256), stem_width=16
    ).eval()
    network.load_state_dict(study.as_in_timm(model))
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = network.forward_features(image)
        torch.testing.assert_close(model.eval().backbone(image), expected)


def test_coverage_is_the_share_of_each_cell() -> None:
    data = study.PhantomLesions(images=6, size=64, prevalence=1.0)
    found = study.coverage(data)
    mask = data[2].annotations[1].mask(64, 64)
    for y, x in np.ndindex(4, 4):
        share = mask[16 * y : 16 * y + 16, 16 * x : 16 * x + 16].mean()
        assert float(found[2, 1, y, x]) == pytest.approx(share)


def test_the_pilot_raises_what_is_too_hard_and_lowers_what_is_too_easy(tmp_path) -> None:
    plan = study.Plan()
    assert study.contrasts(plan, tmp_path) == plan.begin
    record = {"contrasts": [0.3, 0.1, 0.01], "validation": [[0.5] * 3, [0.98, 0.93, 0.7]]}
    (tmp_path / "pilot-0.json").write_text(json.dumps(record))
    assert study.contrasts(plan, tmp_path) == (0.25, 0.1, 0.012)
    assert not study.settled(plan, tmp_path)
    record = {"contrasts": [0.25, 0.1, 0.012], "validation": [[0.96, 0.93, 0.91]]}
    (tmp_path / "pilot-1.json").write_text(json.dumps(record))
    assert study.settled(plan, tmp_path)
    assert study.contrasts(plan, tmp_path) == (0.25, 0.1, 0.012)


@pytest.mark.slow
def test_what_is_kept_of_a_training_makes_the_page(tiny, monkeypatch) -> None:
    results = tiny.results
    setting = study.Setting("lite0", "linear", 1e-3, 1e-4)
    one = study.trained(tiny, setting, 0)
    record = study.judged(tiny, setting, one, 0)
    films = tiny.films("lite0", "test")
    logits, maps = study.logits_of(one.model, 4, films)
    with torch.no_grad():
        image = one.model.preprocessing.tensor(films.data[1].pixels.read())[None]
        torch.testing.assert_close(one.model(image)[0], logits[1], rtol=2e-2, atol=2e-2)
    assert record["logits"]["Diffuse"][1] == pytest.approx(100 * float(logits[1, 2]), abs=0.6)
    assert max(record["left over"]) < 1e-3
    first = study.positives(films.data, "Consolidation")[0]
    (mark,) = (m for m in films.data[first].annotations if m.finding == "Consolidation")
    score = study.heatproof.score(maps[first, 1].numpy(), mark.mask(64, 64), "auprc")
    assert record["class_map"]["Consolidation"]["auprc"][0] == pytest.approx(score, abs=6e-4)
    (results / "bounds.json").write_text(json.dumps(study.bounds(tiny)))
    for head in (*study.HEADS, study.GUIDED):
        for seed in study.FINAL_SEEDS:
            path = results / f"final-{study.slug(head)}-seed{seed}.json"
            path.write_text(json.dumps(record))
    monkeypatch.setattr(page, "POST_HOC", study.TINY.post_hoc)
    text = page.page(results, study.TINY)
    assert "In progress: 40 of" in text
    assert text.count("| `wildcat` | a | ") == 3
    assert "| linear, `grad_cam` |" in text


def test_a_drawn_auroc_is_that_of_the_films_repeated() -> None:
    generator = np.random.default_rng(0)
    labels = generator.random(40) < 0.4
    scores = np.round(generator.normal(size=40) + labels, 1)
    weights = np.stack(
        [np.bincount(generator.integers(40, size=40), minlength=40) for _ in range(5)]
    )
    for drawn, found in zip(
        weights, page.weighted_auroc(weights.astype(float), scores, labels), strict=True
    ):
        expected = roc_auc_score(labels.repeat(drawn), scores.repeat(drawn))
        assert found == pytest.approx(expected)
    assert study.auroc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))


def test_a_claim_is_confirmed_only_where_its_least_certain_difference_is(monkeypatch) -> None:
    one = page.Compared("easy", 0.3, 0.2, 0.4, 0.0005, 0.0)
    unsure = page.Compared("hard", 0.01, -0.02, 0.04, 0.3, 0.0)
    lost = page.Compared("lost", -0.2, -0.3, -0.1, 1.0, 0.0)
    every = [("linear", "b", [one]), ("wildcat", "b", [one, unsure]), ("soft_cam", "d", [lost])]
    monkeypatch.setattr(page, "claims", lambda *_: iter(every))
    rows = page.verdicts(SimpleNamespace(), "Nodule")[2:]
    assert [row.split("|")[-2].strip() for row in rows] == ["confirmed", "undecided", "refuted"]
