"""ROAD: what the model says when the most relevant pixels are imputed from their neighbours.

    value = mean over shares s of p(x with its s most relevant pixels imputed)

In [0, 1]; a truer map has a lower one.  Rong et al., ICML 2022, https://arxiv.org/abs/2202.00449,
who report the accuracy over many images at each share, most relevant first; this is the probability
on one, averaged over shares.  Their imputation gives a hidden pixel the mean of its neighbours and
a little noise, so that the outline of what is hidden does not show: see ``imputation``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.errors import SpecError
from heatproof.fidelity.hiding import check_share, probabilities, ranks
from heatproof.fidelity.imputation import imputed
from heatproof.fidelity.metrics import Better, Explained, fidelities


@fidelities.register("road")
@dataclass(frozen=True)
class ROAD:
    """Probability as the most relevant pixels are imputed.

    Attributes:
        shares: How much of the image is imputed, each time anew.
        noise: Standard deviation of what is added to imputed pixels, in units of the input.
        seed: Draws the noise, the same for all maps.
    """

    shares: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    noise: float = 0.01
    seed: int = 0
    title: ClassVar[str] = "ROAD"
    better: ClassVar[Better] = "lower"

    def __post_init__(self) -> None:
        if not self.shares:
            raise SpecError("shares=(): expected at least one share of the image")
        for share in self.shares:
            check_share("shares", share)
        if self.noise < 0:
            raise SpecError(f"noise={self.noise}: expected 0 or more")

    def __call__(self, explained: Explained) -> Float[Tensor, "n k"]:
        """One value a map."""
        images = self.imputations(explained)
        found = probabilities(explained.forward, images)
        return found.view(*explained.relevance.shape[:2], len(self.shares)).mean(dim=-1)

    def imputations(self, explained: Explained) -> Iterator[tuple[int, Float[Tensor, "c h w"]]]:
        """Each image, map by map and share by share in ascending order, with its finding."""
        images, relevance = explained.forward.images, explained.relevance
        pixels = relevance.shape[2] * relevance.shape[3]
        # At least one pixel is left: of nothing, nothing follows.
        counts = [min(pixels - 1, round(share * pixels)) for share in sorted(self.shares)]
        noise = torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(self.seed))
        noise = self.noise * noise.to(images)
        places = ranks(relevance)
        for image, of_image in zip(images, places, strict=True):
            pixelwise = image.contiguous().cpu().numpy()
            for target, place in zip(explained.targets, of_image, strict=True):
                for count, new in zip(
                    counts, imputed(pixelwise, place.cpu().numpy(), counts), strict=True
                ):
                    changed = torch.from_numpy(new).to(images)
                    yield target, torch.where(place < count, changed + noise, image)
