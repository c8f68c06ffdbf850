"""Label policies of CheXpert, on samples that have all kinds of labels."""

import math

import numpy as np
import pytest
import torch

from heatproof.data.datasets.chexlocalize import FINDINGS
from heatproof.data.pixels import ArrayPixels
from heatproof.errors import DataError
from heatproof.models.heads.softmax import Softmax
from heatproof.train.labels import UNCERTAIN, highest_views, label_matrix
from heatproof.train.losses import classification_loss
from heatproof.types import Sample
from tests.data.datasets.test_chexlocalize import table_of_cells
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


# What Irvin et al. (AAAI 2019) make of a cell of their table: U-Ignore, U-Zeroes, U-Ones,
# U-MultiClass.  A blank is negative there; here only if asked for.
OF_CHEXPERT = {
    "ignore": {"1.0": 1, "0.0": 0, "-1.0": None},
    "zeroes": {"1.0": 1, "0.0": 0, "-1.0": 0},
    "ones": {"1.0": 1, "0.0": 0, "-1.0": 1},
    "class": {"1.0": 1, "0.0": 0, "-1.0": 2},
}


@pytest.mark.parametrize("uncertain", OF_CHEXPERT)
@pytest.mark.parametrize("absent", ["ignore", "negative"])
def test_from_chexperts_cells_to_the_loss_by_the_policies_of_its_paper(
    tmp_path, uncertain, absent
) -> None:
    random = np.random.default_rng(3)
    cells = random.choice(["1.0", "0.0", "-1.0", ""], (40, 10)).tolist()
    data = table_of_cells(tmp_path, cells)
    numbers = OF_CHEXPERT[uncertain] | {"": 0 if absent == "negative" else None}
    expected = [[numbers[cell] for cell in row] for row in cells]
    found = label_matrix(data, FINDINGS, uncertain, absent)
    assert [[None if math.isnan(v) else v for v in row] for row in found.tolist()] == expected
    # The loss is the mean over the labels that carry one; here each class has some odds.
    classes = 3 if uncertain == "class" else 2
    outputs = torch.tensor(random.normal(size=(40, 10, classes)), dtype=torch.float32)
    terms = [
        math.log(sum(math.exp(score) for score in scores)) - scores[label]
        for row, labels in zip(outputs.tolist(), expected, strict=True)
        for scores, label in zip(row, labels, strict=True)
        if label is not None
    ]
    assert float(classification_loss(outputs, found)) == pytest.approx(
        sum(terms) / len(terms), rel=1e-5
    )


def test_at_test_time_uncertain_is_dropped_and_the_two_others_share_the_probability() -> None:
    """U-MultiClass: the softmax over negative and positive alone."""
    head = Softmax(classes=3)(4, 2)
    features = torch.randn(5, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        scores, logits = head.outputs(features), head(features)
    for film, row in enumerate(scores.tolist()):
        for finding, (no, yes, _) in enumerate(row):
            probability = math.exp(yes) / (math.exp(no) + math.exp(yes))
            assert torch.sigmoid(logits[film, finding]).item() == pytest.approx(
                probability, abs=1e-6
            )


def test_studies_are_the_highest_of_their_views_whatever_their_order() -> None:
    """View by view: Irvin et al. take the maximum over the views of a study."""
    random = np.random.default_rng(5)
    for _ in range(30):
        films, findings = int(random.integers(1, 12)), int(random.integers(1, 4))
        studies = [f"s{n}" for n in random.integers(0, 5, films)]
        scores = torch.tensor(random.normal(size=(films, findings)), dtype=torch.float32)
        labels = torch.tensor(
            random.choice([0.0, 1.0, UNCERTAIN, NAN], (films, findings)), dtype=torch.float32
        )
        highest, known = highest_views(scores, labels, studies)
        for row, study in enumerate(dict.fromkeys(studies)):
            for finding in range(findings):
                views = [place for place, name in enumerate(studies) if name == study]
                assert highest[row, finding] == max(float(scores[v, finding]) for v in views)
                said = {float(labels[v, finding]) for v in views} & {0.0, 1.0}
                expected = 1.0 if 1.0 in said else 0.0 if said else NAN
                assert str(float(known[row, finding])) == str(expected)
