"""The code in the docs runs."""

import re

import numpy as np
import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs/how-to/add-a-part.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_experiment_of_the_how_to_is_complete(tmp_path):
    from heatproof.experiment.file import load
    from heatproof.localize import metrics
    from heatproof.saliency import methods

    page = (ROOT / "docs/how-to/bring-your-data.md").read_text(encoding="utf-8")
    (tmp_path / "ours.toml").write_text(re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0])
    experiment = load(tmp_path / "ours.toml")
    assert len(methods.parts(experiment.explain.methods)) == 3
    assert len(metrics.parts(experiment.score.metrics)) == 3


def test_the_training_of_the_how_to_can_be_run(tmp_path):
    from heatproof.experiment.file import load
    from heatproof.models.backbones import backbones
    from heatproof.models.heads import heads
    from heatproof.preparation.plan import settings_of

    page = (ROOT / "docs/how-to/train.md").read_text(encoding="utf-8")
    films = "".join(
        f'[[data]]\nname = "{name}"\ndataset = "phantom"\n' for name in ("train", "validation")
    )
    whole, models, *_ = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "train.toml").write_text(whole)
    assert [entry.judged for entry in load(tmp_path / "train.toml").data] == [False, False, True]
    written = f'name = "x"\n{films}{models}\n[explain]\nmethods = ["class_map"]\n'
    # Every setting and part that the page names exists.
    named = re.findall(r"`(\w+ = [^`]+)`", page)
    settings = [text for text in named if not text.startswith(("head", "backbone", "card"))]
    assert len(settings) > 10
    for text in settings:
        (tmp_path / "e.toml").write_text(
            re.sub(r"settings = .*", f"settings = {{ {text} }}", written)
        )
        for model in load(tmp_path / "e.toml").models:
            settings_of(model)
    for kind, spec in re.findall(r'`(head|backbone) = "([^`]+)"`', page):
        (heads if kind == "head" else backbones).parse(spec)


def test_maps_of_the_how_to_come_in(tmp_path, monkeypatch):
    from heatproof.maps.importers import importers

    page = (ROOT / "docs/how-to/bring-your-maps.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "maps").mkdir()
    monkeypatch.chdir(tmp_path)
    array = np.random.default_rng(0).random((20, 16))
    exec(code, {"array": array})
    importer = importers.parse("chexlocalize")
    (file,) = importer.files(tmp_path / "maps")
    found = importer.read(file)
    assert (found.image_id, found.finding) == ("film7", "Opacity")
    assert found.values.ravel() == pytest.approx(array.ravel())


def test_the_reference_of_the_experiment_file_is_that_of_the_code():
    import runpy

    script = runpy.run_path(str(ROOT / "docs/experiment_file.py"))
    page = script["page"]()
    assert script["PAGE"].read_text(encoding="utf-8") == page, "python docs/experiment_file.py"
    undocumented = re.findall(r"^\| `\w+` .*\|  \|$", page, re.MULTILINE)
    assert not undocumented


def test_the_specs_of_published_studies_exist():
    from heatproof.saliency import methods

    page = (ROOT / "docs/how-to/published-maps.md").read_text(encoding="utf-8")
    table = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    specs = re.findall(r"`([^`]+)`", table) + re.findall(r"^explained_scalar.*$", page, re.M)
    assert len(specs) > 15
    for spec in specs:
        assert methods.parse(spec)


def test_the_page_has_examples():
    assert len(BLOCKS) == 2


def test_the_metric_of_the_how_to_works():
    from heatproof.localize import metrics

    scope: dict = {"__name__": "coverage"}
    try:
        exec(BLOCKS[1], scope)
        coverage = metrics.parse("coverage(binarize=fixed(threshold=0.5))")
        mask = np.zeros((4, 4), bool)
        assert np.isnan(coverage(np.eye(4, dtype=np.float32), mask))
        mask[0] = True
        assert coverage(np.eye(4, dtype=np.float32), mask) == pytest.approx(0.25)
    finally:
        metrics._classes.pop("coverage", None)


def test_the_method_of_the_how_to_works():
    import torch

    from heatproof.data.geometry import Squash
    from heatproof.models.classifier import build
    from heatproof.models.preprocessing import Preprocessing
    from heatproof.saliency import explain, methods

    scope: dict = {"__name__": "energy"}
    try:
        exec(BLOCKS[0], scope)
        model = build(
            "resnet10t", "linear", ["a", "b"], Preprocessing(Squash(64, 64), 1, (0.5,), (0.5,))
        )
        found = explain(methods.parts(["energy"]), model, torch.rand(2, 1, 64, 64), [0, 1])
        assert found.maps["energy"].values.shape == (2, 2, 2, 2)
    finally:
        methods._classes.pop("energy", None)
