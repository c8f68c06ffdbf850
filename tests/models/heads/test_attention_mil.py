"""Gated attention by hand, cell by cell."""

import numpy as np
import pytest
import torch

from heatproof.errors import SpecError
from heatproof.models.heads import heads
from tests.models.heads.cells import FEATURES, built


def test_attention_by_hand() -> None:
    head = built("attention_mil(hidden=5)")
    weight = {name: value.detach().numpy().squeeze() for name, value in head.state_dict().items()}
    with torch.no_grad():
        maps, logits = head.class_map(FEATURES).numpy(), head(FEATURES).numpy()
    cells = FEATURES.flatten(2).numpy()
    for image, finding in np.ndindex(3, 2):
        scores, evidence = [], []
        for cell in cells[image].T:
            content = np.tanh(weight["content.weight"] @ cell + weight["content.bias"])
            gate = 1 / (1 + np.exp(-(weight["gate.weight"] @ cell + weight["gate.bias"])))
            scores.append(weight["attention.weight"][finding] @ (content * gate))
            evidence.append(weight["classifier.weight"][finding] @ cell)
        attention = np.exp(scores) / np.sum(np.exp(scores))
        contributed = attention * evidence
        bias = weight["classifier.bias"][finding]
        assert logits[image, finding] == pytest.approx(contributed.sum() + bias)
        np.testing.assert_allclose(maps[image, finding].ravel(), 20 * contributed)


def test_attention_needs_a_channel() -> None:
    with pytest.raises(SpecError):
        heads.parse("attention_mil(hidden=0)")
