"""Pixels: a stored radiograph becomes float32 in [0, 1], dense tissue bright.

==================  ==================================================================
source              scale
==================  ==================================================================
PNG, JPEG, TIFF     stored value / largest storable value (255, 4095, 65535); colour
                    becomes luma (ITU-R 601), alpha is ignored, a min-is-white TIFF is
                    inverted, a float TIFF must lie in [0, 1] already
DICOM, VOI LUT      the LUT's output / the largest value it can give
DICOM, window       PS3.3 C.11.2.1.2: the window's dark end is 0, its bright end 1
DICOM, neither      8 bits stored: / 255, as in a PNG made from it; more bits: smallest to
                    largest pixel, as viewers show it (few devices use all 16 bits)
==================  ==================================================================

In DICOM the modality LUT or rescale comes first, padding is black and left out of smallest and
largest, the first of several windows counts, and MONOCHROME1 is inverted last.  Nothing is guessed
from a file's name: DICOM is known by its preamble.  Refused with a PixelError: several frames,
truncated data (which Pillow could fill with grey), an EXIF orientation other than upright (tools
disagree whether annotations were drawn before or after turning), more than ``MOST_PIXELS``.

Sources: DICOM PS3.3 C.7.6.3, C.11.1, C.11.2 and C.7.5.1.1.2 (padding).
"""

import hashlib
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from jaxtyping import Bool, Float
from PIL import ExifTags, Image, TiffTags, UnidentifiedImageError
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.pixels.processing import apply_modality_lut, apply_voi

from heatproof.errors import PixelError

MOST_PIXELS = 80_000_000  # a digital mammogram has 14 million; Pillow calls 89 million a bomb
Grey = Float[np.ndarray, "h w"]
_FORMATS = ("PNG", "JPEG", "TIFF")
_BYTE = 8  # bits
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_TIFF = {tag.name: number for number, tag in TiffTags.TAGS_V2.items()}


@dataclass(frozen=True)
class ImageFile:
    """A radiograph in a PNG, JPEG, TIFF or DICOM file.

    Attributes:
        path: Path of the file.
        millimetres: Spacing of the pixels, down and across; None for that in the file, if any.
    """

    path: Path
    millimetres: tuple[float, float] | None = None

    def size(self) -> tuple[int, int]:
        """Height and width, from the header; raises PixelError."""
        with _failing(self.path):
            if _is_dicom(self.path):
                header = pydicom.dcmread(self.path, stop_before_pixels=True)
                return _dicom_size(header)
            with Image.open(self.path, formats=_FORMATS) as image:
                _refuse(image)
                return image.height, image.width

    def read(self) -> Grey:
        """The radiograph as float32 in [0, 1], dense tissue bright; raises PixelError."""
        with _failing(self.path):
            if _is_dicom(self.path):
                return _read_dicom(pydicom.dcmread(self.path))
            with Image.open(self.path, formats=_FORMATS) as image:
                _refuse(image)
                return _read_image(image)

    def version(self) -> str:
        """Size and time of change: cheap, and changed by every ordinary way of rewriting."""
        with _failing(self.path):
            status = self.path.stat()
            # Distances in millimetres follow from a given spacing, so it is part of the version.
            millimetres = f", {self.millimetres} mm" if self.millimetres else ""
            return f"{status.st_size} bytes, {status.st_mtime_ns} ns{millimetres}"

    def spacing(self) -> tuple[float, float] | None:
        """The spacing that was given, or that of a DICOM header; densities in other formats are
        those of prints.

        A calibrated spacing (Pixel Spacing) comes before that at the detector (Imager Pixel
        Spacing), which a lesion nearer to the tube overfills: DICOM PS3.3 10.7.1.3.
        """
        if self.millimetres:
            return self.millimetres
        with _failing(self.path):
            if not _is_dicom(self.path):
                return None
            return _dicom_spacing(pydicom.dcmread(self.path, stop_before_pixels=True))

    def digest(self) -> str:
        """A digest of the file's bytes and of the spacing that was given; raises PixelError."""
        with _failing(self.path), self.path.open("rb") as file:
            millimetres = f" {self.millimetres} mm" if self.millimetres else ""
            return hashlib.file_digest(file, "sha256").hexdigest() + millimetres


@dataclass(frozen=True)
class ArrayPixels:
    """A radiograph in memory, float in [0, 1], dense tissue bright."""

    array: Grey = field(repr=False)

    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.array.shape
        return height, width

    def read(self) -> Grey:
        """The array as float32; raises PixelError where it leaves [0, 1]."""
        return _within_unit(self.array.astype(np.float32))

    def version(self) -> str:
        """A digest of the values."""
        return hashlib.sha256(self.array.tobytes()).hexdigest()[:16]

    def spacing(self) -> None:
        """None: the spacing of an array is not known."""

    def digest(self) -> str:
        """A digest of the values."""
        return self.version()


@contextmanager
def _failing(path: Path) -> Iterator[None]:
    """Turn what the decoders raise into a PixelError that names the file."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pydicom")
            warnings.filterwarnings("ignore", module="PIL")
            # The last filter is asked first, so this warning of Pillow is an error all the same.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except PixelError as error:
        raise PixelError(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise PixelError(f"{path}: there is no such file") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PixelError(f"{path}: {error}") from error
    except UnidentifiedImageError as error:
        raise PixelError(
            f"{path}: neither PNG, JPEG, TIFF nor DICOM, whatever its name says"
            " (a DICOM file without its 128-byte preamble?)"
        ) from error
    # Neither library documents what broken input raises; these are what fuzzing them gives.
    except (
        OSError, ValueError, TypeError, AttributeError, LookupError, SyntaxError,
        RuntimeError, EOFError, ArithmeticError, MemoryError, struct.error, BytesLengthException,
        InvalidDicomError,
    ) as error:  # fmt: skip
        raise PixelError(f"{path}: cannot be decoded ({error}); truncated or damaged?") from error


def _refuse(image: Image.Image) -> None:
    if image.height * image.width > MOST_PIXELS:
        raise PixelError(f"{image.height} x {image.width} pixels, at most {MOST_PIXELS:,} are read")
    if (frames := getattr(image, "n_frames", 1)) != 1:
        raise PixelError(f"{frames} frames, expected one; a stack or a volume?")
    if (turned := image.getexif().get(ExifTags.Base.Orientation, 1)) != 1:
        raise PixelError(
            f"EXIF orientation {turned}, expected 1 (upright); turn the pixels themselves, since"
            " tools disagree whether annotations were drawn before or after turning"
        )


def _read_image(image: Image.Image) -> Grey:
    tags = getattr(image, "tag_v2", {})
    if image.mode == "F":
        return _within_unit(np.asarray(image, np.float32))
    if not image.mode.startswith("I"):
        return np.asarray(image.convert("L"), np.float32) / 255
    # Only a TIFF tells its bits; a PNG that Pillow opens in mode I has 16.
    bits = tags.get(_TIFF["BitsPerSample"], (16,))[0]
    values = np.asarray(image, np.float32) / np.float32(2**bits - 1)
    if tags.get(_TIFF["PhotometricInterpretation"]) == 0:  # Pillow inverts 8 bits, but not 16
        values = 1 - values
    return _within_unit(values)


def _within_unit(values: Grey) -> Grey:
    if not (values.min() >= 0 and values.max() <= 1):  # also where a value is nan
        raise PixelError(
            f"values from {values.min():g} to {values.max():g}, expected 0 to 1; divide by the"
            " largest value that the source can hold"
        )
    return values


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _dicom_size(header: pydicom.Dataset) -> tuple[int, int]:
    frames = int(header.get("NumberOfFrames") or 1)
    if frames != 1:
        raise PixelError(f"{frames} frames, expected one; a cine loop or a volume?")
    if "Rows" not in header or "Columns" not in header:
        raise PixelError(
            "a DICOM file without an image (no Rows, Columns); a report or a DICOMDIR?"
        )
    height, width = int(header.Rows), int(header.Columns)
    if not 0 < height * width <= MOST_PIXELS:
        raise PixelError(f"{height} x {width} pixels, expected 1 to {MOST_PIXELS:,}")
    return height, width


def _dicom_spacing(header: pydicom.Dataset) -> tuple[float, float] | None:
    for name in ("PixelSpacing", "ImagerPixelSpacing"):
        match header.get(name):
            case [down, across] if float(down) > 0 and float(across) > 0:
                return float(down), float(across)
    return None


def _read_dicom(dataset: pydicom.Dataset) -> Grey:
    size = _dicom_size(dataset)
    if "PixelData" not in dataset:
        raise PixelError("a DICOM header without pixel data; was it anonymised or truncated?")
    stored = dataset.pixel_array
    photometric = str(dataset.PhotometricInterpretation)
    if stored.shape == (*size, 3):
        luma: Grey = stored.astype(np.float32) @ _LUMA
        return luma / np.float32(2 ** int(dataset.BitsStored) - 1)
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise PixelError(f"photometric interpretation {photometric}, expected MONOCHROME1 or 2")
    padding = _padding(stored, dataset)
    values = apply_modality_lut(stored, dataset)
    grey: Grey = _voi(values, padding, dataset).astype(np.float32)
    if photometric == "MONOCHROME1":
        grey = 1 - grey
    # Padding comes last, since inversion would change what it is set to.
    grey[padding] = 0
    return grey


def _padding(stored: np.ndarray, dataset: pydicom.Dataset) -> Bool[np.ndarray, "h w"]:
    first = dataset.get("PixelPaddingValue")
    if first is None:
        return np.zeros(stored.shape, bool)
    last = dataset.get("PixelPaddingRangeLimit", first)
    return (stored >= min(first, last)) & (stored <= max(first, last))  # type: ignore[no-any-return]


def _voi(
    values: np.ndarray, padding: Bool[np.ndarray, "h w"], dataset: pydicom.Dataset
) -> Float[np.ndarray, "h w"]:
    if tables := dataset.get("VOILUTSequence"):
        return apply_voi(values, dataset) / float(2 ** int(tables[0].LUTDescriptor[2]) - 1)
    if dataset.get("WindowCenter") not in (None, "") and dataset.get("WindowWidth"):
        centre, width = _first(dataset.WindowCenter), _first(dataset.WindowWidth)
        return _window(values, centre, width, str(dataset.get("VOILUTFunction", "LINEAR")))
    # A rescale makes other numbers than bytes, of which 255 is no longer the largest.
    if int(dataset.BitsStored) == _BYTE and values.dtype == np.uint8:
        return values / 255.0
    seen = values[~padding]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)
    return np.clip((values - low) / ((high - low) or 1.0), 0.0, 1.0)


def _first(value: Any) -> float:
    return float(value[0] if isinstance(value, pydicom.multival.MultiValue) else value)


def _window(
    values: np.ndarray, centre: float, width: float, function: str
) -> Float[np.ndarray, "h w"]:
    """The window of DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3, with values between 0 and 1."""
    least = 1 if function == "LINEAR" else 0
    if width < least or (width == 0):
        raise PixelError(f"a window {width:g} wide, expected at least 1")
    if function == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (values - centre) / width))
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0.0, 1.0)
    if function != "LINEAR":
        raise PixelError(f"VOI LUT function {function!r}, expected LINEAR, LINEAR_EXACT or SIGMOID")
    if width == 1:  # a step: the standard's formula would divide by zero
        return (values > centre - 0.5).astype(np.float64)
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0.0, 1.0)
