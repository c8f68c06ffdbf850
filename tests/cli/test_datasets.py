"""``heatproof datasets show``: what lies in a folder, counted against what was written into it."""

import json
import subprocess
import sys

import pytest
from PIL import Image

from heatproof.cli.datasets import show
from heatproof.data.datasets import datasets
from heatproof.data.on_disk import (
    boxes_of,
    is_positive,
    phantoms,
    rsna_name,
    write_chexpert,
    write_mura,
    write_mura_readers,
    write_rsna,
    write_vindr,
)
from heatproof.data.overview import Labelled, Marked, overview
from heatproof.errors import ExperimentError

FILMS = phantoms(9)
POSITIVE = sum(map(is_positive, FILMS))


@pytest.fixture
def root(tmp_path):
    write_rsna(tmp_path, FILMS)
    return tmp_path


def test_counts_are_those_of_what_was_written(root, capsys):
    (root / "stage_2_train_images" / f"{rsna_name(1)}.dcm").unlink()
    show("rsna_pneumonia", root, ["others=negative"], headers=True, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["films"] == len(FILMS)
    assert found["patients"] == len({film.patient_id for film in FILMS})
    assert found["studies"] is None
    (missing,) = found["missing"]
    assert missing.endswith(f"{rsna_name(1)}.dcm")
    assert found["problems"] == []
    label = found["labels"]["Lung Opacity"]
    assert (label["present"], label["absent"]) == (POSITIVE, len(FILMS) - POSITIVE)
    assert label["prevalence"] == POSITIVE / len(FILMS)
    (mark,) = found["marks"]
    assert (mark["reader"], mark["films"]) == ("reference", POSITIVE)
    assert mark["instances"] == sum(len(boxes_of(film)) for film in FILMS)


def test_a_person_reads_the_same(root, capsys):
    show("rsna_pneumonia", root)
    text = capsys.readouterr().out
    assert "files that are not there: 0" in text
    assert "Lung Opacity" in text
    assert "reference" in text


def test_readers_are_compared_and_a_picture_is_drawn(tmp_path, capsys):
    write_vindr(tmp_path / "vindr", FILMS)
    show("vindr_cxr", tmp_path / "vindr", headers=True, picture=tmp_path / "seen.png")
    assert "R1, R2" in capsys.readouterr().out
    with Image.open(tmp_path / "seen.png") as picture:
        assert picture.width > 4 * 224
    show("vindr_cxr", tmp_path / "vindr", headers=True, as_json=True)
    (pair,) = json.loads(capsys.readouterr().out)["agreement"]
    assert (pair["reader"], pair["other"], pair["both"], pair["either"]) == (
        "R1", "R2", POSITIVE - 1, POSITIVE,
    )  # fmt: skip
    assert pair["dice"] == 1


def test_labels_views_and_readers(tmp_path):
    write_chexpert(tmp_path / "chexpert", FILMS)
    found = overview(
        datasets.build("chexpert", {"root": str(tmp_path / "chexpert"), "split": "train"})
    )
    assert found.labels["Edema"] == Labelled(0, 6, 3, 0, 0.0)
    assert found.labels["Fracture"] == Labelled(0, 0, 0, 9, None)
    assert found.views == {"AP": 6, "Lateral": 3}
    assert found.problems is None
    write_mura(tmp_path / "mura", FILMS)
    write_mura_readers(tmp_path / "mura", FILMS)
    found = overview(datasets.build("mura", {"root": str(tmp_path / "mura")}))
    films = {mark.reader: mark.films for mark in found.marks}
    assert films == {"rad1": POSITIVE, "rad2": POSITIVE - 1, "rad3": POSITIVE,
                     "reference": POSITIVE - 1}  # fmt: skip
    assert Marked("Abnormality", "rad3", POSITIVE, POSITIVE) in found.marks


@pytest.mark.slow
def test_the_kinds_are_listed_and_one_is_shown(root):
    def told(*words: str) -> str:
        command = [
            sys.executable,
            "-c",
            "from heatproof.cli import main; main()",
            "datasets",
            *words,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert {kind["name"] for kind in json.loads(told("--json"))} == {*datasets.names()}
    options = ("-O", "others=negative", "--json")
    found = json.loads(told("show", "rsna_pneumonia", str(root), *options))
    assert found["films"] == len(FILMS)


def test_an_option_without_a_value_is_told(root):
    with pytest.raises(ExperimentError, match="expected KEY=VALUE"):
        show("rsna_pneumonia", root, ["split"])


def test_what_lies_in_no_folder_is_told(root):
    with pytest.raises(ExperimentError, match="phantom lies in no folder or table"):
        show("phantom", root)
