"""``heatproof init``: what a folder holds becomes an experiment, or it is told what lacks."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from heatproof.errors import ExperimentError
from heatproof.experiment.drafting import draft
from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace

BUILD = """
import torch
from torch import nn

def helper():
    return 1

def build_network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
"""


@pytest.fixture
def folder(tmp_path):
    """Films of 64 x 64, boxes drawn on 1,024, labels in words, patients, folds."""
    place = tmp_path / "films of ours"
    (place / "png").mkdir(parents=True)
    rows = ["file,subject_id,diagnosis,boxes,fold,sex,remark"]
    for number in range(12):
        Image.fromarray(np.full((64, 64), 9 * number, np.uint8)).save(place / f"png/{number}.png")
        boxes = json.dumps([[100, 200, 300, 400]] if number % 2 else []).replace('"', "")
        words = "Lung Opacity" if number % 2 else "Normal"
        rows.append(f'{number}.png,p{number // 2},{words},"{boxes}",{number % 3},F,text {number}')
    (place / "films.csv").write_text("\n".join(rows))
    (place / "network.py").write_text(BUILD)
    return place


def test_the_draft_is_an_experiment_that_opens(folder):
    (folder / "experiment.toml").write_text(draft(folder, folder))
    experiment = load(folder / "experiment.toml")
    (films,) = open_workspace(experiment).data.values()
    assert films.findings == ("Lung Opacity",)
    assert len(films.samples) == 12
    by_id = {sample.image_id: sample for sample in films.samples}
    assert by_id["1.png"].labels == {"Lung Opacity": True}
    assert by_id["0.png"].labels == {"Lung Opacity": False}
    assert by_id["3.png"].patient_id == "p1"
    # Drawn on 1,024 x 1,024: a sixteenth of it on the film.
    mask = by_id["1.png"].annotations[0].mask(64, 64)
    assert mask.sum() == round(300 / 16) * round(400 / 16)
    assert set(films.samples[0].metadata) == {"fold", "sex"}
    (model,) = experiment.models
    assert model.module == "network.py:build_network"
    assert experiment.trust.criteria == ["randomization(order='whole', draws=1)"]


def test_every_guess_has_a_reason_and_what_is_unused_is_told(folder):
    text = draft(folder, folder)
    assert "boxes reach x = 400, y = 600 of films of 64 x 64: right?" in text
    assert "are these on the right side?" in text
    assert '# metadata = ["remark"]  # not used' in text


def test_columns_of_truths_and_coco(folder):
    (folder / "films.csv").write_text(
        "\n".join(["image,Mass,Nodule", *(f"png/{n}.png,{n % 2},{int(n > 9)}" for n in range(12))])
    )
    marks = {
        "images": [{"id": 1, "file_name": "1.png", "width": 64, "height": 64}],
        "categories": [{"id": 1, "name": "Mass"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 4, 9, 9]}],
    }
    (folder / "marks.json").write_text(json.dumps(marks))
    (folder / "experiment.toml").write_text(draft(folder, folder))
    (films,) = open_workspace(load(folder / "experiment.toml")).data.values()
    assert films.findings == ("Mass", "Nodule")
    assert [sample.image_id for sample in films.samples if sample.annotations] == ["png/1.png"]
    assert "6 positive" in (folder / "experiment.toml").read_text()


def test_a_column_of_diagnoses_is_shown_as_a_rule_to_be_decided(folder):
    says = ("ARDS", "COVID", "COVID")
    rows = [f"png/{n}.png,{says[n % 3]}" for n in range(12)]
    (folder / "films.csv").write_text("\n".join(["image,diagnosis", *rows]))
    line = next(line for line in draft(folder, folder).splitlines() if "diagnosis" in line)
    rule = '{ column = "diagnosis", positive = ["COVID"], negative = ["ARDS"] }'
    why = "which of its 2 values are present, and which absent?"
    assert line == f'# labels."COVID" = {rule}  # {why}'


def test_the_command_overwrites_nothing(folder):
    command = [sys.executable, "-c", "from heatproof.cli import main; main()", "init", str(folder)]
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    assert first.stdout.strip() == str(folder / "experiment.toml")
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "not overwritten" in again.stderr


def test_a_folder_without_a_table_is_told(tmp_path):
    with pytest.raises(ExperimentError, match="no such folder"):
        draft(tmp_path / "nowhere", tmp_path)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(ExperimentError, match=r"no table.*films there: 1"):
        draft(tmp_path, tmp_path)
    (tmp_path / "films.csv").write_text("image,label\nb.png,1\n")
    with pytest.raises(ExperimentError, match="names films"):
        draft(tmp_path, tmp_path)
