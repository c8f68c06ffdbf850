import pytest
import torch

from heatproof.data.geometry import Squash
from heatproof.errors import ModelError
from heatproof.models.classifier import build
from heatproof.models.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(Squash(64, 64), channels=1, mean=(0.5,), std=(0.25,))


@pytest.mark.parametrize("head", ["linear", "wildcat"])
def test_logits_are_those_of_the_head_on_the_features(head: str) -> None:
    model = build("resnet10t", head, ["a", "b"], PREPROCESSING)
    images = torch.randn(2, 1, 64, 64)
    features, logits = model.features_and_logits(images)
    assert torch.equal(logits, model(images))
    assert torch.equal(logits, model.head_logits(features))


def test_a_cut_pass_keeps_nothing_below_the_features() -> None:
    model = build("resnet10t", "linear", ["a"], PREPROCESSING)
    features, logits = model.features_and_logits(torch.randn(1, 1, 64, 64), cut=True)
    assert features.is_leaf
    (gradient,) = torch.autograd.grad(logits.sum(), features)
    assert gradient.shape == features.shape


def test_the_seed_decides_the_weights_and_nothing_else() -> None:
    state = torch.random.get_rng_state()
    first, again, other = (
        build("resnet10t", "linear", ["a"], PREPROCESSING, seed=seed).state_dict()
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["head.classifier.weight"], other["head.classifier.weight"])


def test_findings_have_names() -> None:
    with pytest.raises(ModelError, match="each named once"):
        build("resnet10t", "linear", ["a", "a"], PREPROCESSING)
