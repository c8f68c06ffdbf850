"""What a class map leaves out of the logit is its residual."""

import pytest
import torch

from heatproof.data.geometry import Squash
from heatproof.models.classifier import build
from heatproof.models.heads import heads
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods
from heatproof.trust.opposite import opposite
from heatproof.types import Validity

TARGETS = [1, 0]


@pytest.mark.parametrize("head", heads.names())
@pytest.mark.parametrize("denied", [False, True])
def test_the_residual_is_what_pooling_adds(head: str, denied: bool) -> None:
    model = build("resnet10t(width=16)", head, ("a", "b"), Preprocessing(Squash(64, 96))).double()
    explained = opposite(model) if denied else model
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0)).double()
    explanation = explain(methods.parts(["class_map"]), explained, images, TARGETS)
    maps = explanation.maps["class_map"]
    with torch.no_grad():
        features = explained.backbone(images)
        mean = explained.head.class_map(features).mean(dim=(2, 3))
        rest = (explained.head(features) - mean - explained.head.constant())[:, TARGETS]
    torch.testing.assert_close(maps.residual, rest)
    assert bool((maps.residual.abs() < 1e-9).all()) == explained.head.complete
    assert {one for row in explanation.validity["class_map"] for one in row} == {Validity.OK}
