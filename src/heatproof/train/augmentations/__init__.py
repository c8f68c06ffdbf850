"""Augmentation: what a radiograph may look like as well.

Transforms of torchvision, which move an image and the boxes and masks on it together.  Each draw is
decided by the seed and by how many images came before it, whoever loads it.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.tv_tensors import Image

from heatproof.registry import Registry


@runtime_checkable
class Augmentation(Protocol):
    """Makes a transform."""

    def __call__(self) -> v2.Transform:
        """A transform of images, masks and boxes."""
        ...


augmentations: Registry[Augmentation] = Registry(
    "augmentation", __name__, "heatproof.augmentations"
)


def augmented(
    image: Tensor, regions: Any, transforms: Sequence[v2.Transform], seed: int, draw: int
) -> tuple[Tensor, Any]:
    """An image and its target, as the ``draw``-th image of a training run.

    Args:
        image: ``c h w``.
        regions: None, or masks and boxes as tensors of torchvision, in any nesting.
        transforms: Applied in turn.
        seed: Seed of the training run.
        draw: How many images came before.
    """
    with torch.random.fork_rng(devices=[]):
        # The CPU alone is seeded: generators of GPUs belong to the network that is being trained.
        torch.default_generator.manual_seed(_mixed(seed, draw))
        both = {"image": Image(image), "regions": regions}
        for transform in transforms:
            both = transform(both)
    return both["image"].as_subclass(Tensor), both["regions"]


def _mixed(seed: int, draw: int) -> int:
    """A seed made of two numbers; neighbours of either give unlike streams."""
    # The factors are constants of the generator SplitMix64.
    return (seed * 0x9E3779B97F4A7C15 + draw * 0xBF58476D1CE4E5B9) % 2**63
