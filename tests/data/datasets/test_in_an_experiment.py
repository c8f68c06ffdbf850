"""Data sets of the field in an experiment file: opened, checked, and known by what they hold."""

import dataclasses

import pytest

from heatproof.data.annotations import lesions_of
from heatproof.data.annotations.references import reference_mask
from heatproof.data.on_disk import (
    box_mask,
    boxes_of,
    is_positive,
    phantoms,
    write_mura,
    write_mura_readers,
    write_rsna,
)
from heatproof.experiment.file import load
from heatproof.experiment.films import annotations_digest, open_data

FILMS = phantoms(9)
TEXT = """
name = "Films of the field"
question = "Are they opened?"

[[data]]
name = "RSNA"
dataset = "rsna_pneumonia"
root = "rsna"
others = "negative"

[[data]]
name = "MURA"
dataset = "mura"
root = "mura"

[[models]]
name = "ours"
module = "network.py:build"
features = "auto"
findings = ["Lung Opacity"]
scaling = { geometry = "squash(height=64, width=64)", mean = [0.5], std = [0.25] }
id = { architecture = "tiny", data = "none" }

[explain]
methods = ["grad_cam"]
"""


@pytest.fixture
def opened(tmp_path):
    write_rsna(tmp_path / "rsna", FILMS)
    write_mura(tmp_path / "mura", FILMS)
    write_mura_readers(tmp_path / "mura", FILMS)
    (tmp_path / "network.py").write_text("")
    (tmp_path / "field.toml").write_text(TEXT)
    return open_data(load(tmp_path / "field.toml"))


def test_they_are_opened_beside_each_other(opened):
    assert {name: len(data.samples) for name, data in opened.items()} == {"RSNA": 9, "MURA": 9}
    assert opened["MURA"].marked == ("Abnormality",)
    assert opened["RSNA"].digest != opened["MURA"].digest


def test_the_reference_is_what_readers_agree_on(opened):
    by_number = {int(film.image_id.rpartition("image")[2]): film for film in opened["MURA"].samples}
    last = max(number for number, film in enumerate(FILMS) if is_positive(film))
    for number, film in enumerate(FILMS):
        if is_positive(film) and number != last:
            mask = reference_mask(by_number[number], "Abnormality", "reference")
            assert (mask == box_mask(boxes_of(film))).all()
            (mark, *_) = by_number[number].annotations
            lesions = list(lesions_of(mark.shape, 64, 64))
            assert sum(lesion.sum() for lesion in lesions) == mask.sum()


def test_another_rule_is_another_reference(opened):
    film = next(film for film in opened["MURA"].samples if len(film.annotations) > 1)
    agreed, *others = film.annotations
    stricter = dataclasses.replace(
        agreed, shape=dataclasses.replace(agreed.shape, needed=agreed.shape.needed + 1)
    )
    changed = dataclasses.replace(film, annotations=(stricter, *others))
    assert annotations_digest(changed) != annotations_digest(film)
