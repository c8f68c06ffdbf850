"""Random: a map that knows neither the image nor the model.

M ~ U(0, 1), pixel by pixel.  A control: whatever a metric gives it is what the metric gives for
nothing.

The noise of a map follows from the seed, the finding and the image (a checksum of its pixels
seeds the generator).  So each map is drawn on its own, as chance would have it over many images,
and yet is the same every time, on every device and in whatever batch.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass


@methods.register("random")
@dataclass(frozen=True)
class UniformNoise:
    """At the resolution of the input, in [0, 1).

    Attributes:
        seed: Seed of the noise.
    """

    seed: int = 0
    title: ClassVar[str] = "Random (control)"
    kind: ClassVar[Kind] = "control"
    needs: ClassVar[Need] = "logits"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        maps = [torch.stack([self._noise(x, t) for t in targets]) for x in forward.images.cpu()]
        return Maps(torch.stack(maps).to(forward.images))

    def _noise(self, image: Float[Tensor, "c h w"], target: int) -> Float[Tensor, "h w"]:
        pixels = image.float().contiguous().numpy().tobytes()
        generator = torch.Generator().manual_seed(
            # A checksum, since Python's hash of text differs from process to process.
            zlib.crc32(pixels, zlib.crc32(f"{self.seed} {target}".encode()))
        )
        return torch.rand(image.shape[1:], generator=generator)
