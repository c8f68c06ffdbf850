"""RISE: the logit of randomly masked images, averaged over the masks that show a pixel.

    H_i: a grid of cells^2 independent cells, 1 with probability ``shown`` and 0 otherwise,
         upsampled bilinearly to (cells + 1) / cells of the image, and cut to it at a random shift
         of less than one cell;
    M = sum over i of y(x * H_i) H_i / sum over i of H_i.

Petsiuk, Das & Saenko, BMVC 2018, https://arxiv.org/abs/1806.07421.  x is the preprocessed
image, so that what H_i hides becomes the mean of the training images.

M estimates the expected logit, given that the pixel is shown, so its level is that of the logits:
what matters is where it is higher.  The paper divides by the expectation of the sum of H_i, masks *
``shown``, instead of the sum itself; then pixels that happened to be shown more often look more
important in proportion to the logits' level, which probabilities near 0 hide and logits do not
(``divisor="expectation"``).

Every image gets the same masks, on every device, and all findings share their passes.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from heatproof.errors import SpecError
from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass


@methods.register("rise")
@dataclass(frozen=True)
class RISE:
    """At the resolution of the input.

    Attributes:
        masks: How many; the paper takes 4,000 for VGG and 8,000 for ResNet.
        cells: Along each side of the grid.
        shown: Probability of a cell to be shown.
        divisor: How often a pixel was shown (``coverage``) or ought to be (``expectation``).
        seed: Seed of the masks.
    """

    masks: int = 4000
    cells: int = 7
    shown: float = 0.5
    divisor: Literal["coverage", "expectation"] = "coverage"
    seed: int = 0
    title: ClassVar[str] = "RISE"
    kind: ClassVar[Kind] = "perturbation"
    needs: ClassVar[Need] = "logits"

    def __post_init__(self) -> None:
        for name, count in (("masks", self.masks), ("cells", self.cells)):
            if count < 1:
                raise SpecError(f"{name}={count}; rise needs at least 1")
        if not 0 < self.shown < 1:
            raise SpecError(
                f"shown={self.shown}; expected a probability between 0 and 1, such as 0.5"
            )

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target; ``nan`` at pixels that no mask shows."""
        images, chosen = forward.images, list(targets)
        total = images.new_zeros(len(images), len(chosen), *images.shape[2:])
        coverage = images.new_zeros(images.shape[2:])
        for masks in self._masks(images, forward.at_once(differentiated=False)):
            # Image by image: the map must not depend on what else is in the batch.
            for index, image in enumerate(images):
                logits = forward.over(image * masks[:, None]).logits[:, chosen]
                total[index] += torch.einsum("mk,mhw->khw", logits, masks)
            coverage += masks.sum(dim=0)
        expected = self.divisor == "expectation"
        return Maps(total / (self.masks * self.shown if expected else coverage))

    def _masks(
        self, images: Float[Tensor, "n c h w"], at_once: int
    ) -> Iterator[Float[Tensor, "m h w"]]:
        """Yield all masks in chunks; a mask does not depend on the size of the chunks."""
        height, width = images.shape[2:]
        sides = [math.ceil(side / self.cells) for side in (height, width)]
        generator = torch.Generator().manual_seed(self.seed)
        # All random numbers are drawn before the chunks, whose size follows from the memory.
        grids = torch.rand(self.masks, self.cells, self.cells, generator=generator) < self.shown
        tops, lefts = (
            torch.randint(side, (self.masks,), generator=generator).tolist() for side in sides
        )
        size = [(self.cells + 1) * side for side in sides]
        for start in range(0, self.masks, at_once):
            small = grids[start : start + at_once, None].to(images)
            large = F.interpolate(small, size, mode="bilinear")[:, 0]
            end = start + len(large)
            corners = zip(large, tops[start:end], lefts[start:end], strict=True)
            yield torch.stack(
                [mask[top : top + height, left : left + width] for mask, top, left in corners]
            )
