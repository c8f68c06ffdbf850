"""The sum of patches by hand, and the same logits as a linear head."""

import numpy as np
import pytest
import torch

from tests.models.heads.cells import CELLS, FEATURES, FINDINGS, built


def test_each_cell_is_classified_by_itself_and_the_film_is_their_mean() -> None:
    head = built("patch_sum")
    weight = head.evidence.weight.detach().numpy().squeeze()
    bias = head.evidence.bias.detach().numpy()
    cells = FEATURES.flatten(2).numpy()
    with torch.no_grad():
        maps, logits = head.class_map(FEATURES).numpy(), head(FEATURES).numpy()
    for image, finding in np.ndindex(3, FINDINGS):
        votes = [weight[finding] @ cell + bias[finding] for cell in cells[image].T]
        np.testing.assert_allclose(maps[image, finding].ravel(), votes)
        assert logits[image, finding] == pytest.approx(sum(votes) / CELLS)


def test_it_differs_from_a_linear_head_by_the_bias_in_every_cell() -> None:
    head, linear = built("patch_sum"), built("linear")
    linear.classifier.weight.data = head.evidence.weight.data[:, :, 0, 0]
    linear.classifier.bias.data = head.evidence.bias.data
    torch.testing.assert_close(head(FEATURES), linear(FEATURES))
    difference = head.class_map(FEATURES) - linear.class_map(FEATURES)
    bias = head.evidence.bias[None, :, None, None]
    torch.testing.assert_close(difference, bias.expand_as(difference))
