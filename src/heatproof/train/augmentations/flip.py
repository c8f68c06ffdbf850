"""Flip: left becomes right."""

from dataclasses import dataclass

from torchvision.transforms import v2

from heatproof.train.augmentations import augmentations


@augmentations.register("flip")
@dataclass(frozen=True)
class Flip:
    """Left to right; for findings that name no side.

    Attributes:
        probability: Probability that an image is mirrored.
    """

    probability: float = 0.5

    def __call__(self) -> v2.Transform:
        """A transform that mirrors images."""
        return v2.RandomHorizontalFlip(self.probability)
