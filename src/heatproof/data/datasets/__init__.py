"""Data sets: radiographs in a fixed order, with labels and annotations.

A part is a frozen dataclass whose fields are its options, so that a TOML table describes it.  The
description is read on construction and raises DataError with file, line, value, expectation and
likely mistake; pixels and masks are read later, one by one.  An image has at most one annotation
per finding and source; how many things it marks is the annotation's ``instances``.
"""

from heatproof.registry import Registry
from heatproof.types import Dataset

datasets: Registry[Dataset] = Registry("data set", __name__, "heatproof.datasets")
