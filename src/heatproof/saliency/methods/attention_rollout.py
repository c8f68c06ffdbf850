"""Attention rollout: how much of each patch has come to the tokens that the head reads.

With the attention A_l of layer l (tokens x tokens, rows sum to 1, mean over heads), half of a token
is taken to stay where it is: B_l = (A_l + I) / 2, and rollout is B_L ... B_2 B_1.  Abnar &
Zuidema, ACL 2020, https://arxiv.org/abs/2005.00928.

The paper reads the row of the class token.  Here heads pool the patches, so the map is the mean of
the rows of the patches, at the columns of the patches; what has come from the class token is in
none of its cells.  Values are shares between 0 and 1, the same for every finding: attention says
what was mixed, not what spoke for or against a finding.

Undefined for networks without attention, and where attention is not among all tokens (windows), not
computed by ``scaled_dot_product_attention`` or a softmax of its own, or masked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.intercept import InterceptRule, Operation

SOFTMAXES: frozenset[Operation] = frozenset([F.softmax, torch.softmax, Tensor.softmax])
ATTENTION_AXES = 4  # n heads t t


@methods.register("attention_rollout")
@dataclass(frozen=True)
class AttentionRollout:
    """At the resolution of the patches, the same for every finding."""

    title: ClassVar[str] = "Attention rollout"
    kind: ClassVar[Kind] = "class activation"
    needs: ClassVar[Need] = "features"
    asks_finding: ClassVar[bool] = False

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image, for every target."""
        rollout = Rollout()
        features = forward.under(rollout).features
        n, _, y, x = features.shape
        patches = rollout.of_patches(n, y * x).view(n, 1, y, x)
        return Maps(patches.repeat(1, len(targets), 1, 1))


class Rollout(InterceptRule):
    """Replaces nothing, and multiplies attention layer by layer as it goes by."""

    title = "attention rollout"

    def __init__(self) -> None:
        super().__init__()
        self._rolled: Tensor | None = None

    def of_patches(self, images: int, patches: int) -> Float[Tensor, "n t"]:
        """Mean over the patches, which come after all other tokens; raises MapError."""
        if self._rolled is None:
            raise self.refuse("it has no attention that can be seen")
        if len(self._rolled) != images or self._rolled.shape[-1] < patches:
            raise self.refuse(
                f"its attention is {tuple(self._rolled.shape)} (n t t), and its features lie on"
                f" {patches} cells of {images} images"
            )
        return self._rolled[:, -patches:, -patches:].mean(dim=1)

    def instead(self, operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The operation itself."""
        if operation is F.scaled_dot_product_attention:
            self._roll(fused_attention(self, *args, **kwargs))
        output = operation(*args, **kwargs)
        if is_attention(operation, output):
            self._roll(output)
        return output

    def _roll(self, attention: Float[Tensor, "n heads t s"]) -> None:
        mixed = attention.mean(dim=1)
        before = mixed.mT if self._rolled is None else self._rolled
        if mixed.shape != before.shape:
            raise self.refuse(
                f"attention of one layer is {tuple(mixed.shape)}, where"
                f" {tuple(before.shape)} (n t t) was expected"
            )
        mixed = (mixed + torch.eye(mixed.shape[1]).to(mixed)) / 2
        self._rolled = mixed if self._rolled is None else mixed @ self._rolled


def is_attention(operation: Operation, output: Any) -> bool:
    """Whether a call was a softmax over the tokens that each token sees."""
    # A softmax of another shape is no attention, such as one over classes.
    return operation in SOFTMAXES and output.ndim == ATTENTION_AXES


def fused_attention(  # noqa: PLR0917 (as in F.scaled_dot_product_attention)
    rule: InterceptRule,
    query: Tensor,
    key: Tensor,
    value: Tensor,  # noqa: ARG001
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,  # noqa: ARG001
    is_causal: bool = False,
    scale: float | None = None,
    **_: Any,
) -> Float[Tensor, "n heads t s"]:
    """The attention of a fused call, computed again: the kernel does not hand it out."""
    if attn_mask is not None or is_causal:
        raise rule.refuse("its attention is masked")
    if query.ndim != ATTENTION_AXES or query.shape != key.shape:
        raise rule.refuse(
            f"its queries are {tuple(query.shape)} and its keys {tuple(key.shape)}; expected"
            " n heads t d, of the same tokens"
        )
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    return torch.softmax(query @ key.mT * scale, dim=-1)
