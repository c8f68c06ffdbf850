"""Max-sensitivity: how much a map changes at most when the image hardly changes.

Noise, uniform in +- radius, is added to the image, and the same method explains it anew:

    value = max over draws of  || map(x + noise) - map(x) || / || map(x) ||

0 or more, in the norm of Frobenius; a steadier map has a lower one; nan for a map of zeros, and for
maps that were not made here.  Yeh et al., NeurIPS 2019, https://arxiv.org/abs/1901.09392.  It does
not ask whether a map is true: the steadiest map is one that never looks.  So there is no chance to
compare with; beside ``infidelity`` it tells whether a map is true and yet unsteady.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.errors import SpecError
from heatproof.fidelity.hiding import check_count
from heatproof.fidelity.metrics import Better, Explained, fidelities


@fidelities.register("max_sensitivity")
@dataclass(frozen=True)
class MaxSensitivity:
    """Largest change of the map under a little noise, relative to the map.

    Attributes:
        radius: How much noise changes a pixel at most, as a share of the range from black to white.
        samples: How many draws.
        seed: Draws the noise, the same for all maps.
    """

    radius: float = 0.02
    samples: int = 10
    seed: int = 0
    title: ClassVar[str] = "Max-sensitivity"
    better: ClassVar[Better] = "lower"
    beside_chance: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 0 < self.radius <= 1:
            raise SpecError(f"radius={self.radius}: expected a share of the range, up to 1")
        check_count("samples", self.samples, 1)

    def __call__(self, explained: Explained) -> Float[Tensor, "n k"]:
        """One value a map."""
        relevance = explained.relevance
        if explained.again is None:
            return torch.full_like(relevance[..., 0, 0], torch.nan)
        largest = torch.zeros_like(relevance[..., 0, 0])
        for noisy in self.noisy(explained.forward.images, explained):
            change = explained.again(explained.forward.over(noisy, judged=False)) - relevance
            largest = torch.maximum(largest, change.flatten(2).norm(dim=2))
        size = relevance.flatten(2).norm(dim=2)
        return torch.where(size > 0, largest / size, torch.nan)

    def noisy(
        self, images: Float[Tensor, "n c h w"], explained: Explained
    ) -> list[Float[Tensor, "n c h w"]]:
        """The images under each draw of noise."""
        preprocessing = explained.forward.model.preprocessing
        spans = [white - black for black, white in map(preprocessing.ends, images)]
        radius = self.radius * torch.stack(spans)
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.rand(self.samples, *images.shape[1:], generator=generator)
        return [images + radius * (2 * each - 1) for each in drawn.to(images)]
