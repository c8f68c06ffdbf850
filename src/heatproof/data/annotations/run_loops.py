"""Loops over COCO's run lengths, compiled; see ``run_lengths``."""

from typing import Any, no_type_check

import numpy as np
from numba import njit

_FIRST, _DIGITS, _MORE, _SIGN = 48, 5, 0x20, 0x10  # "0" is nought; bits of a character
_ABSOLUTE = 3  # lengths that are written as they are, and not as differences
_LONGEST = 1 << 32  # pixels: COCO holds a length in as many bits


@njit(cache=True, nogil=True)
@no_type_check
def parsed(text: Any) -> Any:
    """Lengths, then 0; or, where the text is none, the place of the first fault, then -1."""
    # A length takes at least one character, and a fault takes two more places.
    lengths = np.zeros(len(text) + 2, np.int64)
    count = at = 0
    while at < len(text):
        start, value, shift, more = at, 0, 0, True
        while more:
            if (
                at == len(text)
                or not _FIRST <= text[at] < _FIRST + 2 * _MORE
                # Seven characters hold 35 bits, and a length has at most 32.
                or shift > 6 * _DIGITS
            ):
                lengths[count : count + 2] = min(at, len(text) - 1), -1
                return lengths[: count + 2]
            digit = np.int64(text[at]) - _FIRST
            value |= (digit & (_MORE - 1)) << shift
            more, shift, at = digit & _MORE != 0, shift + _DIGITS, at + 1
        if digit & _SIGN:
            # Differences may be negative: the sign bit is extended as in two's complement.
            value |= -1 << shift
        if count >= _ABSOLUTE:
            value += lengths[count - 2]
        if not 0 <= value < _LONGEST:
            lengths[count : count + 2] = start, -1
            return lengths[: count + 2]
        lengths[count] = value
        count += 1
    return lengths[: count + 1]


@njit(cache=True, nogil=True)
@no_type_check
def mark(mask: Any, lengths: Any) -> None:
    """Mark the runs that count, column by column, in an empty mask."""
    height = mask.shape[0]
    column = row = 0
    for place, length in enumerate(lengths):
        left = length
        while left > 0:
            run = min(left, height - row)
            if place % 2:
                for y in range(row, row + run):
                    mask[y, column] = True
            row, left = row + run, left - run
            if row == height:
                row, column = 0, column + 1
