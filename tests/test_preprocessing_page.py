"""What the page of preprocessings claims."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "results" / "preprocessing.md"
LIBRARIES = ("pillow", "torch", "torchvision", "opencv", "timm", "albumentations", "monai")


def test_every_library_is_within_one_grey_level():
    rows = re.findall(r"^\| (\w+) \|.* \| ([\d.]+) \| `(\w+)\(", PAGE.read_text(), re.MULTILINE)
    assert {library for library, _, _ in rows} == {*LIBRARIES, "torchxrayvision"}
    for library, difference, _ in rows:
        assert float(difference) <= 1, library
