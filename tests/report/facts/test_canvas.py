"""Relevance on padding is told, and how much there is."""

import numpy as np
import pytest

from heatproof.data.geometry import Letterbox
from heatproof.report.facts.canvas import on_padding


def test_the_share_on_padding_is_that_of_the_area_for_a_flat_map():
    padding = 1 - Letterbox(64, 64).mask(np.ones((40, 80), bool)).astype(np.float32)
    assert padding.mean() == 0.5
    assert on_padding(np.ones((7, 9), np.float32), padding) == pytest.approx(0.5, abs=1e-6)


def test_only_positive_relevance_counts():
    padding = np.zeros((8, 8), np.float32)
    padding[:4] = 1
    values = np.float32([[1, 0], [3, -50]])
    assert on_padding(values, padding) == pytest.approx(0.25)
    assert on_padding(-np.ones((2, 2), np.float32), padding) is None
    assert on_padding(np.full((2, 2), np.nan, np.float32), padding) is None
