"""Pixels: a stored radiograph becomes float32 in [0, 1], dense tissue bright.

A PNG, JPEG or TIFF is its stored values / the largest storable value (255, 4095, 65535); colour
becomes luma (ITU-R 601), alpha is ignored, a min-is-white TIFF is inverted, and a float TIFF must
lie in [0, 1] already.  What becomes of DICOM stands in ``dicom``.  ``Levels`` say for the films of
one data set what their files say wrongly, or cannot say.

Nothing is guessed from a file's name: DICOM is known by its preamble.  Refused with a PixelError:
several frames, truncated data (which Pillow could fill with grey), an EXIF orientation other than
upright (tools disagree whether annotations were drawn before or after turning), more than
``MOST_PIXELS``.
"""

import hashlib
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pydicom
from jaxtyping import Float
from PIL import ExifTags, Image

from heatproof.data.decoding import TIFF_TAGS, decoding, dicom
from heatproof.data.decoding.deep_colour import deep_colour, is_deep_colour
from heatproof.data.decoding.dicom import LUMA, MOST_PIXELS
from heatproof.data.decoding.film_header import FilmHeader
from heatproof.data.decoding.levels import Levels
from heatproof.data.decoding.png_chunks import may_be_turned
from heatproof.errors import PixelError

Grey = Float[np.ndarray, "h w"]
_FORMATS = ("PNG", "JPEG", "TIFF")
_AS_STORED = Levels()


@dataclass(frozen=True)
class ImageFile:
    """A radiograph in a PNG, JPEG, TIFF or DICOM file.

    Attributes:
        path: Path of the file.
        millimetres: Spacing of the pixels, down and across; None for that in the file, if any.
        levels: Which values are black and white, where the file does not say it or says it wrongly.
    """

    path: Path
    millimetres: tuple[float, float] | None = None
    levels: Levels = _AS_STORED

    def size(self) -> tuple[int, int]:
        """Height and width, from the header, as they were when first asked for; raises PixelError.

        A run asks for each map; whether a film is another by then, ``version`` says.
        """
        return self._size

    @cached_property
    def _size(self) -> tuple[int, int]:
        with decoding(self.path):
            if dicom.is_dicom(self.path):
                return dicom.size_in(self.path)
            with Image.open(self.path, formats=_FORMATS) as image:
                _refuse_size(image)
                if image.format != "PNG" or may_be_turned(self.path):
                    _refuse_turned(image)
                return image.height, image.width

    def header(self) -> FilmHeader:
        """How the film is stored and read, without decoding it; raises PixelError."""
        with decoding(self.path):
            if dicom.is_dicom(self.path):
                return dicom.described(dicom.header_of(self.path), self.levels)
            # Whether the film is refused is not asked: for that Pillow decodes all of a PNG.
            with Image.open(self.path, formats=_FORMATS) as image:
                return _described(image, self.path, self.levels)

    def read(self) -> Grey:
        """The radiograph as float32 in [0, 1], dense tissue bright; raises PixelError."""
        with decoding(self.path):
            if dicom.is_dicom(self.path):
                return _within_unit(dicom.grey(pydicom.dcmread(self.path), self.levels))
            with Image.open(self.path, formats=_FORMATS) as image:
                _refuse_size(image)
                _refuse_turned(image)
                return _within_unit(_read_image(image, self.path, self.levels))

    def version(self) -> str:
        """Size and time of change: cheap, and changed by every ordinary way of rewriting.

        It also changes with everything that is said of the film beside its file, and where an
        earlier version of heatproof read other grey values from it.
        """
        with decoding(self.path):
            status = self.path.stat()
        size, time = status.st_size, status.st_mtime_ns
        anew = ", read anew" if _was_misread(self.path, size, time) else ""
        return f"{size} bytes, {time} ns{self._said(', ')}{anew}"

    def identity(self) -> str:
        """What decides the pixels: equal for equal pixels alone; raises PixelError.

        No program can set the time at which the file system saw the file change.
        """
        with decoding(self.path):
            status = self.path.stat()
        times = f"{status.st_mtime_ns} ns, {status.st_ctime_ns} ns"
        return f"{self.path.absolute()}, {status.st_size} bytes, {times}{self._said(', ')}"

    def spacing(self) -> tuple[float, float] | None:
        """The spacing that was given, or that of a DICOM header when it was first asked for.

        Densities in other formats are those of prints.
        """
        return self.millimetres or self._spacing

    @cached_property
    def _spacing(self) -> tuple[float, float] | None:
        with decoding(self.path):
            if not dicom.is_dicom(self.path):
                return None
            return dicom.spacing_of(dicom.header_of(self.path))

    def digest(self) -> str:
        """A digest of the file's bytes and of what is said beside them; raises PixelError."""
        with decoding(self.path), self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() + self._said(" ")

    def _said(self, separator: str) -> str:
        """What is said of the film beside its file: what follows from it differs."""
        said = [f"{self.millimetres} mm" if self.millimetres else "", str(self.levels)]
        return "".join(f"{separator}{text}" for text in said if text)


@cache
def _was_misread(path: Path, *_: int) -> bool:
    # The other arguments make a file that changed another one to the cache.
    try:
        with decoding(path):
            return dicom.is_dicom(path) and dicom.was_misread(path)
    except PixelError:
        return False  # a damaged film has a version, too


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


def _refuse_size(image: Image.Image) -> None:
    if image.height * image.width > MOST_PIXELS:
        raise PixelError(f"{image.height} x {image.width} pixels, at most {MOST_PIXELS:,} are read")
    if (frames := getattr(image, "n_frames", 1)) != 1:
        raise PixelError(f"{frames} frames, expected one; a stack or a volume?")


def _refuse_turned(image: Image.Image) -> None:
    if (turned := image.getexif().get(ExifTags.Base.Orientation, 1)) != 1:
        raise PixelError(
            f"EXIF orientation {turned}, expected 1 (upright); turn the pixels themselves, since"
            " tools disagree whether annotations were drawn before or after turning"
        )


def _read_image(image: Image.Image, path: Path, levels: Levels) -> Grey:
    stored, largest = _stored(image, path, levels)
    says_inverted = _low_is_bright(image)
    # Pillow inverts such files of 8 bits when it opens them, and no others.
    is_inverted = says_inverted and image.mode[0] not in "IF"
    inverts = levels.inverts if levels.photometric else says_inverted
    if levels.scales:
        # Levels are about the values in the file.
        as_stored = largest - stored if is_inverted else stored
        scaled: Grey = levels.scaled(as_stored).astype(np.float32)
        return 1 - scaled if inverts else scaled
    stored /= np.float32(largest)  # in place: a copy of a large film takes as long
    return 1 - stored if inverts != is_inverted else stored


def _stored(image: Image.Image, path: Path, levels: Levels) -> tuple[Grey, int]:
    """The values of a file as float32, luma where it is in colour, and the largest there can be."""
    if image.mode == "F":
        return np.array(image, np.float32), 1
    if image.mode.startswith("I"):
        return np.array(image, np.float32), 2 ** _bits(image, path) - 1
    if levels.scales and is_deep_colour(image, path):
        # Without levels the upper 8 bits make grey values that differ by 1/255 at most.
        luma: Grey = deep_colour(path)[..., :3].astype(np.float32) @ LUMA
        return luma, 2**16 - 1
    grey = image if image.mode == "L" else image.convert("L")
    return np.array(grey, np.float32), 2**8 - 1


def _bits(image: Image.Image, path: Path) -> int:
    if image.mode == "F":
        return 32
    if not image.mode.startswith("I"):
        return 1 if image.mode == "1" else 16 if is_deep_colour(image, path) else 8
    # Only a TIFF tells its bits; a PNG that Pillow opens in mode I has 16.
    bits: int = getattr(image, "tag_v2", {}).get(TIFF_TAGS["BitsPerSample"], (16,))[0]
    return bits


def _low_is_bright(image: Image.Image) -> bool:
    """Whether a TIFF says that 0 is white; of floats it is not asked."""
    tags = getattr(image, "tag_v2", {})
    return image.mode != "F" and tags.get(TIFF_TAGS["PhotometricInterpretation"]) == 0


def _described(image: Image.Image, path: Path, levels: Levels) -> FilmHeader:
    bits = _bits(image, path)
    kinds = {"P": "palette", "1": "grey", "L": "grey", "LA": "grey", "F": "grey", "I": "grey"}
    colour = kinds.get(image.mode.partition(";")[0], "colour")
    photometric = "grey, 0 is white" if _low_is_bright(image) else colour
    words = levels.white if levels.scales else f"0 to {1 if image.mode == 'F' else 2**bits - 1}"
    centre, window = levels.window or (None, None)
    return FilmHeader(
        image.format or "", image.height, image.width, bits, levels.told(photometric), words,
        centre, window,
    )  # fmt: skip


def _within_unit(values: Grey) -> Grey:
    if not (values.min() >= 0 and values.max() <= 1):  # also where a value is nan
        raise PixelError(
            f"values from {values.min():g} to {values.max():g}, expected 0 to 1; divide by the"
            " largest value that the source can hold, or say it: maximum = 4095, for example"
        )
    return values
