"""From a radiograph in [0, 1] to the tensor that a network sees.

Geometry (squash or letterbox to the network's size), copy to the channels, then (x - mean) / std
per channel.  A single mean or standard deviation serves all channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.data.geometry import Geometry, geometries
from heatproof.errors import ModelError, SpecError

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of the networks in timm
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """How a radiograph becomes the input of a network.

    Attributes:
        geometry: Brings any radiograph to the input size.
        channels: 1, or 3 equal copies for networks that were trained on photographs.
        mean: Subtracted, one for all channels or one each.
        std: Divided by, likewise.
    """

    geometry: Geometry
    channels: int = 3
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            count = len(getattr(self, name))
            if count not in (1, self.channels):
                raise ModelError(
                    f"preprocessing has {count} values of {name} for {self.channels} channels;"
                    f" expected 1 or {self.channels}"
                )
        if min(self.std) <= 0:
            raise ModelError(f"preprocessing divides by std={self.std}; expected positive values")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input."""
        return self.geometry.height, self.geometry.width

    @property
    def black(self) -> Float[Tensor, "c 1 1"]:
        """What the network sees where the radiograph is 0."""
        return self._normalized(torch.zeros(self.channels, 1, 1))

    @property
    def white(self) -> Float[Tensor, "c 1 1"]:
        """What the network sees where the radiograph is 1."""
        return self._normalized(torch.ones(self.channels, 1, 1))

    def tensor(self, pixels: Float[np.ndarray, "h w"]) -> Float[Tensor, "c y x"]:
        """The input for one radiograph."""
        resized = np.ascontiguousarray(self.geometry.image(pixels), dtype=np.float32)
        return self._normalized(torch.from_numpy(resized).expand(self.channels, *self.size))

    def to_json(self) -> dict[str, Any]:
        """Plain values that ``from_json`` reads."""
        return {
            "geometry": geometries.spec(self.geometry),
            "channels": self.channels,
            "mean": list(self.mean),
            "std": list(self.std),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """The preprocessing that ``to_json`` wrote; raises ModelError."""
        expected = {"geometry", "channels", "mean", "std"}
        if set(values) != expected:
            raise ModelError(
                f"preprocessing has the fields {sorted(values)}; expected {sorted(expected)}"
            )
        try:
            geometry = geometries.parse(values["geometry"])
        except SpecError as error:
            raise ModelError(f"preprocessing of a model card: {error}") from error
        return cls(geometry, values["channels"], tuple(values["mean"]), tuple(values["std"]))

    def _normalized(self, images: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
        mean = torch.tensor(self.mean).view(-1, 1, 1)
        return (images - mean) / torch.tensor(self.std).view(-1, 1, 1)
