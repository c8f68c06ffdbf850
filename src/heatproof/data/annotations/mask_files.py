"""The file of a mask: which of its pixels are marked.

A mask has two values, whatever they are, and the background is known by one of them:

==========================  ==================================================================
encoding                    outside
==========================  ==================================================================
grey: 1, 8, 16, 32 bits,    0
float
colour                      black; what is transparent, where all other pixels are of one colour
palette                     as in colour; where all entries have one colour, as annotation
                            tools write them, index 0
DICOM                       stored value 0 (MONOCHROME2)
DICOM segmentation          of one finding: what no segment holds
==========================  ==================================================================

One value alone is an empty mask, or a full one.  Refused with an AnnotationError: more than two
values, two of which none is the background, several pages (does each hold a part, or all but one
a thumbnail?), a file that is turned (EXIF) or whose white is 0.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Num
from PIL import ExifTags, Image, UnidentifiedImageError

from heatproof.data.decoding import TIFF_TAGS, decoding, dicom
from heatproof.data.decoding.deep_colour import deep_colour, is_deep_colour
from heatproof.data.dicom.segmentation import (
    Segmentation,
    is_segmentation,
    read_segmentation,
    size_in,
)
from heatproof.disk import is_file
from heatproof.errors import AnnotationError, DamagedMaskError, PixelError

Mask = Bool[np.ndarray, "h w"]
_GREY = ("1", "L", "F")  # and those that begin with I
_WITH_ALPHA = ("RGBA", "LA", "PA", "P", "RGBa", "La")


def size_of(path: Path) -> tuple[int, int]:
    """Height and width, from the header.

    Raises:
        AnnotationError: There is no such file, or one that holds several pages or is turned.
        DamagedMaskError: It cannot be decoded.
    """
    with _reading(path):
        if is_segmentation(path):
            return size_in(path)
        if dicom.is_dicom(path):
            return dicom.size_of(dicom.header_of(path))
        with Image.open(path) as image:
            return image.height, image.width


def marked(path: Path) -> Mask:
    """The pixels that are not background.

    Raises:
        AnnotationError: As of ``size_of``; or the file does not say what is inside, see above.
        DamagedMaskError: It cannot be decoded.
    """
    with _reading(path):
        if is_segmentation(path):
            return _of_segments(read_segmentation(path))
        if dicom.is_dicom(path):
            return _of_values(dicom.mask_values(path))
        with Image.open(path) as image:
            _refuse(image)
            if image.mode.startswith("I") or image.mode in _GREY:
                bits = image.convert("L") if image.mode == "1" else image
                return _of_values(np.asarray(bits))
            if is_deep_colour(image, path):
                return _of_colours(deep_colour(path))
            colours = np.asarray(image.convert("RGBA" if image.mode in _WITH_ALPHA else "RGB"))
            if image.mode == "P" and (colours == colours[0, 0]).all():
                return _of_values(np.asarray(image))
            return _of_colours(colours)


def was_misread(path: Path) -> bool:
    """Whether version 0.1 read something else, or nothing, from a file that can be read now.

    It saw the luma of colours, whose small values it rounded to 0, one page of several, and no
    values below 0.
    """
    try:
        status = path.stat()
    except OSError:
        return False
    return _was_misread(path, status.st_size, status.st_mtime_ns)


@cache
def _was_misread(path: Path, *_: int) -> bool:
    # The other arguments make a file that changed another one to the cache.
    try:
        if dicom.is_dicom(path):
            return False  # which could not be read, so nothing was made of it
        with Image.open(path) as image:
            if image.mode in ("1", "L") or image.mode.startswith("I;16"):
                return False
            luma = np.asarray(image if image.mode.startswith("I") else image.convert("L"))
    except (OSError, SyntaxError, ValueError):
        return False
    lit = luma[luma > 0]
    if lit.size and lit.min() != lit.max():
        return True  # it was refused
    try:
        return not np.array_equal(marked(path), luma > 0)
    except AnnotationError:
        return True


def _refuse(image: Image.Image) -> None:
    if (pages := getattr(image, "n_frames", 1)) != 1:
        raise AnnotationError(
            f"{pages} pages, expected one: does each hold a part of the mask? Join them into one"
        )
    if (turned := image.getexif().get(ExifTags.Base.Orientation, 1)) != 1:
        raise AnnotationError(f"EXIF orientation {turned}, expected 1 (upright); turn the pixels")
    tags = getattr(image, "tag_v2", {})
    # Pillow inverts such files of 1 and 8 bits, and no others.
    if tags.get(TIFF_TAGS["PhotometricInterpretation"]) == 0 and image.mode[0] in "IF":
        raise AnnotationError("a TIFF whose white is 0: which of its values is inside? Invert it")


def _of_segments(found: Segmentation) -> Mask:
    """The mask of a segmentation of one finding and one film, however many segments it has."""
    labels = sorted({segment.label for segment in found.segments})
    if len(labels) > 1 or len(found.films) > 1:
        raise AnnotationError(
            f"a segmentation of {', '.join(labels) or 'nothing'} on {len(found.films)} film(s),"
            " expected one finding and one film; annotations = ... of a manifest, in place of mask,"
            " takes a folder of such files"
        )
    whole: Mask = np.zeros(found.size, bool)
    for segment in found.segments:
        whole |= segment.mask
    return whole


def _of_values(values: Num[np.ndarray, "h w"], background: str = "0") -> Mask:
    """A mask of numbers: 0 is outside, and is called ``background`` in messages."""
    low, high = values.min(), values.max()
    if np.isnan(low):
        raise AnnotationError("pixels without a value (nan): are they outside? Expected 0 there")
    if not ((values == low) | (values == high)).all():
        raise AnnotationError(
            f"{len(np.unique(values))} different values, expected two; is it a label map,"
            " or was it saved as JPEG or smoothed?"
        )
    if low != high and 0 not in (low, high):
        raise AnnotationError(
            f"two values, none of which is {background}: which is inside? Expected {background}"
            " outside"
        )
    marked: Mask = values != 0
    return marked


def _of_colours(colours: Num[np.ndarray, "h w c"]) -> Mask:
    """A mask of colours, three channels or four with alpha: black or transparent is outside."""
    # Each colour as one number, black as 0.
    numbers = colours[..., :3].astype(np.int64) @ np.array([1 << 32, 1 << 16, 1])
    alpha = colours[..., 3] if colours.shape[2] > 3 else np.ones(numbers.shape)  # noqa: PLR2004
    visible = alpha > 0
    # A channel that is 0 throughout hides everything, so it cannot be meant.
    if visible.all() or not visible.any():
        if numbers.min() == numbers.max() and alpha.min() != alpha.max():
            raise AnnotationError(
                "one colour of several opacities, none of which is 0: which is inside?"
            )
        return _of_values(numbers, "black")
    seen = numbers[visible]
    if seen.min() != seen.max():
        raise AnnotationError(
            "transparent pixels beside others of several colours, expected two values; is it a"
            " picture with the mask drawn on it?"
        )
    if seen[0] == 0 and numbers.any():
        raise AnnotationError(
            "black beside transparent pixels of another colour: which is inside? Save it in grey"
        )
    return visible


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what decoders raise into an AnnotationError that names the file."""
    if not is_file(path):
        raise AnnotationError(f"{path}: there is no such mask") from FileNotFoundError(path)
    try:
        with decoding(path):
            try:
                yield
            except UnidentifiedImageError as error:
                raise PixelError("cannot be decoded, neither as an image nor as DICOM") from error
    except AnnotationError as error:
        told = str(error)
        raise AnnotationError(told if told.startswith(str(path)) else f"{path}: {told}") from error
    except PixelError as error:
        raise DamagedMaskError(f"mask {error}") from error
