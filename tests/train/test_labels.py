"""Label policies of CheXpert, on samples that have all kinds of labels."""

import math

import pytest
import torch

from heatproof.data.pixels import ArrayPixels
from heatproof.errors import DataError
from heatproof.train.labels import UNCERTAIN, highest_views, label_matrix
from heatproof.types import Sample
from tests.train.toys import Listed

PIXELS = ArrayPixels.__new__(ArrayPixels)  # labels are read without them
SAMPLES = Listed(
    [
        Sample("1", PIXELS, labels={"a": True, "b": None}),
        Sample("2", PIXELS, labels={"a": False}),
        Sample("3", PIXELS, labels={}),
    ]
)
NAN = math.nan


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ({}, [[1, NAN], [0, NAN], [NAN, NAN]]),
        ({"uncertain": "zeroes"}, [[1, 0], [0, NAN], [NAN, NAN]]),
        ({"uncertain": "ones"}, [[1, 1], [0, NAN], [NAN, NAN]]),
        ({"uncertain": "class"}, [[1, UNCERTAIN], [0, NAN], [NAN, NAN]]),
        ({"absent": "negative"}, [[1, NAN], [0, 0], [0, 0]]),
        ({"uncertain": "ones", "absent": "negative"}, [[1, 1], [0, 0], [0, 0]]),
    ],
)
def test_policies_decide_about_what_is_neither_yes_nor_no(policies, expected) -> None:
    found = label_matrix(SAMPLES, ("a", "b"), **policies).tolist()
    assert str(found) == str([[float(value) for value in row] for row in expected])


@pytest.mark.parametrize("label", [2, -1, "1", NAN])
def test_what_is_no_label_is_refused(label) -> None:
    labels = {"a": True}
    wrong = Listed([*SAMPLES.samples, Sample("4", PIXELS, labels=labels)])
    labels["a"] = label  # behind the back of the shape checks, which users do not have
    with pytest.raises(DataError, match=r"4: the label of 'a' is .*; expected True, False, None"):
        label_matrix(wrong, ("a", "b"))


def test_a_study_is_what_its_certain_views_say() -> None:
    scores = torch.tensor([[0.1], [0.9], [0.5], [0.4], [0.3], [0.2], [0.6]])
    labels = torch.tensor([[1.0], [UNCERTAIN], [0.0], [UNCERTAIN], [NAN], [UNCERTAIN], [NAN]])
    highest, known = highest_views(scores, labels, ["a", "a", "b", "b", "c", "c", "d"])
    assert highest.flatten().tolist() == pytest.approx([0.9, 0.5, 0.3, 0.6])
    assert str(known.flatten().tolist()) == str([1.0, 0.0, NAN, NAN])
