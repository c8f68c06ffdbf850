"""Exposure: a film that was exposed a little differently."""

from dataclasses import dataclass
from typing import Any

import torch
from torchvision.transforms import v2
from torchvision.tv_tensors import Image

from heatproof.train.augmentations import augmentations


@augmentations.register("exposure")
@dataclass(frozen=True)
class ExposureShift:
    """Brighter or darker, of more or less contrast.

    Attributes:
        brightness: Shifts by at most so many standard deviations of the image.
        contrast: Stretches or compresses around the mean by at most this share.
    """

    brightness: float = 0.2
    contrast: float = 0.2

    def __call__(self) -> v2.Transform:
        """A transform of images; masks and boxes stay as they are."""
        return _Exposure(self)


class _Exposure(v2.Transform):  # type: ignore[misc]
    """Brightness and contrast of inputs, which unlike torchvision's may leave [0, 1]."""

    def __init__(self, spec: ExposureShift) -> None:
        super().__init__()
        self._spec = spec

    def make_params(self, flat_inputs: list[Any]) -> dict[str, float]:  # noqa: ARG002
        # torchvision calls this once, and ``transform`` for the image and for each region.
        shift, stretch = (torch.rand(2) * 2 - 1).tolist()
        return {
            "shift": shift * self._spec.brightness,
            "stretch": 1 + stretch * self._spec.contrast,
        }

    def transform(self, inpt: Any, params: dict[str, float]) -> Any:
        if not isinstance(inpt, Image):
            return inpt
        mean, std = inpt.mean(), inpt.std()
        return Image((inpt - mean) * params["stretch"] + mean + params["shift"] * std)
