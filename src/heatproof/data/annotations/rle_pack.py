"""Label Studio's run lengths of a brush: bits of the alpha of a picture in four channels.

A stream of bits: the number of values (32 bits), the length of a value less one (5), four lengths
of a run's length less one (4 each); then runs, each with one bit that says whether one value is
repeated, two bits that choose the length of the length, and the length less one.  This is
``rle-pack`` of thi.ng/umbrella, as label-studio-converter's ``brush.py`` reads and writes it.
"""

import numpy as np
from jaxtyping import Bool

from heatproof.errors import DataError

_CHANNELS = 4
_SIZES = (3, 4, 8, 16)  # bits of a length, as label-studio-converter writes them
_LONGEST = 1 << 16  # values of one run


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._bits = np.unpackbits(np.frombuffer(data, np.uint8))
        self._at = 0

    def read(self, count: int) -> int:
        end = self._at + count
        if end > len(self._bits):
            raise DataError("run lengths of a brush that end too early")
        value = int("".join(map(str, self._bits[self._at : end])), 2)
        self._at = end
        return value

    def values(self, count: int, length: int) -> np.ndarray:
        """So many values of that many bits each."""
        end = self._at + count * length
        if end > len(self._bits):
            raise DataError("run lengths of a brush that end too early")
        bits = self._bits[self._at : end].reshape(count, length)
        self._at = end
        return bits @ (1 << np.arange(length - 1, -1, -1, dtype=np.int64))


def unpacked(rle: object, height: int, width: int) -> Bool[np.ndarray, "h w"]:
    """The mask that a brush drew: pixels that are not transparent; raises DataError."""
    if not isinstance(rle, list) or not all(
        isinstance(byte, int) and 0 <= byte < 1 << 8 for byte in rle
    ):
        raise DataError("run lengths of a brush that are no list of bytes")
    bits = _Bits(bytes(rle))
    count, length = bits.read(32), bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    if count != height * width * _CHANNELS:
        raise DataError(
            f"run lengths of {count} values, expected {height} x {width} x {_CHANNELS};"
            " is the size of the film another?"
        )
    values = np.zeros(count, np.int64)
    at = 0
    while at < count:
        repeated = bits.read(1)
        end = min(at + 1 + bits.read(sizes[bits.read(2)]), count)
        values[at:end] = bits.read(length) if repeated else bits.values(end - at, length)
        at = end
    return values.reshape(height, width, _CHANNELS)[..., -1] > 0


def packed(mask: Bool[np.ndarray, "h w"]) -> list[int]:
    """The run lengths of a mask, from which ``unpacked`` makes it again."""
    flat = np.repeat(mask.ravel(), _CHANNELS)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    lengths = np.diff(np.concatenate([starts, [len(flat)]]))
    text = [f"{len(flat):032b}", f"{7:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        value = f"{255 if flat[start] else 0:08b}"
        for done in range(0, length, _LONGEST):
            run = min(length - done, _LONGEST) - 1
            choice = next(place for place, size in enumerate(_SIZES) if run < 1 << size)
            text.append(f"1{choice:02b}{run:0{_SIZES[choice]}b}{value}")
    bits = "".join(text)
    bits += "0" * (-len(bits) % 8)
    return [int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)]
