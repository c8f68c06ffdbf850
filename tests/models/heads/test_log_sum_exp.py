"""Log-sum-exp by hand, and between its two limits."""

import math

import numpy as np
import pytest
import torch

from heatproof.errors import SpecError
from heatproof.models.heads import heads
from tests.models.heads.cells import FEATURES, built


@pytest.mark.parametrize("sharpness", [0.5, 10.0])
def test_log_sum_exp_by_hand(sharpness: float) -> None:
    head = built(f"log_sum_exp(sharpness={sharpness})")
    with torch.no_grad():
        maps, logits = head.class_map(FEATURES).numpy(), head(FEATURES).numpy()
    for image, finding in np.ndindex(3, 2):
        total = sum(math.exp(sharpness * value) for value in maps[image, finding].flat)
        expected = math.log(total / 20) / sharpness
        assert logits[image, finding] == pytest.approx(expected)


def test_log_sum_exp_lies_between_mean_and_maximum() -> None:
    with torch.no_grad():
        maps = built("log_sum_exp").class_map(FEATURES).flatten(2)
        soft, hard = (built(f"log_sum_exp(sharpness={r})")(FEATURES) for r in ("0.001", "1000.0"))
    torch.testing.assert_close(soft, maps.mean(dim=-1), rtol=0, atol=1e-3)
    torch.testing.assert_close(hard, maps.amax(dim=-1), rtol=0, atol=math.log(20) / 1000 + 1e-9)


def test_sharpness_is_positive() -> None:
    with pytest.raises(SpecError):
        heads.parse("log_sum_exp(sharpness=0.0)")
