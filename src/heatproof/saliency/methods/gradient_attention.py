"""Gradient-weighted attention: what came to the tokens that the head reads, for one finding.

With the attention A_l of layer l (heads x tokens x tokens) and the gradient G_l of the logit with
respect to it,

    C_l = mean over heads of max(G_l * A_l, 0),  R <- R + C_l R,  from R = 1,

layer by layer.  Chefer et al., ICCV 2021, https://arxiv.org/abs/2103.15679 (eq. 5 and 6, for
self-attention).  The paper reads the row of the class token.  Here heads pool the patches, so the
map is the mean of the rows of the patches, at the columns of the patches, without the 1 that each
token is to itself; ``reads="first token"`` takes the row of the first token, for a network of your
own whose head reads it.

Values are >= 0: what speaks against the finding is left out.  They do not sum to the logit.

Undefined as attention rollout is: without attention, among windows, or masked.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.intercept import InterceptRule, Operation
from heatproof.saliency.methods.attention_rollout import fused_attention, is_attention

# Memory of an image, in multiples of a plain pass, which never writes attention down.  What is kept
# was measured at 1.2 (ViT-S, 224 px) and 2.5 (512 px); gradients come on the way back.
KEPT = 4


@methods.register("gradient_attention")
@dataclass(frozen=True)
class GradientAttention:
    """At the resolution of the patches, >= 0.

    Attributes:
        reads: What the head reads: the ``patches``, or the ``first token``.
    """

    reads: Literal["patches", "first token"] = "patches"
    title: ClassVar[str] = "Gradient-weighted attention"
    kind: ClassVar[Kind] = "class activation"
    needs: ClassVar[Need] = "input gradients"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        count = forward.at_once(differentiated=True, each=KEPT)
        chunks = torch.split(forward.images, count)
        return Maps(torch.cat([self._some(forward.over(images), targets) for images in chunks]))

    def _some(self, forward: ForwardPass, targets: Sequence[int]) -> Float[Tensor, "n k y x"]:
        watched = Watched()
        under = forward.under(watched)
        under.input_gradients(targets)
        n, _, y, x = under.features.shape
        maps = []
        for relevance in watched.relevance:
            if len(relevance) != n or relevance.shape[-1] < y * x:
                raise watched.refuse(
                    f"its attention is {tuple(relevance.shape)} (n t t), and its features lie on"
                    f" {y * x} cells of {n} images"
                )
            to_patches = relevance[..., -y * x :]
            rows = to_patches[:, -y * x :].mean(dim=1)
            row = rows if self.reads == "patches" else to_patches[:, 0]
            maps.append(row.view(n, y, x))
        return torch.stack(maps, dim=1)


class Watched(InterceptRule):
    """Writes attention down where it is fused, and keeps what a backward pass brings to it.

    Attributes:
        relevance: For each backward pass, R - 1: what each token got of each, n t t.
    """

    title = "gradient-weighted attention"

    def __init__(self) -> None:
        super().__init__()
        self._weighted: dict[int, Tensor] = {}  # C of each layer, by its number, in one pass
        self._layers = 0
        self.relevance: list[Tensor] = []

    def instead(self, operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The operation itself, in two steps where it fuses attention."""
        if operation is F.scaled_dot_product_attention:
            attention = fused_attention(self, *args, **kwargs)
            self._watch(attention)
            return attention @ (args[2] if len(args) > 2 else kwargs["value"])  # noqa: PLR2004
        output = operation(*args, **kwargs)
        if is_attention(operation, output):
            self._watch(output)
        return output

    @contextmanager
    def backward(self) -> Iterator[None]:
        """One target: afterwards its relevance is there."""
        self._weighted.clear()
        with super().backward():
            yield
        self.relevance.append(self._rolled())
        self._weighted.clear()

    def _watch(self, attention: Float[Tensor, "n heads t s"]) -> None:
        if not attention.requires_grad:
            return
        weigh = partial(self._weigh, self._layers, attention.detach())
        attention.register_hook(weigh)  # type: ignore[no-untyped-call]
        self._layers += 1
        self.intercepted()

    def _weigh(self, layer: int, attention: Tensor, gradient: Tensor) -> None:
        self._weighted[layer] = (gradient * attention).clamp(min=0).mean(dim=1)
        self.applied()

    def _rolled(self) -> Float[Tensor, "n t t"]:
        if not self._weighted:
            raise self.refuse("it has no attention that can be seen")
        relevance: Tensor | None = None
        for _, weighted in sorted(self._weighted.items()):
            if weighted.shape != (before := weighted.mT if relevance is None else relevance).shape:
                raise self.refuse(
                    f"attention of one layer is {tuple(weighted.shape)}, where"
                    f" {tuple(before.shape)} (n t t) was expected"
                )
            # R - 1 and not R, so that what a token is to itself from the start hides nothing.
            relevance = (
                weighted if relevance is None else relevance + weighted + weighted @ relevance
            )
        assert relevance is not None
        return relevance
