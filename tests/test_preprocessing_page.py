"""What the page of preprocessings claims."""

import re

import numpy as np
from PIL import Image

from heatproof import Preprocessing
from tests.conftest import ROOT

PAGE = ROOT / "docs/results/preprocessing.md"
LIBRARIES = ("pillow", "torch", "torchvision", "opencv", "timm", "albumentations", "monai")


def test_every_library_is_within_one_grey_level():
    rows = re.findall(r"^\| (\w+) \|.* \| ([\d.]+) \| `(\w+)\(", PAGE.read_text(), re.MULTILINE)
    assert {library for library, _, _ in rows} == {*LIBRARIES, "torchxrayvision"}
    for library, difference, _ in rows:
        assert float(difference) <= 1, library


def test_the_code_of_the_reference_runs() -> None:
    """Both ways of the page prepare one film alike, but for CLAHE, which the second has not."""
    text = (ROOT / "docs/reference/preprocessing.md").read_text(encoding="utf-8")
    parts, own = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict = {}
    exec(compile(parts, "preprocessing.md", "exec"), names)
    exec(compile(own, "prepare.py", "exec"), names)
    levels = np.linspace(0, 1, 300 * 400, dtype=np.float32).reshape(300, 400)
    film = np.rint(levels * 255) / np.float32(255)
    plain = Preprocessing(names["crop"], channels=1, mean=(0.0,), std=(1.0,)).tensor(film)
    theirs = names["transform"](Image.fromarray((film * 255).astype(np.uint8)))
    assert names["preprocessing"].tensor(film).shape[-2:] == plain.shape[-2:] == (224, 224)
    assert float((plain - theirs).abs().max()) <= 1.5 / 255
