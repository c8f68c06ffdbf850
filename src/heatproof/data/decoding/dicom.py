"""DICOM films: grey values as the standard makes them, headers as devices write them.

An element without a value counts as absent (PS3.5 7.4.5), also in a list of windows.  Values pass
the modality LUT or rescale first; then what the header gives first of these makes 0 and 1 of them:

==============  ===================================================================
VOI LUT         the LUT's output / the largest value it can give
window          PS3.3 C.11.2.1.2: the window's dark end is 0, its bright end 1
neither         8 bits stored: / 255, as in a PNG made of it, also where a rescale
                gives these values other numbers; more bits: smallest to largest
                pixel, as viewers show it (few devices use all 16 bits), without
                hot pixels (``levels.own_range``)
==============  ===================================================================

Padding is black and left out of smallest and largest; MONOCHROME1 is inverted last.  Old files keep
overlays (letters, lines) in the bits above those of the pixels, which are cleared; where more of a
film has such bits than letters cover, the header tells too few bits, and the film is refused.

Sources: DICOM PS3.3 C.7.6.3, C.11.1, C.11.2 and C.7.5.1.1.2 (padding).
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
from jaxtyping import Bool, Float, Num
from pydicom.pixels.processing import apply_modality_lut, apply_voi

from heatproof.data.decoding.film_header import FilmHeader
from heatproof.data.decoding.levels import Levels, own_range, stretched, windowed
from heatproof.errors import PixelError

MOST_PIXELS = 80_000_000  # a digital mammogram has 14 million; Pillow calls 89 million a bomb
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_BYTE = 8  # bits
_SHORT = 2  # bytes
_OPTIONAL = (
    "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "VOILUTSequence", "WindowCenter",
    "WindowWidth", "VOILUTFunction", "PixelPaddingValue", "PixelPaddingRangeLimit", "PixelSpacing",
    "ImagerPixelSpacing", "NumberOfFrames", "Rows", "Columns", "PhotometricInterpretation",
)  # fmt: skip
_OVERLAY = 0.05  # share of a film that letters and lines cover at most
_TABLES = ("ModalityLUTSequence", "VOILUTSequence")


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its preamble, whatever its name says."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def header_of(path: Path) -> pydicom.Dataset:
    """The header, without elements that have no value."""
    return _without_empty(pydicom.dcmread(path, stop_before_pixels=True))


def size_in(path: Path) -> tuple[int, int]:
    """Height and width of the film in a file; raises PixelError as ``size_of`` does."""
    # Elements without a value need not be taken out first, which takes as long as to read them.
    return size_of(pydicom.dcmread(path, stop_before_pixels=True))


def size_of(header: pydicom.Dataset) -> tuple[int, int]:
    """Height and width; raises PixelError where there is not one image of a film's size."""
    frames = int(header.get("NumberOfFrames") or 1)
    if frames != 1:
        raise PixelError(f"{frames} frames, expected one; a cine loop or a volume?")
    if not (_has_value(header.get("Rows")) and _has_value(header.get("Columns"))):
        raise PixelError(
            "a DICOM file without an image (no Rows, Columns); a report or a DICOMDIR?"
        )
    height, width = int(header.Rows), int(header.Columns)
    if not 0 < height * width <= MOST_PIXELS:
        raise PixelError(f"{height} x {width} pixels, expected 1 to {MOST_PIXELS:,}")
    return height, width


def spacing_of(header: pydicom.Dataset) -> tuple[float, float] | None:
    """Millimetres from pixel to pixel, down and across; None where unknown.

    A calibrated spacing (Pixel Spacing) comes before that at the detector (Imager Pixel Spacing),
    which a lesion nearer to the tube overfills: DICOM PS3.3 10.7.1.3.
    """
    for name in ("PixelSpacing", "ImagerPixelSpacing"):
        match _numbers(header.get(name)):
            case [float(down), float(across)] if down > 0 and across > 0:
                return down, across
    return None


def described(header: pydicom.Dataset, levels: Levels) -> FilmHeader:
    """How the film behind a header is stored and read."""
    height, width = size_of(header)
    bits, photometric = int(header.BitsStored), str(header.get("PhotometricInterpretation", ""))
    window = levels.window if levels.scales else _window(header)
    if levels.scales:
        words = levels.white
    elif int(header.get("SamplesPerPixel") or 1) > 1 or "VOILUTSequence" in header:
        window = None
        words = "VOI LUT" if "VOILUTSequence" in header else f"0 to {2**bits - 1}"
    elif window is not None:
        words = "window"
    else:
        words = f"0 to {2**bits - 1}" if _is_bytes(header) else "smallest to largest pixel"
    centre, width_of_window = window or (None, None)
    return FilmHeader(
        "DICOM", height, width, bits, levels.told(photometric), words, centre, width_of_window
    )


def grey(dataset: pydicom.Dataset, levels: Levels) -> Float[np.ndarray, "h w"]:
    """The film as float32 in [0, 1], dense tissue bright; raises PixelError."""
    _without_empty(dataset)
    size = size_of(dataset)
    stored = _stored(dataset, levels)
    photometric = str(dataset.PhotometricInterpretation)
    if stored.shape == (*size, 3):
        values: Float[np.ndarray, "h w"] = stored.astype(np.float32) @ LUMA
        values = (
            levels.scaled(values).astype(np.float32)
            if levels.scales
            else values / np.float32(2 ** int(dataset.BitsStored) - 1)
        )
        return 1 - values if levels.inverts else values
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise PixelError(f"photometric interpretation {photometric}, expected MONOCHROME1 or 2")
    padding = _padding(stored, dataset)
    shown = _shown(stored, padding, dataset, levels)
    if photometric == "MONOCHROME1":
        shown = 1 - shown
    # Padding comes last, since inversion would change what it is set to.
    if "PixelPaddingValue" in dataset:
        shown[padding] = 0
    return shown


def mask_values(path: Path) -> Num[np.ndarray, "h w"]:
    """The stored values of a mask; raises PixelError where they cannot be one."""
    dataset = _without_empty(pydicom.dcmread(path))
    size = size_of(dataset)
    stored = _stored(dataset, Levels())
    photometric = str(dataset.PhotometricInterpretation)
    if photometric != "MONOCHROME2" or stored.shape != size:
        raise PixelError(
            f"a mask in DICOM with photometric interpretation {photometric}, expected MONOCHROME2:"
            " which of its values is inside?"
        )
    return stored


def was_misread(path: Path) -> bool:
    """Whether version 0.1 read other grey values from a film, or refused it for an empty element.

    Hot pixels show only in the pixels themselves, and are not looked for.
    """
    raw = pydicom.dcmread(path, stop_before_pixels=True)
    empty = {name for name in _OPTIONAL if name in raw and not _has_value(raw[name].value)}
    given = {name for name in _OPTIONAL if name in raw} - empty
    rescale = {"RescaleSlope", "RescaleIntercept"}
    window = {"WindowCenter", "WindowWidth"} <= given
    first = [_listed(raw[name].value)[0] for name in ("WindowCenter", "WindowWidth") if window]
    refused = (
        (rescale <= given | empty and rescale & empty)
        or ("PixelPaddingValue" in given and "PixelPaddingRangeLimit" in empty)
        or (window and ("VOILUTFunction" in empty or not all(map(_has_value, first))))
    )
    header = _without_empty(raw)
    by_range = _window(header) is None and "VOILUTSequence" not in header
    stretched_bytes = _is_bytes(header) and by_range
    stretched_bytes = stretched_bytes and (rescale <= given or int(header.BitsAllocated) > _BYTE)
    # Version 0.1 left out a slope without an intercept, and the other way round.
    half = len(rescale & given) == 1 and _rescale(header) != (1, 0)
    return bool(refused or stretched_bytes or half)


def _without_empty(dataset: pydicom.Dataset) -> pydicom.Dataset:
    """The same data set, after elements and items of tables without a value were taken out."""
    for name in _OPTIONAL:
        if name in dataset and not _has_value(dataset[name].value):
            delattr(dataset, name)
    for name in _TABLES:
        if name in dataset:
            usable = [t for t in dataset[name].value if _has_value(t.get("LUTData"))]
            usable = [table for table in usable if _has_value(table.get("LUTDescriptor"))]
            if usable:
                setattr(dataset, name, pydicom.Sequence(usable))
            else:
                delattr(dataset, name)
    return dataset


def _has_value(value: Any) -> bool:
    """Whether anything stands in an element; 0 does."""
    return any(part is not None and part != "" for part in _listed(value))


def _listed(value: Any) -> Sequence[Any]:
    several = isinstance(value, pydicom.multival.MultiValue | pydicom.Sequence | list | tuple)
    return value if several else [value]


def _numbers(value: Any) -> list[float | None]:
    """The numbers of an element; None where one of several is empty."""
    return [float(part) if _has_value(part) else None for part in _listed(value)]


def _window(header: pydicom.Dataset) -> tuple[float, float] | None:
    """Centre and width of the first window that has both."""
    # Where there are more centres than widths, those without a partner say nothing.
    pairs = zip(
        _numbers(header.get("WindowCenter")), _numbers(header.get("WindowWidth")), strict=False
    )
    return next(((c, w) for c, w in pairs if c is not None and w), None)


def _is_bytes(header: pydicom.Dataset) -> bool:
    """Whether stored values are bytes, of which 0 is one end and 255 the other."""
    unsigned = int(header.get("PixelRepresentation") or 0) == 0
    one = int(header.get("SamplesPerPixel") or 1) == 1
    return (
        int(header.BitsStored) == _BYTE and unsigned and one
        and "ModalityLUTSequence" not in header
    )  # fmt: skip


def _stored(dataset: pydicom.Dataset, levels: Levels) -> Num[np.ndarray, "..."]:
    """The stored values; raises PixelError."""
    if "PixelData" not in dataset:
        raise PixelError("a DICOM header without pixel data; was it anonymised or truncated?")
    if levels.photometric and int(dataset.get("SamplesPerPixel") or 1) == 1:
        dataset.PhotometricInterpretation = levels.photometric
    if "PhotometricInterpretation" not in dataset:
        raise PixelError(
            "no photometric interpretation: are low values dark? Say photometric = 'MONOCHROME2'"
            " for this data set, or 'MONOCHROME1' where they are bright"
        )
    bits, allocated = int(dataset.BitsStored), int(dataset.BitsAllocated)
    compressed = dataset.file_meta.TransferSyntaxUID.is_compressed
    if compressed or bits >= allocated or int(dataset.PixelRepresentation) != 0:
        return dataset.pixel_array
    # pydicom clears the bits above those that are told, so all are asked for to see what is there.
    spare = int(dataset.get("HighBit", bits - 1)) + 1 - bits
    dataset.BitsStored, dataset.HighBit = allocated, allocated - 1
    stored: np.ndarray = dataset.pixel_array
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    most = 2**bits - 1
    if stored.max() <= most:
        return stored
    beyond = float((stored > most).mean())
    if spare > 0:  # old devices left the lowest bits empty
        shifted: np.ndarray = np.right_shift(stored, spare)
        return shifted
    if beyond > _OVERLAY and not _has_overlay(dataset):
        if levels.scales:
            return stored
        raise PixelError(
            f"values up to {stored.max()}, but the header tells {bits} bits (up to {most}); say"
            " maximum, window or percentiles for this data set"
        )
    cleared: np.ndarray = np.bitwise_and(stored, stored.dtype.type(most))
    return cleared


def _has_overlay(dataset: pydicom.Dataset) -> bool:
    """Whether the header says that an overlay lies in bits above those of the pixels."""
    groups = range(0x6000, 0x6020, 2)
    return any(
        int(dataset[group, 0x0102].value or 0) for group in groups if (group, 0x0102) in dataset
    )


def _padding(stored: Num[np.ndarray, "h w"], dataset: pydicom.Dataset) -> Bool[np.ndarray, "h w"]:
    first = dataset.get("PixelPaddingValue")
    if first is None:
        return np.zeros(stored.shape, bool)
    last = dataset.get("PixelPaddingRangeLimit", first)
    return (stored >= min(first, last)) & (stored <= max(first, last))  # type: ignore[no-any-return]


def _rescale(header: pydicom.Dataset) -> tuple[float, float] | None:
    """Slope and intercept; None where the header has neither."""
    slope, intercept = header.get("RescaleSlope"), header.get("RescaleIntercept")
    if slope is None and intercept is None:
        return None
    if slope is not None and float(slope) == 0:
        raise PixelError("RescaleSlope 0, which makes all pixels equal; is the header damaged?")
    return float(1 if slope is None else slope), float(intercept or 0)


def _modality(stored: Num[np.ndarray, "h w"], dataset: pydicom.Dataset) -> Num[np.ndarray, "h w"]:
    if "ModalityLUTSequence" in dataset:
        values: np.ndarray = apply_modality_lut(stored, dataset)
        return values
    rescale = _rescale(dataset)
    if rescale is None:
        return stored
    slope, intercept = rescale
    return stored.astype(np.float64) * slope + intercept


def _shown(
    stored: Num[np.ndarray, "h w"],
    padding: Bool[np.ndarray, "h w"],
    dataset: pydicom.Dataset,
    levels: Levels,
) -> Float[np.ndarray, "h w"]:
    """Stored values brought to [0, 1], dark to bright as they are stored."""
    if (
        stored.dtype.kind not in "iu"
        or stored.itemsize > _SHORT
        or _depends_on_all(dataset, levels)
    ):
        return _scaled(_modality(stored, dataset), padding, dataset, levels).astype(np.float32)
    # Each value becomes what it becomes wherever it stands, so it is computed once per value.
    low = int(stored.min())
    each = np.arange(low, int(stored.max()) + 1).astype(stored.dtype)[None]
    nowhere = np.zeros(each.shape, bool)
    table = _scaled(_modality(each, dataset), nowhere, dataset, levels).astype(np.float32)[0]
    return _looked_up(table, stored, low)


def _looked_up(
    table: Float[np.ndarray, " values"], stored: Num[np.ndarray, "h w"], low: int
) -> Float[np.ndarray, "h w"]:
    """What each stored value becomes.

    Args:
        table: What the values become, from the lowest up.
        stored: Values of 8 or 16 bits.
        low: The lowest of them.
    """
    if stored.itemsize != _SHORT or not _opencv_looks_up_words():
        return np.take(table, stored.astype(np.intp) - low if low else stored)
    # NumPy makes 8 bytes of each value first, which takes as long as to decode the film.  A
    # negative value stands where its bits do, read as those of a positive one.
    whole = np.zeros(2**16, np.float32)
    whole[np.arange(low, low + len(table)) % 2**16] = table
    native = np.ascontiguousarray(stored, stored.dtype.newbyteorder("="))
    return cv2.LUT(native.view(np.uint16), whole)


@cache
def _opencv_looks_up_words() -> bool:
    """Whether this OpenCV has tables of 16 bits: 5 has, 4 has not."""
    try:
        cv2.LUT(np.zeros((1, 1), np.uint16), np.zeros(2**16, np.float32))
    except cv2.error:
        return False
    return True


def _depends_on_all(dataset: pydicom.Dataset, levels: Levels) -> bool:
    """Whether black and white follow from the values of all pixels together."""
    if levels.scales:
        return bool(levels.percentiles)
    return not ("VOILUTSequence" in dataset or _window(dataset) or _is_bytes(dataset))


def _scaled(
    values: Num[np.ndarray, "h w"],
    padding: Bool[np.ndarray, "h w"],
    dataset: pydicom.Dataset,
    levels: Levels,
) -> Float[np.ndarray, "h w"]:
    """Values after the modality LUT or rescale, brought to [0, 1]."""
    if levels.scales:
        return levels.scaled(values, ~padding)
    if tables := dataset.get("VOILUTSequence"):
        # Rescaled values are floats, of which pydicom doubts that they count entries.
        return apply_voi(values, dataset) / float(2 ** int(tables[0].LUTDescriptor[2]) - 1)
    if window := _window(dataset):
        return windowed(values, *window, str(dataset.get("VOILUTFunction", "LINEAR")))
    if _is_bytes(dataset):
        slope, intercept = _rescale(dataset) or (1.0, 0.0)
        return stretched(values, *sorted((intercept, slope * 255.0 + intercept)))
    return stretched(values, *own_range(values[~padding]))
