"""From a radiograph in [0, 1] to the tensor that a network sees.

Intensity transforms of the film, geometry (squash, letterbox, a crop, ... to the network's size),
intensity transforms of the canvas, copy to the channels, then (x - mean) / std per channel.  A
single mean or standard deviation serves all channels.  Channels are equal copies: where a network
takes BGR, as from ``cv2.imread``, mean and std stand in that order.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.data.geometry import Geometry, geometries
from heatproof.data.intensities import Intensity, intensities, is_fixed
from heatproof.errors import ModelError, SpecError
from heatproof.words import count

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of the networks in timm
IMAGENET_STD = (0.229, 0.224, 0.225)
_FLOAT = 32
_MOST_CHANNELS = 256
_FIELDS = ("geometry", "channels", "mean", "std")
_LISTS = ("before", "after")  # left out of cards where they are empty, as before there were any


@dataclass(frozen=True)
class Preprocessing:
    """How a radiograph becomes the input of a network.

    Attributes:
        geometry: Brings any radiograph to the input size.
        channels: 1, or 3 equal copies for networks that were trained on photographs.
        mean: Subtracted, one for all channels or one each.
        std: Divided by, likewise.
        before: Intensity transforms of the film, in order.
        after: Those of the canvas, after the geometry.
    """

    geometry: Geometry
    channels: int = 3
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    before: tuple[Intensity, ...] = ()
    after: tuple[Intensity, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.channels <= _MOST_CHANNELS:
            raise ModelError(
                f"preprocessing has {self.channels:.3g} channels, expected 1 to {_MOST_CHANNELS}"
            )
        for name in ("mean", "std"):
            count = len(getattr(self, name))
            if count not in (1, self.channels):
                raise ModelError(
                    f"preprocessing has {count} values of {name} for {self.channels} channels;"
                    f" expected 1 or {self.channels}"
                )
        if not all(math.isfinite(value) for value in (*self.mean, *self.std)):
            raise ModelError(f"mean={self.mean}, std={self.std}: expected finite values")
        if min(self.std) <= 0:
            raise ModelError(f"preprocessing divides by std={self.std}; expected positive values")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input."""
        return self.geometry.height, self.geometry.width

    @property
    def black(self) -> Float[Tensor, "c 1 1"]:
        """What the network sees where the radiograph is 0; raises ModelError where that depends on
        the radiograph.
        """
        return self._of_grey(0.0)

    @property
    def white(self) -> Float[Tensor, "c 1 1"]:
        """What the network sees where the radiograph is 1; likewise."""
        return self._of_grey(1.0)

    def ends(self, image: Float[Tensor, "c h w"]) -> tuple[Tensor, Tensor]:
        """Black and white in an input, ``c 1 1``.

        Where intensity transforms look at the radiograph, the same grey value becomes another one
        on each; then these are the darkest and the brightest pixel of this input.
        """
        if self._is_fixed:
            return self.black.to(image), self.white.to(image)
        return image.amin((1, 2), keepdim=True), image.amax((1, 2), keepdim=True)

    def tensor(self, pixels: Float[np.ndarray, "h w"]) -> Float[Tensor, "c y x"]:
        """The input for one radiograph; raises ModelError where its values cannot be resized."""
        return self.of_canvas(self.canvas(pixels))

    def canvas(self, pixels: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "height width"]:
        """The radiograph on the canvas, before it is normalized; raises ModelError likewise."""
        for intensity in self.before:
            pixels = intensity(pixels)
        if self.before:
            self._check_range(pixels)
        canvas = self.geometry.image(pixels)
        for intensity in self.after:
            canvas = intensity(canvas)
        return np.ascontiguousarray(canvas, dtype=np.float32)

    def of_canvas(self, canvas: Float[np.ndarray, "height width"]) -> Float[Tensor, "c y x"]:
        """The input that a canvas becomes."""
        return self._normalized(torch.from_numpy(canvas).expand(self.channels, *self.size))

    @property
    def words(self) -> str:
        """Such as ``"squash to 320 × 320, 3 channels, mean 0.5, deviation 0.2"``."""
        geometry, *options = geometries.spec(self.geometry).removesuffix(")").split("(", 1)
        told = [f"{geometry} to {self.size[0]} × {self.size[1]}"]
        # The canvas stands there already.
        more = ", ".join(options).split(f"height={self.size[0]}, width={self.size[1]}")[-1]
        told += [more.lstrip(", ")] if more.strip(", ") else []
        told += [f"{intensities.spec(one)} of the film" for one in self.before]
        told += [intensities.spec(one) for one in self.after]
        scaled = f"mean {_short(self.mean)}, deviation {_short(self.std)}"
        return ", ".join([*told, count(self.channels, "channel"), scaled])

    def to_json(self) -> dict[str, Any]:
        """Plain values that ``from_json`` reads."""
        values = {
            "geometry": geometries.spec(self.geometry),
            "channels": self.channels,
            "mean": list(self.mean),
            "std": list(self.std),
        }
        for name in _LISTS:
            if specs := [intensities.spec(intensity) for intensity in getattr(self, name)]:
                values[name] = specs
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """The preprocessing that ``to_json`` wrote; raises ModelError."""
        if set(values) - set(_LISTS) != set(_FIELDS):
            raise ModelError(
                f"preprocessing has the fields {sorted(values)}; expected {sorted(_FIELDS)}, and"
                f" perhaps {' and '.join(_LISTS)}"
            )
        try:
            geometry = geometries.parse(values["geometry"])
            before, after = (
                tuple(intensities.parse(spec) for spec in values.get(name, ())) for name in _LISTS
            )
        except SpecError as error:
            raise ModelError(f"preprocessing of a model card: {error}") from error
        mean, std = tuple(values["mean"]), tuple(values["std"])
        return cls(geometry, values["channels"], mean, std, before, after)

    @property
    def _is_fixed(self) -> bool:
        return all(is_fixed(intensity) for intensity in (*self.before, *self.after))

    def _of_grey(self, value: float) -> Float[Tensor, "c 1 1"]:
        if not self._is_fixed:
            raise ModelError(
                "an intensity transform of this preprocessing looks at the radiograph, so that"
                " black and white differ from film to film; compare with the mean, or with extremes"
            )
        pixel = np.full((1, 1), value, np.float32)
        for intensity in (*self.before, *self.after):
            pixel = intensity(pixel)
        return self._normalized(torch.from_numpy(pixel).expand(self.channels, 1, 1))

    def _check_range(self, pixels: Float[np.ndarray, "h w"]) -> None:
        bits = getattr(getattr(self.geometry, "interpolation", None), "bits", _FLOAT)
        if bits != _FLOAT and not (pixels.min() >= 0 and pixels.max() <= 1):
            raise ModelError(
                f"values from {pixels.min():g} to {pixels.max():g} meet an interpolation that"
                f" rounds to {bits} bits between 0 and 1; put the intensity transform into after,"
                " or say bits=32"
            )

    def _normalized(self, images: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
        mean = torch.tensor(self.mean).view(-1, 1, 1)
        return (images - mean) / torch.tensor(self.std).view(-1, 1, 1)


def _short(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in dict.fromkeys(values))
