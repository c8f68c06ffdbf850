"""benchmarks/location_prior.py: the definition on a few boxes, and the numbers of the NIH's."""

import runpy
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = runpy.run_path(str(ROOT / "benchmarks/location_prior.py"))
BOXES = ROOT.parent / "shared/data/tables/BBox_List_2017.csv.gz"


def test_a_prior_knows_the_boxes_of_other_patients_alone():
    here, there = (10.0, 10.0, 30.0, 30.0), (80.0, 80.0, 100.0, 100.0)
    cases = {"Mass": [("a", here), ("a", here), ("b", there), ("c", here)]}
    rows = SCRIPT["measured"](cases, 0.5)["Mass"]
    # Of patient a the others are there and here: equal maxima, of which the first is here.
    assert rows[:, 0].tolist() == pytest.approx([1, 1, 0, 1])
    assert rows[:, 2].tolist() == [1, 1, 0, 1]


def test_iou_and_iobb_are_of_two_boxes():
    found, marked = (0.0, 0.0, 10.0, 10.0), (5.0, 0.0, 25.0, 10.0)
    assert SCRIPT["overlaps"](found, marked) == pytest.approx((50 / 250, 0.5))
    assert SCRIPT["overlaps"](found, (20.0, 20.0, 30.0, 30.0)) == (0, 0)


@pytest.mark.skipif(not BOXES.exists(), reason="the NIH's table of boxes is not here")
def test_the_boxes_of_the_nih_give_the_numbers_that_are_known():
    marked = SCRIPT["boxes"](BOXES)
    assert sum(map(len, marked.values())) == 984
    scores = SCRIPT["measured"](marked, 0.5)
    shares = [
        np.mean([(rows[:, 0] > threshold).mean() for rows in scores.values()])
        for threshold in (0.1, 0.2, 0.3, 0.4, 0.5)
    ]
    assert np.round(shares, 2).tolist() == [0.48, 0.39, 0.29, 0.21, 0.15]
    assert np.mean([rows[:, 2].mean() for rows in scores.values()]) == pytest.approx(
        0.377, abs=5e-4
    )
