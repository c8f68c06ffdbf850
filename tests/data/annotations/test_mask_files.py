"""A mask of two values is read in every encoding, or refused in words; never as nothing."""

import cv2
import numpy as np
import pytest
from PIL import Image

from heatproof.data.annotations import MaskFile, Several, was_misread
from heatproof.data.check import check
from heatproof.data.datasets.manifest import Manifest
from heatproof.errors import AnnotationError, DamagedMaskError
from heatproof.experiment.films import annotations_digest
from heatproof.tables.units import digest
from tests.data.test_pixels import write_dicom

MARKED = np.zeros((6, 8), np.uint8)
MARKED[1:4, 2:7] = 1
OUTSIDE = 1 - MARKED
EMPTY = np.zeros_like(MARKED)


def palette(indices, *colours):
    image = Image.fromarray(indices, "P")
    image.putpalette([channel for colour in colours for channel in colour])
    return image


def channels(*arrays):
    return Image.fromarray(np.dstack(arrays).astype(np.uint8))


READ = {
    "one bit.png": Image.fromarray(MARKED.astype(bool)),
    "ones.png": Image.fromarray(MARKED),
    "16 bits.png": Image.fromarray(MARKED.astype(np.uint16) * 256),
    "32 bits.tif": Image.fromarray(MARKED.astype(np.int32) * -70_000),
    "half.tif": Image.fromarray(MARKED.astype(np.float32) / 2),
    "red.png": channels(MARKED, EMPTY, EMPTY),
    "blue.png": channels(EMPTY, EMPTY, MARKED),
    "dark palette.png": palette(MARKED, (0, 0, 0), (0, 0, 1)),
    "black palette.png": palette(MARKED, (0, 0, 0), (0, 0, 0)),
    "white first.png": palette(OUTSIDE, (255, 255, 255), (0, 0, 0)),
    "black brush.png": channels(EMPTY, EMPTY, EMPTY, MARKED * 255),
    "white everywhere.png": channels(*[EMPTY + 255] * 3, MARKED * 128),
    "red brush on white.png": channels(EMPTY + 255, *[OUTSIDE * 255] * 2, MARKED * 255),
    "grey and alpha.png": Image.fromarray(MARKED * 255).convert("LA"),
    "alpha of zeros.png": channels(*[MARKED * 255] * 3, EMPTY),
    "cmyk.tif": Image.fromarray(MARKED * 255).convert("CMYK"),
}


@pytest.mark.parametrize("name", READ)
def test_two_values_are_a_mask_in_every_encoding(tmp_path, name):
    READ[name].save(tmp_path / name)
    assert np.array_equal(MaskFile(tmp_path / name).mask(6, 8), MARKED == 1)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("colours", [3, 4])
def test_sixteen_bits_a_channel_keep_their_small_values(tmp_path, suffix, colours):
    layers = [MARKED.astype(np.uint16)] * 3 + [np.full((6, 8), 65535, np.uint16)]
    file = tmp_path / f"mask.{suffix}"
    assert cv2.imwrite(str(file), np.dstack(layers[:colours]))
    assert np.array_equal(MaskFile(file).mask(6, 8), MARKED == 1)


@pytest.mark.parametrize("array", [MARKED * 255, MARKED, MARKED.astype(np.uint16) * 4095])
def test_a_mask_may_be_dicom_as_a_film_may(tmp_path, array):
    write_dicom(tmp_path / "mask.dcm", array)
    assert np.array_equal(MaskFile(tmp_path / "mask.dcm").mask(6, 8), MARKED == 1)


def test_dicom_that_is_no_mask_says_why(tmp_path):
    write_dicom(tmp_path / "a.dcm", MARKED, PhotometricInterpretation="MONOCHROME1")
    with pytest.raises(AnnotationError, match="DICOM with photometric interpretation MONOCHROME1"):
        MaskFile(tmp_path / "a.dcm").mask(6, 8)
    write_dicom(tmp_path / "b.dcm", np.stack([MARKED] * 3), NumberOfFrames=3)
    with pytest.raises(DamagedMaskError, match="3 frames"):
        MaskFile(tmp_path / "b.dcm").mask(6, 8)


REFUSED = {
    "label map.png": (Image.fromarray(MARKED + np.eye(6, 8, dtype=np.uint8)), "3 different values"),
    "one and two.png": (Image.fromarray(MARKED + 1), "none of which is 0: which is inside"),
    "red on white.png": (
        channels(EMPTY + 255, OUTSIDE * 255, OUTSIDE * 255), "none of which is black",
    ),
    "black on clear white.png": (
        channels(*[OUTSIDE * 255] * 3, MARKED * 255), "black beside transparent pixels",
    ),
    "opacities.png": (channels(*[EMPTY + 9] * 3, MARKED * 99 + 99), "several opacities"),
    "picture.png": (
        channels(np.arange(48).reshape(6, 8), EMPTY, EMPTY, MARKED * 255), "several colours",
    ),
    "undefined.tif": (Image.fromarray(np.where(MARKED, 1, np.nan).astype(np.float32)), "nan"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_mean_two_things_is_refused_in_words(tmp_path, name):
    image, words = REFUSED[name]
    image.save(tmp_path / name)
    with pytest.raises(AnnotationError, match=words):
        MaskFile(tmp_path / name).mask(6, 8)


def test_pages_and_turned_files_are_refused(tmp_path):
    first, second = Image.fromarray(MARKED), Image.fromarray(EMPTY)
    first.save(tmp_path / "pages.tif", save_all=True, append_images=[second])
    with pytest.raises(AnnotationError, match="2 pages, expected one"):
        MaskFile(tmp_path / "pages.tif").mask(6, 8)
    exif = Image.Exif()
    exif[274] = 3
    first.save(tmp_path / "turned.png", exif=exif)
    with pytest.raises(AnnotationError, match="EXIF orientation 3"):
        MaskFile(tmp_path / "turned.png").mask(6, 8)


def test_one_value_is_empty_or_full(tmp_path):
    for value, share in ((0, 0), (1, 1), (255, 1)):
        Image.fromarray(EMPTY + np.uint8(value)).save(tmp_path / "mask.png")
        assert MaskFile(tmp_path / "mask.png").mask(6, 8).mean() == share


@pytest.mark.parametrize("name", READ)
def test_marks_that_were_read_right_before_keep_their_digest(tmp_path, name):
    """Version 0.1 took the luma of a mask: where that gave the same pixels, nothing changed."""
    READ[name].save(tmp_path / name)
    image = Image.open(tmp_path / name)
    values = np.asarray(image if image.mode.startswith("I") else image.convert("L"))
    lit = np.unique(values[values > 0])
    was_right = len(lit) < 2 and np.array_equal(values > 0, MARKED == 1)
    shape = MaskFile(tmp_path / name)
    assert was_misread(shape) is not was_right
    assert was_misread(Several((shape,))) is not was_right


def test_the_digest_of_a_misread_mask_changes_and_no_other(tmp_path):
    (tmp_path / "t.csv").write_text("image,X,mask\na.png,1,m.png\n")
    Image.fromarray(MARKED * 99).save(tmp_path / "a.png")
    grey, dark = READ["ones.png"], READ["dark palette.png"]
    digests = {}
    for name, image in (("grey", grey), ("dark", dark)):
        image.save(tmp_path / "m.png")
        film = Manifest(tmp_path / "t.csv", ("X",), mask="mask")[0]
        drawn = [{"finding": "X", "source": "reference", "shape": {"path": tmp_path / "m.png"}}]
        status = (tmp_path / "m.png").stat()
        before = digest(drawn, ["MaskFile"], [(status.st_size, status.st_mtime_ns)])
        digests[name] = annotations_digest(film) == before
    assert digests == {"grey": True, "dark": False}


def test_one_damaged_mask_does_not_keep_work_from_starting(tmp_path):
    (tmp_path / "t.csv").write_text("image,X,mask\na.png,1,a_mask.png\nb.png,1,b_mask.png\n")
    for name in "ab":
        Image.fromarray(MARKED * 99).save(tmp_path / f"{name}.png")
        Image.fromarray(MARKED).save(tmp_path / f"{name}_mask.png")
    (tmp_path / "a_mask.png").write_bytes(b"nothing")
    (problem,) = check(Manifest(tmp_path / "t.csv", ("X",), mask="mask"))
    assert (problem.fatal, problem.whole, problem.missing) == (False, False, False)
    assert "a_mask.png: cannot be decoded, neither as an image nor as DICOM" in problem.reason
    (tmp_path / "b_mask.png").unlink()
    problems = check(Manifest(tmp_path / "t.csv", ("X",), mask="mask"))
    assert [(p.fatal, p.missing) for p in problems] == [(False, False), (True, True)]
