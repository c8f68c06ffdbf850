"""What each kind of file becomes, against the DICOM standard's formulae, and what is refused."""

import contextlib
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, SecondaryCaptureImageStorage

from heatproof.data.pixels import ArrayPixels, ImageFile
from heatproof.errors import PixelError
from heatproof.types import Pixels

BYTES = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
WORDS = np.arange(48, dtype=np.uint16).reshape(6, 8) * 1200


def write_dicom(path, stored, **attributes):
    """A minimal DICOM film of the given stored values."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    film = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    film.SOPClassUID, film.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    film.Rows, film.Columns = stored.shape[-2:]
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.BitsAllocated = stored.dtype.itemsize * 8
    film.BitsStored, film.HighBit = film.BitsAllocated, film.BitsAllocated - 1
    film.PixelRepresentation = int(stored.dtype.kind == "i")
    film.PixelData = stored.tobytes()
    for name, value in attributes.items():
        if value is None:
            delattr(film, name)
        else:
            setattr(film, name, value)
    film.save_as(path, enforce_file_format=True)
    return ImageFile(path)


def lut(values, first, bits=8):
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [len(values), first, bits])
    table.add_new("LUTData", "US", list(values))
    table.ModalityLUTType = "US"
    return pydicom.Sequence([table])


# ---------------------------------------------------------------- PNG, JPEG, TIFF


@pytest.mark.parametrize("name", ["film.png", "film.tif", "film.dcm"])
def test_eight_bits_are_divided_by_255_whatever_the_name(tmp_path, name):
    Image.fromarray(BYTES).save(tmp_path / name, format="TIFF" if "tif" in name else "PNG")
    film = ImageFile(tmp_path / name)
    assert film.read().dtype == np.float32
    assert np.array_equal(film.read(), BYTES.astype(np.float32) / 255)
    assert film.size() == (6, 8)
    assert isinstance(film, Pixels)


@pytest.mark.parametrize("name", ["film.png", "film.tif"])
def test_sixteen_bits_are_divided_by_65535(tmp_path, name):
    Image.fromarray(WORDS).save(tmp_path / name)
    assert np.allclose(ImageFile(tmp_path / name).read(), WORDS / 65535)


@pytest.mark.parametrize("array", [BYTES, WORDS])
def test_a_min_is_white_tiff_is_inverted(tmp_path, array):
    # Written as min-is-black, then relabelled: the stored values are the same.
    Image.fromarray(array).save(tmp_path / "film.tif")
    raw = (tmp_path / "film.tif").read_bytes()
    entry = np.array([262, 3], "<u2").tobytes() + np.array([1], "<u4").tobytes()
    assert raw.count(entry) == 1
    at = raw.index(entry) + len(entry)
    (tmp_path / "film.tif").write_bytes(raw[:at] + b"\0\0" + raw[at + 2 :])
    scale = np.iinfo(array.dtype).max
    assert np.allclose(ImageFile(tmp_path / "film.tif").read(), 1 - array / scale)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA"])
def test_a_grey_film_in_a_colour_file_is_the_same_film(tmp_path, mode):
    Image.fromarray(BYTES).convert(mode).save(tmp_path / "film.png")
    assert np.array_equal(ImageFile(tmp_path / "film.png").read(), BYTES.astype(np.float32) / 255)


def test_a_float_tiff_must_be_in_the_unit_interval(tmp_path):
    values = BYTES.astype(np.float32) / 255
    Image.fromarray(values).save(tmp_path / "film.tif")
    assert np.array_equal(ImageFile(tmp_path / "film.tif").read(), values)
    Image.fromarray(values * 255).save(tmp_path / "film.tif")
    with pytest.raises(PixelError, match="from 0 to 235, expected 0 to 1"):
        ImageFile(tmp_path / "film.tif").read()


def test_jpeg_is_read(tmp_path):
    Image.fromarray(BYTES).save(tmp_path / "film.jpg", quality=95)
    assert np.abs(ImageFile(tmp_path / "film.jpg").read() - BYTES / 255).max() < 0.05


@pytest.mark.parametrize("name", ["film.jpg", "film.png", "film.tif"])
def test_a_truncated_file_is_an_error_and_never_grey(tmp_path, name):
    Image.effect_noise((300, 300), 60).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PixelError, match=f"{name}.*truncated or damaged"):
        ImageFile(tmp_path / name).read()


def test_what_is_no_image_says_so(tmp_path):
    (tmp_path / "film.png").write_text("<html>Please log in</html>")
    for ask in (ImageFile.read, ImageFile.size):
        with pytest.raises(PixelError, match="neither PNG, JPEG, TIFF nor DICOM"):
            ask(ImageFile(tmp_path / "film.png"))
        with pytest.raises(PixelError, match="there is no such file"):
            ask(ImageFile(tmp_path / "absent.png"))
    with pytest.raises(PixelError, match="there is no such file"):
        ImageFile(tmp_path / "absent.png").version()


def test_an_image_too_large_to_be_a_film_is_refused_from_its_header(tmp_path):
    Image.new("1", (20_000, 4_100)).save(tmp_path / "film.png")
    with pytest.raises(PixelError, match="at most 80,000,000"):
        ImageFile(tmp_path / "film.png").size()
    Image.new("1", (20_000, 5_000)).save(tmp_path / "film.png")
    with pytest.raises(PixelError, match="decompression bomb"):
        ImageFile(tmp_path / "film.png").read()


def test_a_turned_jpeg_and_a_stack_are_refused(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(BYTES).save(tmp_path / "film.jpg", exif=exif)
    with pytest.raises(PixelError, match="EXIF orientation 6"):
        ImageFile(tmp_path / "film.jpg").size()
    pages = [Image.fromarray(BYTES)] * 3
    pages[0].save(tmp_path / "film.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(PixelError, match="3 frames"):
        ImageFile(tmp_path / "film.tif").read()


def test_a_version_changes_with_the_file(tmp_path):
    film = ImageFile(tmp_path / "film.png")
    Image.fromarray(BYTES).save(film.path)
    before = film.version()
    assert film.version() == before
    Image.fromarray(BYTES[:3]).save(film.path)
    assert film.version() != before


def test_a_digest_is_of_what_is_stored_and_not_of_where_or_when(tmp_path):
    film, copy = ImageFile(tmp_path / "film.png"), ImageFile(tmp_path / "copy.png")
    Image.fromarray(BYTES).save(film.path)
    copy.path.write_bytes(film.path.read_bytes())
    assert film.digest() == copy.digest()
    Image.fromarray(255 - BYTES).save(copy.path)
    assert film.digest() != copy.digest()


def test_an_array_is_itself(tmp_path):
    values = np.random.default_rng(0).random((6, 8)).astype(np.float32)
    film = ArrayPixels(values)
    assert film.size() == (6, 8)
    assert np.array_equal(film.read(), values)
    assert (
        film.version() == ArrayPixels(values.copy()).version() != ArrayPixels(1 - values).version()
    )
    with pytest.raises(PixelError, match="expected 0 to 1"):
        ArrayPixels(values * 255).read()


# ---------------------------------------------------------------- DICOM


def test_the_real_film_and_its_relabelled_copy_are_negatives(shared_data):
    """The copy has the same pixel data, called MONOCHROME1: so its picture is the inverse."""
    real, fake = (ImageFile(path) for path in sorted((shared_data / "dicom").glob("*.dcm")))
    assert real.size() == fake.size() == (1024, 1024)
    assert np.allclose(real.read(), 1 - fake.read(), atol=1e-6)
    assert real.read().max() == np.float32(254 / 255)


def test_eight_bits_without_a_window_are_read_as_the_png_made_of_them(tmp_path):
    film = write_dicom(tmp_path / "film.dcm", BYTES)
    assert film.size() == (6, 8)
    assert np.allclose(film.read(), BYTES / 255)


def test_monochrome1_is_inverted(tmp_path):
    film = write_dicom(tmp_path / "film.dcm", BYTES, PhotometricInterpretation="MONOCHROME1")
    assert np.allclose(film.read(), 1 - BYTES / 255)


def test_more_bits_without_a_window_go_from_smallest_to_largest(tmp_path):
    stored = 500 + WORDS % 4096
    film = write_dicom(tmp_path / "film.dcm", stored, BitsStored=13, HighBit=12)
    expected = (stored - stored.min()) / np.ptp(stored)
    assert np.allclose(film.read(), expected, atol=1e-6)


def test_one_value_everywhere_is_black_and_no_division_by_zero(tmp_path):
    film = write_dicom(tmp_path / "film.dcm", np.full((6, 8), 700, np.uint16))
    assert np.all(film.read() == 0)


@pytest.mark.parametrize("signed", [False, True])
def test_a_window_is_the_standards_linear_function(tmp_path, signed):
    stored = WORDS.astype(np.int16) - 20_000 if signed else WORDS
    slope, intercept, centre, width = 0.5, -100.0, 3000.0, 8000.0
    film = write_dicom(
        tmp_path / "film.dcm", stored,
        RescaleSlope=slope, RescaleIntercept=intercept,
        WindowCenter=[centre, 1.0], WindowWidth=[width, 2.0],
    )  # fmt: skip
    x = stored * slope + intercept
    y = ((x - (centre - 0.5)) / (width - 1) + 0.5).clip(0, 1)
    assert np.allclose(film.read(), y, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "formula"),
    [
        ("LINEAR_EXACT", lambda x: ((x - 3000) / 8000 + 0.5).clip(0, 1)),
        ("SIGMOID", lambda x: 1 / (1 + np.exp(-4 * (x - 3000) / 8000))),
    ],
)
def test_other_window_functions(tmp_path, function, formula):
    film = write_dicom(
        tmp_path / "film.dcm", WORDS, WindowCenter=3000, WindowWidth=8000, VOILUTFunction=function
    )
    assert np.allclose(film.read(), formula(WORDS.astype(float)), atol=1e-6)


def test_a_window_one_wide_is_a_step(tmp_path):
    film = write_dicom(tmp_path / "film.dcm", BYTES, WindowCenter=100, WindowWidth=1)
    assert np.array_equal(film.read(), (BYTES > 99.5).astype(np.float32))


@pytest.mark.parametrize(("name", "value"), [("WindowWidth", 0.5), ("VOILUTFunction", "GUESS")])
def test_an_impossible_window_is_an_error(tmp_path, name, value):
    window = {"WindowCenter": 100, "WindowWidth": 50} | {name: value}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, on writing
        film = write_dicom(tmp_path / "film.dcm", BYTES, **window)
    with pytest.raises(PixelError, match=r"film\.dcm: .*expected"):
        film.read()


def test_a_voi_table_comes_before_a_window(tmp_path):
    film = write_dicom(
        tmp_path / "film.dcm", BYTES, VOILUTSequence=lut(range(255, -1, -1), 0),
        WindowCenter=10, WindowWidth=10,
    )  # fmt: skip
    assert np.allclose(film.read(), 1 - BYTES / 255)


def test_a_modality_table_replaces_the_stored_values(tmp_path):
    film = write_dicom(
        tmp_path / "film.dcm", BYTES, ModalityLUTSequence=lut(range(0, 512, 2), 0, 16),
        WindowCenter=256, WindowWidth=512,
    )  # fmt: skip
    y = ((2.0 * BYTES - 255.5) / 511 + 0.5).clip(0, 1)
    assert np.allclose(film.read(), y, atol=1e-6)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_does_not_stretch_the_range(tmp_path, photometric):
    stored = 1000 + WORDS // 60
    stored[0] = 65_000
    film = write_dicom(
        tmp_path / "film.dcm",
        stored,
        PhotometricInterpretation=photometric,
        PixelPaddingValue=65_000,
    )
    picture = film.read()
    assert np.all(picture[0] == 0)
    assert picture[1:].max() == 1
    assert picture[1:].min() == 0


def test_run_length_encoding_is_decoded(tmp_path):
    plain = write_dicom(tmp_path / "plain.dcm", WORDS)
    film = pydicom.dcmread(plain.path)
    film.compress(RLELossless)
    film.save_as(tmp_path / "film.dcm")
    assert np.array_equal(ImageFile(tmp_path / "film.dcm").read(), plain.read())


COMPRESSED = ["JPEG2000.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm"]


@pytest.mark.parametrize("name", COMPRESSED)
def test_compressed_transfer_syntaxes(name):
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"pydicom does not ship {name}")
    assert np.ptp(ImageFile(Path(path)).read()) > 0.5


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"NumberOfFrames": 3}, "3 frames"),
        ({"PixelData": None}, "without pixel data"),
        ({"Rows": None}, "no Rows, Columns"),
        ({"Rows": 60_000, "Columns": 60_000}, "60000 x 60000"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE COLOR, expected MONOCHROME"),
        ({"Rows": 600}, "truncated or damaged"),
        ({"PixelData": b"\0\0"}, "truncated or damaged"),
    ],
)
def test_a_dicom_that_is_no_film_says_why(tmp_path, attributes, reason):
    film = write_dicom(tmp_path / "film.dcm", BYTES, **attributes)
    with pytest.raises(PixelError, match=rf"film\.dcm: .*{reason}"):
        film.read()


def test_a_truncated_dicom_is_an_error(tmp_path):
    film = write_dicom(tmp_path / "film.dcm", WORDS)
    whole = film.path.read_bytes()
    for length in (140, 200, 400, len(whole) - 20):
        film.path.write_bytes(whole[:length])
        with pytest.raises(PixelError, match=r"film\.dcm"):
            film.read()


@settings(max_examples=100)
@given(st.data(), st.sampled_from(["dcm", "png", "tif", "jpg"]))
def test_whatever_is_broken_in_a_file_is_a_pixel_error(tmp_path_factory, data, kind):
    path = tmp_path_factory.getbasetemp() / f"broken.{kind}"
    if kind == "dcm":
        write_dicom(path, WORDS)
    else:
        Image.fromarray(BYTES).save(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    film = ImageFile(path)
    with contextlib.suppress(PixelError):
        assert film.read().shape == film.size()


def test_the_spacing_is_the_calibrated_one_then_that_at_the_detector(tmp_path):
    both = {"ImagerPixelSpacing": [0.2, 0.1], "PixelSpacing": [0.15, 0.08]}
    film = write_dicom(tmp_path / "a.dcm", BYTES, **both)
    assert film.spacing() == (0.15, 0.08)
    film = write_dicom(tmp_path / "b.dcm", BYTES, ImagerPixelSpacing=[0.2, 0.1])
    assert film.spacing() == (0.2, 0.1)
    for wrong in ({}, {"PixelSpacing": [0, 0]}, {"PixelSpacing": None, "ImagerPixelSpacing": [1]}):
        named = {name: value for name, value in wrong.items() if value is not None}
        assert write_dicom(tmp_path / "c.dcm", BYTES, **named).spacing() is None


def test_what_was_told_comes_first_and_is_another_version_of_the_film(tmp_path):
    Image.fromarray(BYTES).save(tmp_path / "film.png", dpi=(300, 300))
    film = ImageFile(tmp_path / "film.png")
    assert film.spacing() is None  # the density of a print says nothing about a patient
    told = ImageFile(tmp_path / "film.png", (0.143, 0.143))
    assert told.spacing() == (0.143, 0.143)
    assert told.version() != film.version()
