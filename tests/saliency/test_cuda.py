"""Maps that a GPU makes: those of a CPU, and the same digits every time."""

import pytest
import torch

from heatproof.models.devices import repeatable
from tests.saliency.methods.test_every_method import SPECS, maps

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that CUDA knows")
ANY_ORDER = {"deep_lift"}  # scatter_add of max pooling
# Blurring makes inputs of max pooling almost equal; single and double precision differ as much.
TIES = {"blur_integrated_gradients(steps=3, max_sigma=6.0)"}


@pytest.mark.parametrize("spec", SPECS)
def test_maps_are_those_of_a_cpu_and_the_same_every_time(spec, model, images):
    expected = maps(spec, model, images).values
    with repeatable():
        found, again = (maps(spec, model.cuda(), images).values.cpu() for _ in range(2))
    largest = expected.abs().amax()
    if spec in ANY_ORDER:
        assert (found - again).abs().amax() <= 1e-5 * largest
    else:
        assert torch.equal(found, again)
    near = (found - expected).abs() <= 1e-3 * largest
    assert near.double().mean() > 0.95 if spec in TIES else near.all()
