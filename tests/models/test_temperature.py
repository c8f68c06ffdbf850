"""Calibration by one number per finding."""

import pytest
import torch

from heatproof.models.temperature import temperatures


@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(truth: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(40_000, 1, generator=generator)
    labels = torch.bernoulli((logits / truth).sigmoid(), generator=generator)
    (found,) = temperatures(logits, labels)
    assert found == pytest.approx(truth, rel=0.05)


def test_it_is_where_the_mean_of_logits_and_labels_agree() -> None:
    """The derivative of the cross-entropy with respect to 1/T is zero: sum z (p - y) = 0."""
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(200, 2, generator=generator).double()
    labels = torch.bernoulli((2 * logits).sigmoid(), generator=generator)
    for z, y, t in zip(logits.T, labels.T, temperatures(logits, labels), strict=True):
        assert float((z * ((z / t).sigmoid() - y)).mean()) == pytest.approx(0, abs=1e-5)


def test_undefined_is_one() -> None:
    logits = torch.tensor([[-1.0], [2.0], [3.0]])
    assert temperatures(logits, torch.tensor([[1.0], [1], [torch.nan]])) == (1.0,)
    assert temperatures(logits, torch.tensor([[0.0], [1], [1]])) == (1.0,)  # no best one
