"""FullGrad: what the image and every bias of the network add to the logit.

A network of convolutions, linear layers, batch norms, ReLUs and pooling is linear around an image,

    y = sum(x * dy/dx) + sum over layers of sum(b_l * dy/dz_l),

where b_l is the bias of layer l, constant over its output z_l.  That of a batch norm is its shift,
beta - mean * gamma / sigma.  Where layers keep places,

    M = psi(x * dy/dx) + sum over layers of psi(b_l * dy/dz_l),

with psi: absolute value; less the minimum and divided by the range, over all channels and places;
upsampled (bilinear, between the centres of the cells); summed over channels.  A part that is
constant adds nothing.  Srinivas & Fleuret, NeurIPS 2019, https://arxiv.org/abs/1905.00780.  Because
of psi the map is never negative and says nothing of signs, and each layer counts alike, however
little it adds; the last layer's bias has no place and is not shown.

Completeness: the parts, before psi, sum to the logit.  The residual is the difference as a share of
|y|.  It is what remains where a network is not linear around the image (SiLU, GELU, layer norm,
gates): the parts do not explain its logit, and the map is marked incomplete.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.intercept import InterceptRule, Operation

PLACED = 4  # axes of what has places
BIASED: frozenset[Operation] = frozenset(
    [
        *(F.linear, F.conv1d, F.conv2d, F.conv3d),
        *(F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d),
    ]
)


@methods.register("full_grad")
@dataclass(frozen=True)
class FullGrad:
    """At the resolution of the input.

    Attributes:
        tolerance: Largest residual of a complete map.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"tolerance": (0, 1e9)}
    tolerance: float = 0.05
    title: ClassVar[str] = "FullGrad"
    kind: ClassVar[Kind] = "propagation"
    needs: ClassVar[Need] = "input gradients"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target, with its residual."""
        images = forward.images
        biases = Biases(images)
        parts = images[:, None] * forward.under(biases).input_gradients(targets)
        by_target = [_view(parts[:, index], images) for index in range(len(targets))]
        values = torch.stack(by_target, dim=1) + torch.stack(biases.maps, dim=1)
        total = parts.sum(dim=(2, 3, 4)) + torch.stack(biases.sums, dim=1)
        logits = forward.logits[:, list(targets)]
        return Maps(values, (total - logits) / logits.abs(), self.tolerance)


class Biases(InterceptRule):
    """Changes nothing, and keeps what biases add to the logit in each backward pass.

    Attributes:
        maps: The part of the map that is due to biases, ``n h w`` for each backward pass.
        sums: What all biases add to the logit, ``n`` for each.
    """

    title = "FullGrad"

    def __init__(self, images: Float[Tensor, "n c h w"]) -> None:
        super().__init__()
        self._images = images
        self.maps: list[Tensor] = []
        self.sums: list[Tensor] = []

    def instead(self, operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The operation itself, with its bias remembered."""
        output = operation(*args, **kwargs)
        if not isinstance(output, Tensor) or not output.requires_grad:
            return output
        bias = None
        if operation in BIASED:
            bias = args[2] if len(args) > 2 else kwargs.get("bias")  # noqa: PLR2004
            if bias is not None:
                # A linear layer keeps its channels in the last axis, a convolution in the second.
                first = output.ndim - 1 if operation is F.linear else 1
                bias = bias.view(-1, *[1] * (output.ndim - 1 - first))
        elif operation is F.batch_norm:
            # What an affine map makes of 0.
            x = args[0]
            zero = x.new_zeros(1, x.shape[1], *[1] * (x.ndim - 2))
            bias = operation(zero, *args[1:], **kwargs)
        return output if bias is None else _Kept.apply(output, self, bias)

    def add(self, part: Tensor) -> None:
        """What the bias of one layer adds, element by element of its output."""
        if len(part) != len(self._images):
            raise self.refuse(
                f"a layer gives {len(part)} rows for {len(self._images)} images, as attention in"
                " windows does, so that what its bias adds cannot be told by image"
            )
        self.sums[-1] += part.flatten(1).sum(dim=1)
        if part.ndim == PLACED:
            self.maps[-1] += _view(part, self._images)

    @contextmanager
    def backward(self) -> Iterator[None]:
        """Starts a new sum and map."""
        images = self._images
        self.sums.append(images.new_zeros(len(images)))
        self.maps.append(images.new_zeros(len(images), *images.shape[2:]))
        with super().backward():
            yield


class _Kept(torch.autograd.Function):
    """The output of a layer; its gradient is looked at, and passes as it is."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, rule: Biases, bias: Tensor) -> Tensor:
        # It is said to be changed, since what is returned unchanged may not be worked on in place.
        ctx.mark_dirty(output)
        ctx.save_for_backward(bias)
        ctx.rule = rule
        rule.intercepted()
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (bias,) = ctx.saved_tensors
        ctx.rule.applied()
        ctx.rule.add(gradient * bias)
        return gradient, None, None


def _view(
    part: Float[Tensor, "n d y x"], images: Float[Tensor, "n c h w"]
) -> Float[Tensor, "n h w"]:
    """The paper's psi, summed over channels."""
    magnitude = part.abs()
    low, high = (
        bound(magnitude, dim=(1, 2, 3), keepdim=True) for bound in (torch.amin, torch.amax)
    )
    # A constant part is 0 after its minimum is taken off, and must not become 0 / 0.
    span = torch.where(high > low, high - low, 1)
    # Summed first: upsampling is linear.
    total = ((magnitude - low) / span).sum(dim=1, keepdim=True)
    return F.interpolate(total, images.shape[2:], mode="bilinear")[:, 0]
