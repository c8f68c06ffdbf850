"""What is black and white: hot pixels, levels of a data set, and headers that say it wrongly."""

import cv2
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from heatproof.data.datasets import datasets
from heatproof.data.datasets.manifest import Manifest
from heatproof.data.decoding.levels import Levels, own_range
from heatproof.data.pixels import ImageFile
from heatproof.errors import DataError, PixelError, SpecError
from tests.data.test_pixels import BYTES, WORDS, lut, write_dicom

# ---------------------------------------------------------------- the range of a film


def noise(shape=(100, 100)):
    return np.random.default_rng(0).integers(1000, 1500, shape).astype(np.uint16)


@pytest.mark.parametrize("hot", [1, 5, 10])
@pytest.mark.parametrize("value", [0, 65535])
def test_hot_and_dead_pixels_do_not_decide_the_range(tmp_path, hot, value):
    stored = noise()
    clean = write_dicom(tmp_path / "clean.dcm", stored).read()
    stored.flat[:hot] = value
    seen = write_dicom(tmp_path / "hot.dcm", stored).read()
    assert np.abs(seen - clean).flat[hot:].max() < 0.01
    assert np.all(seen.flat[:hot] == (value > 0))


@given(arrays(np.uint16, st.tuples(*[st.integers(1, 20)] * 2), elements=st.integers(500, 900)))
def test_a_film_without_such_pixels_keeps_its_range(values):
    low, high = own_range(values.ravel())
    usual = np.sort(values.ravel())[1:-1]  # one pixel of so few, at either end
    spread = float(np.ptp(usual)) if usual.size else 0.0
    if spread == 0 or (values.max() - usual.max() <= spread >= usual.min() - values.min()):
        assert (low, high) == (values.min(), values.max())
    assert values.min() <= low <= high <= values.max()


def test_a_small_bright_thing_on_black_is_no_hot_pixel():
    values = np.zeros((100, 100), np.uint16)
    values[3:6, 3:6] = 700
    assert own_range(values.ravel()) == (0, 700)
    assert own_range(values[:0].ravel()) == (0, 0)


# ---------------------------------------------------------------- one film, two formats


@pytest.mark.parametrize(
    ("slope", "intercept"),
    [(None, None), (1, 0), ("1.0", "0.0"), (2, -1024), (1, None), (0.5, None)],
)
@pytest.mark.parametrize("words", [np.uint8, np.uint16])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_bytes_are_the_png_made_of_them_whatever_rescales_them(
    tmp_path, slope, intercept, words, photometric
):
    stored = 40 + BYTES // 2
    Image.fromarray(stored).save(tmp_path / "a.png")
    said = {"RescaleSlope": slope, "RescaleIntercept": intercept}
    film = write_dicom(
        tmp_path / "a.dcm", stored.astype(words), BitsStored=8, HighBit=7,
        PhotometricInterpretation=photometric, **{k: v for k, v in said.items() if v is not None},
    )  # fmt: skip
    png = ImageFile(tmp_path / "a.png").read()
    expected = png if photometric == "MONOCHROME2" else 1 - png
    assert np.allclose(film.read(), expected, atol=1e-6)


def test_a_falling_rescale_inverts_and_one_of_nothing_is_refused(tmp_path):
    film = write_dicom(tmp_path / "a.dcm", BYTES, RescaleSlope=-1, RescaleIntercept=255)
    assert np.allclose(film.read(), 1 - BYTES / 255)
    film = write_dicom(tmp_path / "b.dcm", BYTES, RescaleSlope=0, RescaleIntercept=255)
    with pytest.raises(PixelError, match="RescaleSlope 0"):
        film.read()


# ---------------------------------------------------------------- elements without a value

WINDOW = {"WindowCenter": 20_000, "WindowWidth": 30_000}
EMPTY = {
    "VOILUTFunction": WINDOW | {"VOILUTFunction": ""},
    "RescaleIntercept": WINDOW | {"RescaleSlope": 1, "RescaleIntercept": ""},
    "RescaleSlope": WINDOW | {"RescaleSlope": "", "RescaleIntercept": 0},
    "both": WINDOW | {"RescaleSlope": "", "RescaleIntercept": ""},
    "PixelPaddingRangeLimit": WINDOW
    | {"PixelPaddingValue": 65_000, "PixelPaddingRangeLimit": None},
    "first window": {"WindowCenter": ["", 20_000], "WindowWidth": ["", 30_000]},
    "second window": {"WindowCenter": [20_000, ""], "WindowWidth": [30_000, ""]},
    "PixelPaddingValue": WINDOW | {"PixelPaddingValue": None},
    "VOILUTSequence": WINDOW | {"VOILUTSequence": []},
    "ModalityLUTSequence": WINDOW | {"ModalityLUTSequence": []},
    "NumberOfFrames": WINDOW | {"NumberOfFrames": ""},
    "PixelSpacing": WINDOW | {"PixelSpacing": ""},
}
REFUSED_BEFORE = {*list(EMPTY)[:6]}


def with_empty(path, said, stored=WORDS):
    """A film with these elements, of which None is there without a value."""
    film = write_dicom(path, stored, **{k: v for k, v in said.items() if v is not None})
    dataset = pydicom.dcmread(path)
    for name in [name for name, value in said.items() if value is None]:
        # What padding is written as depends on pixels that have a sign, which pydicom asks for.
        dataset.add_new(name, "US" if name.startswith("PixelPadding") else "CS", None)
    dataset.save_as(path)
    return film


@pytest.mark.parametrize("name", EMPTY)
def test_an_element_without_a_value_counts_as_absent(tmp_path, name):
    film = with_empty(tmp_path / "a.dcm", EMPTY[name])
    plain = write_dicom(tmp_path / "b.dcm", WORDS, **WINDOW)
    assert np.array_equal(film.read(), plain.read())
    assert film.spacing() is None
    # Films that were refused are read anew; the names of what was made of others stay.
    assert film.version().endswith(", read anew") is (name in REFUSED_BEFORE)


def test_a_table_without_data_counts_as_absent(tmp_path):
    empty = lut([], 0)
    film = write_dicom(tmp_path / "a.dcm", WORDS, VOILUTSequence=empty, **WINDOW)
    plain = write_dicom(tmp_path / "b.dcm", WORDS, **WINDOW)
    assert np.array_equal(film.read(), plain.read())


def test_a_window_without_a_width_is_none(tmp_path):
    for said in ({"WindowCenter": 9, "WindowWidth": ""}, {"WindowCenter": "", "WindowWidth": 9}):
        film = write_dicom(tmp_path / "a.dcm", BYTES, **said)
        assert np.allclose(film.read(), BYTES / 255)


# ---------------------------------------------------------------- versions


def test_the_version_of_films_that_were_read_right_before_is_that_of_before(tmp_path):
    Image.fromarray(BYTES).save(tmp_path / "a.png")
    films = [
        ImageFile(tmp_path / "a.png"),
        write_dicom(tmp_path / "a.dcm", BYTES),
        write_dicom(tmp_path / "b.dcm", WORDS, **WINDOW),
        write_dicom(tmp_path / "c.dcm", WORDS, RescaleSlope=1, RescaleIntercept=0),
        write_dicom(tmp_path / "d.dcm", WORDS, VOILUTSequence=lut(range(256), 0)),
        write_dicom(tmp_path / "e.dcm", BYTES, RescaleSlope=1),
    ]
    for film in films:
        status = film.path.stat()
        assert film.version() == f"{status.st_size} bytes, {status.st_mtime_ns} ns"


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (BYTES, {"RescaleSlope": 1, "RescaleIntercept": 0}),
        (BYTES.astype(np.uint16), {"BitsStored": 8, "HighBit": 7}),
        (WORDS, {"RescaleSlope": 2} | WINDOW),  # a slope alone was left out
    ],
)
def test_films_that_were_read_wrongly_are_read_anew(tmp_path, stored, said):
    assert "read anew" in write_dicom(tmp_path / "a.dcm", stored, **said).version()


def test_a_damaged_film_has_a_version(tmp_path):
    (tmp_path / "a.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\7" * 50)
    assert ImageFile(tmp_path / "a.dcm").version().startswith("182 bytes")


# ---------------------------------------------------------------- levels of a data set

TWELVE = WORDS // 16


@pytest.mark.parametrize(
    ("levels", "formula"),
    [
        (Levels(maximum=4095), lambda v: v / 4095),
        (Levels(window=(1000, 500)), lambda v: ((v - 999.5) / 499 + 0.5).clip(0, 1)),
        (Levels(percentiles=(0, 100)), lambda v: (v - v.min()) / np.ptp(v)),
        (Levels(photometric="MONOCHROME1", maximum=4095.0), lambda v: 1 - v / 4095),
    ],
)
@pytest.mark.parametrize("header", [{}, WINDOW, {"PhotometricInterpretation": "MONOCHROME1"}])
def test_levels_take_the_place_of_what_files_say(tmp_path, levels, formula, header):
    Image.fromarray(TWELVE).save(tmp_path / "a.png")
    Image.fromarray(TWELVE).save(tmp_path / "a.tif")
    Image.fromarray(TWELVE.astype(np.float32)).save(tmp_path / "f.tif")
    write_dicom(tmp_path / "a.dcm", TWELVE, BitsStored=12, HighBit=11, **header)
    expected = formula(TWELVE.astype(float))
    dicom_inverts = header.get("PhotometricInterpretation") and not levels.photometric
    for name in ("a.png", "a.tif", "f.tif", "a.dcm"):
        seen = ImageFile(tmp_path / name, levels=levels).read()
        turned = dicom_inverts and name == "a.dcm"
        assert seen.dtype == np.float32
        assert np.allclose(seen, 1 - expected if turned else expected, atol=1e-6)


def test_percentiles_are_those_of_the_film_without_its_padding(tmp_path):
    stored = noise()
    stored[:20] = 0
    film = write_dicom(tmp_path / "a.dcm", stored, PixelPaddingValue=0)
    seen = ImageFile(film.path, levels=Levels(percentiles=(1, 99))).read()
    low, high = np.percentile(stored[20:], [1, 99])
    assert np.allclose(seen[20:], ((stored[20:] - low) / (high - low)).clip(0, 1), atol=1e-6)
    assert np.all(seen[:20] == 0)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.dcm"])
def test_a_negative_may_be_told(tmp_path, name):
    if name.endswith("dcm"):
        write_dicom(tmp_path / name, BYTES)
    else:
        Image.fromarray(BYTES).save(tmp_path / name)
    film = ImageFile(tmp_path / name, levels=Levels(photometric="MONOCHROME1"))
    assert np.allclose(film.read(), 1 - BYTES / 255, atol=1e-6)
    same = ImageFile(tmp_path / name, levels=Levels(photometric="MONOCHROME2"))
    assert np.allclose(same.read(), BYTES / 255, atol=1e-6)


def test_a_missing_photometric_interpretation_has_its_cure(tmp_path):
    film = with_empty(tmp_path / "a.dcm", {"PhotometricInterpretation": None}, BYTES)
    with pytest.raises(PixelError, match=r"Say photometric = 'MONOCHROME2'"):
        film.read()
    told = ImageFile(film.path, levels=Levels(photometric="MONOCHROME2"))
    assert np.allclose(told.read(), BYTES / 255)


def test_too_few_bits_in_a_header_are_told_and_not_wrapped(tmp_path):
    """pydicom clears the bits above those that are told: 4000 of 8 bits would be 160."""
    film = write_dicom(tmp_path / "a.dcm", TWELVE, BitsStored=8, HighBit=7)
    with pytest.raises(PixelError, match=r"values up to \d+, but the header tells 8 bits.*maximum"):
        film.read()
    told = ImageFile(film.path, levels=Levels(maximum=4095))
    assert np.allclose(told.read(), TWELVE / 4095)


def test_pixels_in_the_upper_bits_are_found_where_the_header_says(tmp_path):
    plain = write_dicom(tmp_path / "a.dcm", TWELVE, BitsStored=12, HighBit=11, **WINDOW)
    upper = write_dicom(tmp_path / "b.dcm", TWELVE * 16, BitsStored=12, HighBit=15, **WINDOW)
    assert np.array_equal(upper.read(), plain.read())


def test_an_overlay_in_the_upper_bits_is_cleared(tmp_path):
    letters = TWELVE.copy()
    letters[0, :2] |= 1 << 15
    marked = {"BitsStored": 12, "HighBit": 11, **WINDOW}
    plain = write_dicom(tmp_path / "a.dcm", TWELVE, **marked).read()
    assert np.array_equal(write_dicom(tmp_path / "b.dcm", letters, **marked).read(), plain)
    everywhere = TWELVE | 1 << 15
    film = write_dicom(tmp_path / "c.dcm", everywhere, **marked)
    dataset = pydicom.dcmread(film.path)
    dataset.add_new((0x6000, 0x0102), "US", 15)
    dataset.save_as(film.path)
    assert np.array_equal(film.read(), plain)


def test_a_colour_film_of_sixteen_bits_keeps_them_where_its_maximum_is_said(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.dstack([TWELVE] * 3))
    film = ImageFile(tmp_path / "a.png", levels=Levels(maximum=4095))
    assert np.allclose(film.read(), TWELVE / 4095, atol=1e-5)


def test_values_above_the_maximum_are_told(tmp_path):
    Image.fromarray(WORDS).save(tmp_path / "a.png")
    with pytest.raises(PixelError, match="values from 0 to 56400, expected 0 to maximum = 4095"):
        ImageFile(tmp_path / "a.png", levels=Levels(maximum=4095)).read()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"maximum": 0}, "maximum = 0"),
        ({"maximum": float("nan")}, "maximum = nan"),
        ({"window": (100, 0)}, "width >= 1"),
        ({"percentiles": (99, 1)}, "two numbers from 0 to 100"),
        ({"percentiles": (1, 101)}, "two numbers from 0 to 100"),
        ({"window": (1, 2), "maximum": 9}, "window and maximum: each says what is white"),
    ],
)
def test_impossible_levels_are_answered(said, words):
    with pytest.raises(DataError, match=words):
        Levels(**said)


def test_a_data_set_says_its_levels_once_and_its_films_have_other_versions(tmp_path):
    Image.fromarray(TWELVE).save(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("image,X\na.png,1\n")
    plain = Manifest(tmp_path / "t.csv", ("X",))[0].pixels
    options = {"csv": str(tmp_path / "t.csv"), "labels": ["X"]}
    twelve = datasets.build("manifest", options | {"maximum": 4095})[0].pixels
    assert np.allclose(twelve.read(), TWELVE / 4095)
    whole = Manifest(tmp_path / "t.csv", ("X",), maximum=4095.0)[0].pixels
    for ask in (ImageFile.version, ImageFile.digest):
        assert ask(twelve) == ask(whole) != ask(plain)
        assert ask(twelve).startswith(ask(plain))
    with pytest.raises(SpecError, match="photometric='inverse'"):
        datasets.build("manifest", options | {"photometric": "inverse"})


# ---------------------------------------------------------------- headers


def test_a_header_says_how_a_film_is_read(tmp_path):
    Image.fromarray(BYTES).save(tmp_path / "a.jpg")
    Image.fromarray(WORDS).save(tmp_path / "a.png")
    write_dicom(tmp_path / "a.dcm", TWELVE, BitsStored=12, HighBit=11, **WINDOW)
    write_dicom(tmp_path / "b.dcm", BYTES, PhotometricInterpretation="MONOCHROME1")
    write_dicom(tmp_path / "c.dcm", WORDS)
    levels = Levels(photometric="MONOCHROME2", percentiles=(1, 99))
    found = {
        name: ImageFile(tmp_path / name, levels=levels if told else Levels()).header()
        for name, told in [("a.jpg", 0), ("a.png", 0), ("a.dcm", 0), ("c.dcm", 0), ("b.dcm", 1)]
    }
    said = {name: (h.format, h.bits, h.photometric, h.levels) for name, h in found.items()}
    assert said == {
        "a.jpg": ("JPEG", 8, "grey", "0 to 255"),
        "a.png": ("PNG", 16, "grey", "0 to 65535"),
        "a.dcm": ("DICOM", 12, "MONOCHROME2", "window"),
        "c.dcm": ("DICOM", 16, "MONOCHROME2", "smallest to largest pixel"),
        "b.dcm": ("DICOM", 8, "MONOCHROME2 (file: MONOCHROME1)", "percentiles 1 to 99"),
    }
    assert {(h.height, h.width) for h in found.values()} == {(6, 8)}
    assert (found["a.dcm"].centre, found["a.dcm"].window) == (20_000, 30_000)
    assert found["c.dcm"].window is None
