"""Annotations: what readers drew on films, and the files that hold it.

``shapes`` are what one reader drew of one finding, ``formats`` the files of annotation tools;
``consensus`` makes one mark of several readers', ``readers`` says whose counts, and ``references``
turns marks into masks.
"""

from heatproof.data.annotations.lesions import Part, connected_parts, cropped_parts, lesions_of
from heatproof.data.annotations.shapes import (
    RLE,
    Box,
    Boxes,
    Mask,
    MaskFile,
    Outline,
    Point,
    Points,
    Polygons,
    RotatedBox,
    Several,
    encode,
    fit,
    was_misread,
)

__all__ = [
    "RLE",
    "Box",
    "Boxes",
    "Mask",
    "MaskFile",
    "Outline",
    "Part",
    "Point",
    "Points",
    "Polygons",
    "RotatedBox",
    "Several",
    "connected_parts",
    "cropped_parts",
    "encode",
    "fit",
    "lesions_of",
    "was_misread",
]
