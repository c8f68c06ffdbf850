"""The chunks of a PNG, looked at without decoding the film between them.

An orientation may stand behind the pixels, and Pillow decodes all of them to find out, which takes
a hundred times as long as to open the file.  A chunk begins with its length and kind (PNG, third
edition, 5.3, https://www.w3.org/TR/png-3/#5Chunk-layout).
"""

import os
import struct
from pathlib import Path

from heatproof.errors import PixelError

_SIGNATURE = 8  # bytes
_HEAD = struct.Struct(">I4s")  # length of what follows, and kind
_CHECKSUM = 4  # bytes behind it
_TEXT = (b"tEXt", b"zTXt", b"iTXt")
_TELLING = (b"Raw profile type", b"XML:com.adobe.xmp")  # keywords under which programs store EXIF
_KEYWORD = 79  # bytes at most


def may_be_turned(path: Path) -> bool:
    """Whether a PNG has a chunk that may hold an orientation.

    Raises:
        PixelError: It ends within its pixels.
    """
    with path.open("rb", buffering=0) as file:
        size, at = os.fstat(file.fileno()).st_size, _SIGNATURE
        while True:
            file.seek(at)
            head = file.read(_HEAD.size + _KEYWORD)
            if len(head) < _HEAD.size:  # Pillow reads files without their last chunk, too
                return False
            length, kind = _HEAD.unpack(head[: _HEAD.size])
            if kind == b"IEND":
                return False
            if kind == b"IDAT" and at + _HEAD.size + length > size:
                raise PixelError("a PNG that ends within its pixels; truncated?")
            if kind == b"eXIf" or (kind in _TEXT and head[_HEAD.size :].startswith(_TELLING)):
                return True
            at += _HEAD.size + length + _CHECKSUM
