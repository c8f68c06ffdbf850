"""Noisy-OR by hand, and finite however sure its cells are."""

import math

import numpy as np
import pytest
import torch

from heatproof.errors import SpecError
from heatproof.models.heads import heads
from tests.models.heads.cells import FEATURES, built


def test_noisy_or_by_hand() -> None:
    head = built("noisy_or(prior=0.1)")
    with torch.no_grad():
        cells, logits = head.class_map(FEATURES).sigmoid().numpy(), head(FEATURES).numpy()
    for image, finding in np.ndindex(3, 2):
        none = math.prod(1 - float(p) for p in cells[image, finding].flat)
        assert logits[image, finding] == pytest.approx(math.log((1 - none) / none))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_noisy_or_is_finite_and_learns_however_sure_its_cells_are(scale: float) -> None:
    head = heads.parse("noisy_or")(6, 2)
    features = (scale * FEATURES).float().requires_grad_()
    for sign in (-1.0, 1.0):
        logits = head(sign * features)
        assert logits.isfinite().all()
        [gradient] = torch.autograd.grad(logits.sum(), features)
        assert gradient.isfinite().all()


def test_noisy_or_starts_undecided_on_a_grid_of_a_radiograph() -> None:
    """Cells that start at 1/2 would be sure of every film."""
    features = torch.zeros(1, 6, 14, 14)
    assert heads.parse("noisy_or")(6, 1)(features).sigmoid().item() == pytest.approx(
        1 - 0.995**196, abs=1e-4
    )
    assert heads.parse("noisy_or(prior=0.5)")(6, 1)(features).item() > 100


@pytest.mark.parametrize("prior", ["0.0", "0.9"])
def test_the_prior_lies_between_0_and_a_half(prior: str) -> None:
    with pytest.raises(SpecError):
        heads.parse(f"noisy_or(prior={prior})")
