"""Colour files with 16 bits a channel, of which Pillow keeps the upper 8: read with OpenCV."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Num
from PIL import Image

from heatproof.errors import PixelError

_DEEP = 16  # bits
_BITS_PER_SAMPLE = 258  # tag of a TIFF


def is_deep_colour(image: Image.Image, path: Path) -> bool:
    """Whether Pillow drops half of the bits of each channel of a file that it has opened."""
    if image.mode not in ("RGB", "RGBA", "LA"):
        return False
    if image.format == "PNG":
        # Its bits stand behind signature, length and name of the first chunk, width and height.
        with path.open("rb") as file:
            return file.read(25)[24] == _DEEP
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (8,))
    return bool(bits[0] == _DEEP)


def deep_colour(path: Path) -> Num[np.ndarray, "h w c"]:
    """Red, green and blue, and alpha where the file has it, as stored; raises PixelError."""
    data = np.fromfile(path, np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3:  # noqa: PLR2004 - height, width, channels
        raise PixelError("16 bits a channel that cannot be decoded; save it in grey or with 8 bits")
    # OpenCV stores blue first, and alpha last.
    return pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
