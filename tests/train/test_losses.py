"""Losses against their definitions."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from heatproof.train.losses import classification_loss, positive_weights

SEEDS = st.integers(0, 2**16)


@given(SEEDS)
def test_cross_entropy_is_minus_the_log_of_the_share_of_the_label(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(4, 2, 3, generator=generator)
    labels = torch.randint(0, 4, (4, 2), generator=generator).float()
    labels[labels == 3] = torch.nan
    terms = []
    for scores, row in zip(outputs.tolist(), labels.tolist(), strict=True):
        for classes, label in zip(scores, row, strict=True):
            if not math.isnan(label):
                total = sum(math.exp(score) for score in classes)
                terms.append(-math.log(math.exp(classes[int(label)]) / total))
    expected = sum(terms) / len(terms) if terms else 0.0
    assert float(classification_loss(outputs, labels)) == pytest.approx(expected, rel=1e-4)


def test_two_classes_are_the_logit_of_their_difference() -> None:
    outputs = torch.randn(6, 1, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[0.0], [1], [1], [0], [torch.nan], [1]])
    by_classes = classification_loss(outputs, labels)
    by_logit = classification_loss(outputs[..., 1] - outputs[..., 0], labels)
    torch.testing.assert_close(by_classes, by_logit)


@pytest.mark.parametrize("classes", [None, 2])
def test_weights_make_both_labels_weigh_the_same(classes: int | None) -> None:
    """At outputs of 0 every label costs log 2 (or log of the classes), so weights can be seen."""
    labels = torch.tensor([[1.0], [0], [0], [0], [0]])
    weights = positive_weights(labels)
    assert weights.tolist() == [4]
    outputs = torch.zeros(5, 1) if classes is None else torch.zeros(5, 1, classes)
    expected = (4 * math.log(2) + 4 * math.log(2)) / 5
    assert float(classification_loss(outputs, labels, weights)) == pytest.approx(expected)
