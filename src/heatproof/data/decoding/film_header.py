"""What is known of a stored film without decoding it: how its grey values come about."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FilmHeader:
    """How a film is stored and read.

    Attributes:
        format: ``"DICOM"``, ``"PNG"``, ``"JPEG"`` or ``"TIFF"``.
        height: Pixels down.
        width: Pixels across.
        bits: Bits of a stored value of one channel.
        photometric: What the values mean, as the file says it, such as ``"MONOCHROME1"``; or
            ``"grey"``, ``"colour"`` or ``"palette"``.
        levels: Which values become black and white, in words, such as ``"0 to 255"``.
        centre: Centre of the window, in stored or rescaled values; None where there is none.
        window: Its width.
    """

    format: str
    height: int
    width: int
    bits: int
    photometric: str
    levels: str
    centre: float | None = None
    window: float | None = None
