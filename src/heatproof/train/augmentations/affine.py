"""Affine: a film that lies a little differently."""

from dataclasses import dataclass
from typing import Any

from torchvision.transforms import InterpolationMode, v2
from torchvision.tv_tensors import Image

from heatproof.errors import SpecError
from heatproof.train.augmentations import augmentations


@augmentations.register("affine")
@dataclass(frozen=True)
class Affine:
    """Turned, moved and scaled; what comes in from outside is as black as the darkest pixel.

    Attributes:
        degrees: Turned by at most so much, either way.
        translate: Moved by at most this share of a side.
        scale: Made larger or smaller by at most this share.
    """

    degrees: float = 10.0
    translate: float = 0.05
    scale: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.scale < 1 or not 0 <= self.translate <= 1 or self.degrees < 0:
            raise SpecError(f"{self}: expected degrees >= 0, translate in [0, 1], scale in [0, 1)")

    def __call__(self) -> v2.Transform:
        """A transform, bilinear for images and nearest for masks."""
        return _Affine(self)


class _Affine(v2.Transform):  # type: ignore[misc]
    """A transform that fills with the darkest pixel of each image, since preprocessing may have
    moved black.
    """

    def __init__(self, spec: Affine) -> None:
        super().__init__()
        self._spec = spec

    def forward(self, *inputs: Any) -> Any:
        image = inputs[0]["image"] if isinstance(inputs[0], dict) else inputs[0]
        spec = self._spec
        return v2.RandomAffine(
            spec.degrees,
            translate=(spec.translate, spec.translate),
            scale=(1 - spec.scale, 1 + spec.scale),
            interpolation=InterpolationMode.BILINEAR,
            # In masks nothing is marked where new pixels come in.
            fill={Image: float(image.min()), "others": 0},
        )(*inputs)
