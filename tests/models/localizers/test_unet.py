"""U-Net: the loss by its formula, and what its decoder promises."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from heatproof.data.geometry import Squash
from heatproof.errors import SpecError
from heatproof.models.localizers import build, localizers
from heatproof.models.localizers.unet import segmentation_loss
from heatproof.models.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(Squash(64, 64), channels=1, mean=(0.5,), std=(0.25,))


def by_hand(logits, masks, known) -> float:
    """Pixel by pixel."""
    n, k, h, w = logits.shape
    entropies, dices = [], []
    for finding in range(k):
        images = [image for image in range(n) if known[image, finding]]
        both = probable = inside = 0.0
        for image in images:
            entropy = 0.0
            for y in range(h):
                for x in range(w):
                    p = 1 / (1 + math.exp(-float(logits[image, finding, y, x])))
                    g = bool(masks[image, finding, y, x])
                    entropy -= math.log(p if g else 1 - p)
                    both, probable, inside = both + p * g, probable + p, inside + g
            entropies.append(entropy / (h * w))
        if images:
            dices.append(1 - (2 * both + 1) / (probable + inside + 1))
    mean = [sum(values) / len(values) for values in (entropies, dices) if values]
    return sum(mean)


@given(seed=st.integers(0, 1000))
def test_the_loss_is_its_formula(seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(3, 2, 4, 5, generator=generator)
    masks = torch.rand(3, 2, 4, 5, generator=generator) < 0.3
    known = torch.rand(3, 2, generator=generator) < 0.6
    expected = by_hand(logits, masks & known[..., None, None], known)
    assert float(segmentation_loss(logits, masks, known)) == pytest.approx(expected, rel=1e-4)


def test_a_perfect_map_costs_nothing() -> None:
    masks = torch.zeros(2, 1, 8, 8, dtype=torch.bool)
    masks[0, 0, 2:5, 2:5] = True
    known = torch.ones(2, 1, dtype=torch.bool)
    right = torch.where(masks, 50.0, -50.0)
    assert segmentation_loss(right, masks, known) < 1e-6
    assert segmentation_loss(-right, masks, known) > 40


def test_the_probability_is_the_maximum_of_the_map() -> None:
    localizer = build("unet(backbone=resnet10t(width=16), width=8)", ("a", "b"), PREPROCESSING)
    with torch.no_grad():
        said = localizer(torch.randn(2, 1, 64, 64))
    assert torch.equal(said.probabilities, said.maps.flatten(2).max(dim=2).values)
    assert said.boxes is None
    assert said.maps.mean() < 0.1  # most pixels are background, and none has to be taught so


@pytest.mark.parametrize(
    "backbone",
    ["resnet18", "resnet18(stride=16)", "densenet121", "efficientnet_b0", "convnext_tiny", "vgg19"],
)
def test_every_stride_is_skipped_to(backbone) -> None:
    """What the backbone sees at each stride reaches the map, also at sizes no stride divides."""
    localizer = build(f"unet(backbone={backbone}, width=8)", ("a",), PREPROCESSING)
    saliency = localizer(torch.randn(1, 1, 50, 70)).maps
    assert saliency.shape == (1, 1, 50, 70)
    saliency.sum().backward()
    skipped = localizer.stages.channels[-2::-1]  # coarse to fine, the coarsest starts the decoder
    for decoder, channels in zip(localizer.decoders, skipped, strict=True):
        below, beside = decoder[0].weight.grad.tensor_split([-channels], dim=1)
        assert below.any()
        assert beside.any()


@pytest.mark.parametrize("width", [0, 12, -8])
def test_widths_that_cannot_be_normalized_are_refused(width) -> None:
    with pytest.raises(SpecError, match=r"multiple of 8|width = .*at least 8\b"):
        localizers.parse(f"unet(width={width})")
