"""What the blocks of a backbone hand to each other, kept so that a pass can set out from there.

When a cascade replaces blocks from the top down, those below have not changed: neither what they
hand up nor how a gradient passes down through them.  Both are computed once.

Each block keeps a graph of its own, from what entered it to what left it, so that pieces can be let
go from the top as the cascade comes down.  Blocks may work in place, with an in-place ReLU first of
all: none works on what is kept, but on a copy of it.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.models.classifier import Classifier
from heatproof.saliency.intercept import Plain


class Boundaries:
    """The boundaries between the blocks of one model, for one batch of images.

    Ask from the top down: the graphs of what lies above the last boundary asked for are let go, and
    made again when they are needed after all.

    Args:
        model: The model, held still.
        images: Preprocessed images.
    """

    def __init__(self, model: Classifier, images: Float[Tensor, "n c h w"]) -> None:
        self._blocks = list(model.backbone)
        self._model = model
        self._images = images
        self._pieces: list[tuple[Tensor, Tensor]] = []  # what entered each block, and what left it
        self._linked = False

    def below(self, block: int, *, linked: bool) -> Float[Tensor, "n ..."]:
        """What enters a block, without a graph; not to be written on.

        Args:
            block: Counted from 0; the number of blocks for what enters the head.
            linked: Whether gradients are to be passed further down.
        """
        if block > len(self._pieces) or linked > self._linked:
            self._run(block, linked)
        if self._linked:
            del self._pieces[block:]
        return (self._pieces[block - 1][1] if block else self._images).detach()

    def down(self, block: int, gradient: Float[Tensor, "n ..."]) -> Float[Tensor, "n c h w"]:
        """A gradient with respect to what enters a block, passed on to the images."""
        for entered, left in reversed(self._pieces[:block]):
            # The graphs are kept: other targets and other copies pass through them, too.
            (gradient,) = torch.autograd.grad(left, entered, gradient, retain_graph=True)
        return gradient

    def _run(self, upto: int, linked: bool) -> None:
        self._pieces, self._linked = [], linked
        reached = self._images.detach()
        # The rule of a whole pass, since gradients of batch norm round differently under another.
        rule = Plain(self._images)
        with rule.forward(self._model, linked=linked), torch.set_grad_enabled(linked):
            for block in self._blocks[:upto]:
                entered = reached.detach().requires_grad_(linked)
                left = block(entered.clone())
                self._pieces.append((entered, left))
                reached = left
