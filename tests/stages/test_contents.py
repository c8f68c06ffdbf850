"""The digest of a data set tells equal films from others, and copies from nothing."""

import os
import shutil

import pytest
from PIL import Image

from heatproof.errors import DataError
from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.stages.contents import contents


def digest(file):
    work = open_workspace(load(file))
    (films,) = work.data.values()
    found = contents(work.contents, films)
    assert contents(work.contents, films) == found  # from its unit
    return found


@pytest.fixture
def masked(squares):
    """Squares with masks instead of boxes: annotations that lie in files of their own."""
    rows = (squares.parent / "films.csv").read_text().splitlines()
    for index in range(12):
        Image.new("L", (160, 96), 255 * (index % 2)).save(squares.parent / f"mask{index}.png")
    masks = ["mask", *(f"mask{index}.png" for index in range(12))]
    rows = [f"{row},{mask}" for row, mask in zip(rows, masks, strict=True)]
    (squares.parent / "films.csv").write_text("\n".join(rows))
    squares.write_text(squares.read_text().replace('boxes = "boxes"', 'mask = "mask"'))
    return squares


def test_a_copy_elsewhere_and_later_is_the_same_data(masked, tmp_path_factory):
    copy = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(masked.parent, copy, ignore=shutil.ignore_patterns("out"))
    for file in copy.iterdir():
        os.utime(file, (1, 1))
    assert digest(copy / masked.name) == digest(masked)


@pytest.mark.parametrize("changed", ["film3.png", "mask3.png", "films.csv"])
def test_another_pixel_label_or_mask_is_other_data(masked, changed):
    before = digest(masked)
    file = masked.parent / changed
    if changed == "films.csv":
        file.write_text(file.read_text().replace("p1,1,1", "p1,1,0"))
    else:
        image = Image.open(file)
        image.putpixel((0, 0), 255 - image.getpixel((0, 0)))
        image.save(file)
    assert digest(masked) != before


@pytest.mark.parametrize("name", ["film3.png", "mask3.png"])
def test_a_file_replaced_with_equal_size_and_time_is_noticed(masked, name):
    digest(masked)
    file = masked.parent / name
    before, content = file.stat(), bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    new = file.with_name("new.png")
    new.write_bytes(content)
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(file)
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    with pytest.raises(DataError, match=r"'f3'.*same size and time"):
        digest(masked)
    os.utime(file)
    digest(masked)  # another version by now, whose maps are made anew


def test_other_permissions_are_the_same_data(masked):
    before = digest(masked)
    (masked.parent / "film3.png").chmod(0o600)
    assert digest(masked) == before
