"""Damage is found from names and headers, and fatal only where the description is wrong."""

import numpy as np
from PIL import Image

from heatproof.data.check import Problem, check
from heatproof.data.datasets.manifest import Manifest


def films(tmp_path, rows):
    (tmp_path / "table.csv").write_text("image,Nodule,mask\n" + "\n".join(rows))
    return Manifest(tmp_path / "table.csv", labels=("Nodule",), mask="mask")


def test_what_is_wrong_is_told_apart(tmp_path):
    noise = Image.effect_noise((40, 30), 50)
    for name in ("good.png", "small.png", "empty.png", "cut.jpg"):
        noise.save(tmp_path / name)
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(cut.read_bytes()[:-200])
    (tmp_path / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\7" * 50)
    Image.new("L", (40, 30), 255).save(tmp_path / "mask.png")
    Image.new("L", (40, 30)).save(tmp_path / "empty_mask.png")
    Image.new("L", (20, 15), 255).save(tmp_path / "small_mask.png")
    rows = [
        "good.png,1,mask.png", "absent.png,1,", "small.png,1,small_mask.png", "broken.dcm,0,",
        "cut.jpg,0,", "empty.png,1,empty_mask.png", "good.png?,1,no_mask.png",
    ]  # fmt: skip
    noise.save(tmp_path / "good.png?", format="PNG")
    problems = check(films(tmp_path, rows))
    found = {problem.image_id: (problem.fatal, problem.missing) for problem in problems}
    assert found == {
        "absent.png": (True, True),
        "small.png": (True, False),
        "broken.dcm": (False, False),
        "good.png?": (True, True),
    }  # a truncated JPEG has a sound header, and an empty mask is a mask: both show when read
    reasons = {problem.image_id: problem.reason for problem in problems}
    assert "absent.png: there is no such file" in reasons["absent.png"]
    assert "15 x 20 (height x width), the image is 30 x 40" in reasons["small.png"]
    assert "no_mask.png: there is no such mask" in reasons["good.png?"]


def test_an_empty_mask_is_empty_not_an_error(tmp_path):
    Image.new("L", (4, 3), 9).save(tmp_path / "film.png")
    Image.new("L", (4, 3)).save(tmp_path / "mask.png")
    sample = films(tmp_path, ["film.png,1,mask.png"])[0]
    assert np.array_equal(sample.annotations[0].mask(3, 4), np.zeros((3, 4), bool))


def test_a_problem_is_a_record():
    assert Problem("a", "b", fatal=True) == Problem("a", "b", fatal=True, missing=False)
