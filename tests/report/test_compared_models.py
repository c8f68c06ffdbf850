"""Which models are compared, and that the page says so."""

import pytest

from heatproof.errors import ExperimentError
from heatproof.experiment.file import Experiment, load
from heatproof.report.questions import compared_models
from heatproof.run.pipeline import run


@pytest.fixture
def two(squares):
    """The squares, judged by one network and by another of the opposite mind."""
    text = squares.read_text()
    model = text[text.index("[[models]]") : text.index("[explain]")]
    other = model.replace('"bright"', '"dark"').replace("network.py", "other.py")
    network = (squares.parent / "network.py").read_text()
    (squares.parent / "other.py").write_text(network.replace("- 0.5", "- 0.1"))
    text = text.replace("[explain]", f"{other}\n[explain]").replace("gallery = 1", "gallery = 0")
    squares.write_text(text.replace("min_positives = 1", "min_positives = 1\ncompare = [PAIR]"))
    return squares


def test_the_page_sets_them_beside_each_other(two):
    two.write_text(two.read_text().replace("PAIR", '["bright", "dark"]'))
    assert "of bright beside that of dark" in run(load(two)).read_text()


def test_a_model_that_is_not_there_is_named(two):
    two.write_text(two.read_text().replace("PAIR", '["bright", "drak"]'))
    with pytest.raises(ExperimentError, match="no model is named 'drak'; did you mean dark"):
        load(two)


def test_ensembles_are_compared_with_their_best_checkpoints_unasked():
    training = {"data": "films", "validation": "films"}
    scaling = {"geometry": "squash(height=8, width=8)", "mean": [0.5], "std": [1.0]}
    trained = {"backbone": "resnet18", "training": training, "scaling": scaling, "data": []}
    models = [
        {"name": "a", **trained},
        {"name": "b", **trained},
        {"name": "many", "ensemble": {"of": ["a", "b"], "best": 5}},
        {"name": "one", "ensemble": {"of": ["a", "b"], "best": 1}},
        {"name": "of a alone", "ensemble": {"of": ["a"], "best": 1}},
    ]
    experiment = Experiment.model_validate({
        "name": "e",
        "data": [{"name": "films", "dataset": "manifest"}],
        "models": models,
        "explain": {"methods": ["grad_cam"]},
        "statistics": {"compare": [["one", "of a alone"]]},
    })  # fmt: skip
    assert compared_models(experiment) == [("one", "of a alone"), ("many", "one")]
