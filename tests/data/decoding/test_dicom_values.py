"""Looking values up in a table: by OpenCV where it can, by NumPy elsewhere, to the same bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from heatproof.data.decoding import dicom

KINDS = ["u1", "i1", "<u2", ">u2", "<i2", ">i2"]


@pytest.mark.parametrize("opencv", [True, False])
@given(st.data(), st.sampled_from(KINDS))
def test_each_value_becomes_its_entry_of_the_table(opencv, data, kind) -> None:
    stored = data.draw(arrays(kind, array_shapes(min_dims=2, max_dims=2)))
    if data.draw(st.booleans()):
        stored = stored.T  # not contiguous
    low, high = int(stored.min()), int(stored.max())
    table = np.random.default_rng(0).random(high - low + 1, dtype=np.float32)
    with pytest.MonkeyPatch.context() as patch:
        if not opencv:
            patch.setattr(dicom, "_opencv_looks_up_words", lambda: False)
        found = dicom._looked_up(table, stored, low)
    expected = [[table[int(value) - low] for value in row] for row in stored]
    assert np.array_equal(found, np.array(expected, np.float32))
