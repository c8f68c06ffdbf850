"""SmoothGrad: what a method says of an image on average, when noise is added to it.

    m_i = base(x + e_i),  e_i ~ N(0, sigma^2) per pixel and channel,  i = 1..samples,
    sigma = noise * (max x - min x) of the image as preprocessed;
    mean:      M = mean of m_i              Smilkov et al. 2017, https://arxiv.org/abs/1706.03825
    square:    M = mean of m_i^2            Hooker et al., NeurIPS 2019,
                                            https://arxiv.org/abs/1806.10758 (PAIR's default)
    variance:  M = mean of (m_i - mean)^2   VarGrad: Adebayo et al. 2018,
                                            https://arxiv.org/abs/1810.03307

Smilkov et al. average signed gradients and take absolute values for display only; so the base is
the signed gradient, summed over channels, and noise cancels out.  ``base=gradient`` would average
absolute values, in which it does not.  PAIR squares each channel before it sums them; here the sum,
which for a grey image is the derivative with respect to the grey value, is squared.  PAIR's,
which Arun et al. 2021 and Venkatesh et al. 2024 call SmoothGrad, is the preset ``pair``, and their
smooth integrated gradients are ``arun`` and ``venkatesh``; they scored
``percentile_view(base=smooth_grad.pair)``.

Smooth integrated gradients are ``smooth_grad(base=integrated_gradients)``; the completeness of the
samples is not judged.  Every image gets the same noise, scaled to it, on every device.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.errors import SpecError
from heatproof.saliency import Kind, Maps, Method, Need, asks_finding, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.methods.gradient import Gradient


@methods.register("smooth_grad")
@dataclass(frozen=True)
class SmoothGrad:
    """At the resolution of the base; signed where the base is and its ``mean`` is taken.

    Attributes:
        base: What is averaged.
        samples: Noisy copies of each image.
        noise: Standard deviation, as a share of the range of the image.
        magnitude: Average of the maps (``mean``) or of their squares (``square``), or how much they
            vary (``variance``).
        seed: Seed of the noise.
    """

    base: Method = field(default=Gradient(channels="sum"), metadata={"registry": methods})
    samples: int = 25
    noise: float = 0.15
    magnitude: Literal["mean", "square", "variance"] = "mean"
    seed: int = 0
    presets: ClassVar[Mapping[str, str]] = {
        "pair": "base=gradient(channels='sum_square')",
        "arun": "base=integrated_gradients.arun(channels='sum_square')",
        "venkatesh": "base=integrated_gradients.venkatesh(channels='sum_square')",
    }
    title: ClassVar[str] = "SmoothGrad"
    kind: ClassVar[Kind] = "refinement"

    def __post_init__(self) -> None:
        least = 2 if self.magnitude == "variance" else 1
        if self.samples < least:
            raise SpecError(
                f"samples={self.samples}; smooth_grad with magnitude={self.magnitude!r} needs at"
                f" least {least}"
            )
        if not 0 <= self.noise < float("inf"):
            raise SpecError(
                f"noise={self.noise}; expected a share of the range of the image, such as 0.15"
            )

    @property
    def needs(self) -> Need:
        """What the base needs."""
        return self.base.needs

    @property
    def asks_finding(self) -> bool:
        """Whether the map of the base differs between findings."""
        return asks_finding(self.base)

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        images = forward.images
        # A generator of the CPU gives the same noise on every device.
        generator = torch.Generator().manual_seed(self.seed)
        noise = torch.randn(self.samples, *images.shape[1:], generator=generator).to(images)
        # Image by image: the map must not depend on what else is in the batch.
        return Maps(torch.stack([self._one(forward, x, noise, targets) for x in images]))

    def _one(
        self,
        forward: ForwardPass,
        image: Float[Tensor, "c h w"],
        noise: Float[Tensor, "samples c h w"],
        targets: Sequence[int],
    ) -> Float[Tensor, "k y x"]:
        """The maps of one image."""
        noisy = image + self.noise * (image.max() - image.min()) * noise
        maps = torch.cat(
            [
                # Residuals of noisy copies are not reported, and would cost passes.
                self.base(forward.over(chunk, judged=False), targets).values
                for chunk in torch.split(noisy, forward.at_once(differentiated=True))
            ]
        )
        match self.magnitude:
            case "mean":
                return maps.mean(dim=0)
            case "square":
                return maps.square().mean(dim=0)
            case "variance":
                return maps.var(dim=0, correction=0)
