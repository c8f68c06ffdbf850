"""Soft-CAM: a linear head, and the elastic net of its maps by hand."""

import numpy as np
import pytest
import torch

from heatproof.errors import SpecError
from heatproof.models.heads import heads
from tests.models.heads.cells import FEATURES, built


def test_soft_cam_is_a_linear_head_with_a_penalty() -> None:
    head, linear = built("soft_cam(lasso=0.5, ridge=0.25)"), built("linear")
    linear.load_state_dict(head.state_dict())
    torch.testing.assert_close(head(FEATURES), linear(FEATURES))
    maps = head.class_map(FEATURES).detach().numpy()
    expected = np.mean([0.5 * abs(value) + 0.25 * value**2 for value in maps.flat])
    assert head.penalty(FEATURES).item() == pytest.approx(expected)
    assert linear.penalty(FEATURES).item() == 0
    softmax = heads.parse("softmax(base=soft_cam)")(6, 2)
    features = FEATURES.float()
    assert torch.equal(softmax.penalty(features), softmax.base.penalty(features))


def test_weights_of_the_net_are_not_negative() -> None:
    with pytest.raises(SpecError):
        heads.parse("soft_cam(lasso=-1.0)")
