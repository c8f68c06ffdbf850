"""An experiment runs code that lies beside it, or that an installed package offers as a network."""

import sys

import pytest

from heatproof.errors import ExperimentError
from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.preparation.code import check_code, check_transform
from heatproof.preparation.opening import open_model
from heatproof.run.pipeline import check_experiment


@pytest.mark.parametrize("module", ["torchvision.models:resnet18", "torch.nn:Conv2d"])
def test_what_is_declared_to_give_a_network_may_be_named(module, tmp_path):
    check_code(tmp_path, module)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("os:system", "does not say that it gives a network"),
        ("subprocess:Popen", "does not say that it gives a network"),
        ("builtins:exec", "does not say that it gives a network"),
        ("torch:load", "does not say that it gives a network"),
        ("torch.hub:load", "does not say that it gives a network"),
        ("shutil:rmtree", "does not say that it gives a network"),
        ("torch:nothing", "has no function 'nothing'"),
        ("no_such_package:build", "cannot import"),
        ("../outside.py:build", "lies outside"),
        ("link.py:build", "lies outside"),
        ("nothing.py:build", "there is no file"),
        ("x" * 5000 + ".py:build", "there is no file"),
        ("a\0b.py:build", "there is no file"),
        ("", "cannot import"),
    ],
)
def test_what_is_not_is_refused(module, message, tmp_path):
    folder = tmp_path / "experiment"
    folder.mkdir()
    (tmp_path / "outside.py").write_text("1 / 0")
    (folder / "link.py").symlink_to(tmp_path / "outside.py")
    with pytest.raises(ExperimentError, match=message):
        check_code(folder, module)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ("os:system", "does not say that it gives pixels"),
        ("subprocess:Popen", "does not say that it gives pixels"),
        ("builtins:exec", "does not say that it gives pixels"),
        ("torch:load", "does not say that it gives pixels"),
        ("torchvision.transforms:Resize", "does not say that it gives pixels"),  # a class
        ("../outside.py:transform", "lies outside"),
        ("nothing.py:transform", "there is no file"),
    ],
)
def test_a_transform_that_is_not_declared_is_refused(transform, message, tmp_path):
    folder = tmp_path / "experiment"
    folder.mkdir()
    (tmp_path / "outside.py").write_text("1 / 0")
    with pytest.raises(ExperimentError, match=message):
        check_transform(folder, transform)


def test_a_transform_that_is_declared_may_be_named(tmp_path):
    check_transform(tmp_path, "torchvision.transforms.functional:to_tensor")
    (tmp_path / "prepare.py").write_text("1 / 0")
    check_transform(tmp_path, "prepare.py:transform")  # which runs nothing


def test_a_run_calls_nothing_that_was_refused(squares, tmp_path):
    text = squares.read_text().replace('"network.py:build"', '"os:mkdir"')
    made = tmp_path / "made"
    squares.write_text(text.replace("[explain]", f'arguments = {{ path = "{made}" }}\n[explain]'))
    experiment = load(squares)
    work = open_workspace(experiment)
    with pytest.raises(ExperimentError, match="does not say"):
        open_model(experiment.folder, experiment.models[0], work.data)
    with pytest.raises(ExperimentError, match="does not say"):
        check_experiment(work)
    assert not made.exists()


def test_reading_an_experiment_runs_nothing(squares):
    (squares.parent / "network.py").write_text("import sys; sys.was_run = True\n")
    open_workspace(load(squares))
    assert not hasattr(sys, "was_run")
