"""The parts of a mask, against scipy's labels."""

import numpy as np
import pytest
from scipy.ndimage import label

from heatproof.data.annotations import connected_parts, cropped_parts


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_parts_are_what_touches_nothing_else(share: float) -> None:
    mask = np.random.default_rng(0).random((23, 31)) < share
    labels, count = label(mask, np.ones((3, 3)))
    expected = {(labels == number).tobytes() for number in range(1, count + 1)}
    assert {part.tobytes() for part in connected_parts(mask)} == expected
    for part in cropped_parts(mask):
        # The box is as small as it can be.
        assert all(part.mask.any(axis=axis)[[0, -1]].all() for axis in (0, 1))
        assert mask[part.place][part.mask].all()


def test_an_empty_mask_has_no_part() -> None:
    assert not list(connected_parts(np.zeros((4, 5), bool)))
