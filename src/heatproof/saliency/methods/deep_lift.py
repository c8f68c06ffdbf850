"""DeepLIFT: the rise of the logit from a baseline, shared out by finite differences.

Both images go through the network in one pass.  Linear operations share out as their gradient does;
an activation z = f(x) passes back (f(x) - f(x0)) / (x - x0) instead of f'(x), the Rescale rule, and
f'(x) where |x - x0| < 1e-10.  M = (x - x0) * multiplier, summed over channels.  Shrikumar,
Greenside & Kundaje, ICML 2017, https://arxiv.org/abs/1704.02685.

The paper has no rule for the maximum.  Here, as in Captum's max-pooling, a rise of the maximum is
credited to the cell that is highest in x, a fall to the one that was highest in x0; the other
cannot exceed it, so that a share is never more than what its cell gave.  The sum of the k highest
(the WILDCAT head) is treated alike: cells among the k highest of both count in full, the others are
paired by rank.

Completeness: the map sums to y(x) - y(x0).  The residual is the difference as a share of
|y(x) - y(x0)|.  Where two tensors that depend on the image are multiplied (squeeze-and-excitation,
attention), and for softmax and the norms of layers, groups and instances, the Rescale rule says
nothing, and any multiplier of one factor would be an arbitrary choice: such networks are refused.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional as F

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.intercept import Operation, ScaleAndShift

TINY = 1e-10  # below which a difference quotient is no longer one; Captum's value

# By name, since each has several spellings in torch; a trailing underscore is taken off.
ACTIVATIONS: frozenset[str] = frozenset(
    [
        *("abs", "celu", "clamp", "clamp_max", "clamp_min", "clip", "elu", "erf", "exp", "expm1"),
        *("gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log"),
        *("log1p", "logsigmoid", "maximum", "minimum", "mish", "pow", "prelu", "reciprocal"),
        *("relu", "relu6", "rsqrt", "selu", "sigmoid", "silu", "softplus", "softshrink"),
        *("softsign", "sqrt", "square", "tanh", "tanhshrink", "threshold"),
    ]
)
PRODUCTS: frozenset[str] = frozenset(
    [
        *("addbmm", "addcdiv", "addcmul", "addmm", "baddbmm", "bilinear", "bmm", "div", "divide"),
        *("einsum", "matmul", "maximum", "minimum", "mm", "mul", "multiply", "pow"),
        *("true_divide",),
    ]
)
UNRULED: frozenset[str] = frozenset(
    [
        *("__rdiv__", "cumprod", "group_norm", "instance_norm", "kthvalue", "layer_norm"),
        *("local_response_norm", "log_softmax", "logsumexp", "lp_pool2d", "max", "max_pool1d"),
        *("max_pool3d", "median", "min", "multi_head_attention_forward", "norm", "normalize"),
        *("prod", "rms_norm", "scaled_dot_product_attention", "softmax", "softmin", "sort"),
        *("std", "var"),
    ]
)


@methods.register("deep_lift")
@dataclass(frozen=True)
class DeepLift:
    """The Rescale rule; signed, at the resolution of the input.

    Attributes:
        baseline: What the image is compared with: the ``mean`` of the training images (0 after
            normalization), or the image that is ``black`` everywhere.
        tolerance: Largest residual of a complete map.
    """

    baseline: Literal["mean", "black"] = "mean"
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"tolerance": (0, 1e9)}
    tolerance: float = 0.05
    title: ClassVar[str] = "DeepLIFT"
    kind: ClassVar[Kind] = "propagation"
    needs: ClassVar[Need] = "input gradients"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target, with its residual; raises MapError."""
        start = torch.zeros_like(forward.images[:1])
        if self.baseline == "black":
            start += forward.model.preprocessing.black.to(start)
        chosen = list(targets)
        values, rises = [], []
        # One baseline serves all images of a pass, and takes the place of one.
        for chunk in torch.split(forward.images, forward.at_once(differentiated=True, beside=1)):
            both = forward.over(torch.cat([chunk, start])).under(Rescale(len(chunk) + 1))
            multipliers = both.input_gradients(targets)[:-1]
            values.append((multipliers * (chunk - start)[:, None]).sum(dim=2))
            rises.append((both.logits[:-1] - both.logits[-1:])[:, chosen])
        maps, rise = torch.cat(values), torch.cat(rises)
        return Maps(maps, (maps.sum(dim=(2, 3)) - rise) / rise.abs(), self.tolerance)


class Rescale(ScaleAndShift):
    """Multipliers in place of gradients, in a pass over images and, last, their baseline.

    Gradients of the images are multipliers; that of the baseline is 0.

    Args:
        rows: Images and baseline.
    """

    title = "DeepLIFT"

    def __init__(self, rows: int) -> None:
        super().__init__()
        self._rows = rows

    def instead(self, operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The rules; raises MapError for operations that have none."""
        if not args and "input" in kwargs:
            args, kwargs = (kwargs["input"],), {k: v for k, v in kwargs.items() if k != "input"}
        differentiated = sum(_differentiated(arg) for arg in (*args, *kwargs.values()))
        if not differentiated:
            return operation(*args, **kwargs)
        name = operation.__name__.removesuffix("_")
        over = name in {"div", "divide", "true_divide"} and _differentiated(args[1])
        over = over or (name in ACTIVATIONS and not _differentiated(args[0]))
        if name in UNRULED or (name in PRODUCTS and differentiated > 1) or over:
            raise self.refuse(
                f"it calls {name}, which the Rescale rule does not cover; use"
                " integrated_gradients, which is complete for every network"
            )
        if name in ACTIVATIONS:
            self._check(name, args[0])
            return _Activation.apply(args[0], self, operation, args[1:], kwargs)
        if name in {"max_pool2d", "adaptive_max_pool2d"}:
            self._check(name, args[0])
            pool = F.max_pool2d if name == "max_pool2d" else F.adaptive_max_pool2d
            return _MaxPool.apply(args[0], self, pool, args[1:], kwargs)
        if name in {"amax", "topk"}:
            self._check(name, args[0])
            return (self._amax if name == "amax" else self._topk)(*args, **kwargs)
        return super().instead(operation, args, kwargs)

    def _check(self, name: str, x: Tensor) -> None:
        if len(x) != self._rows:
            raise self.refuse(
                f"{name} gets {len(x)} rows for {self._rows} images, so that an image cannot be"
                " told from its baseline"
            )

    def _amax(self, x: Tensor, dim: int | Sequence[int] = (), keepdim: bool = False) -> Tensor:
        axes = [axis % x.ndim for axis in ([dim] if isinstance(dim, int) else dim)]
        if not axes or 0 in axes:
            raise self.refuse("amax runs over the images")
        last = x.movedim(axes, list(range(-len(axes), 0))).flatten(-len(axes))
        values: Tensor = _Highest.apply(last, self, 1)[0].squeeze(-1)
        for axis in sorted(axes) if keepdim else ():
            values = values.unsqueeze(axis)
        return values

    def _topk(
        self,
        x: Tensor,
        k: int,
        dim: int = -1,
        largest: bool = True,
        sorted: bool = True,  # noqa: ARG002
    ) -> Any:
        if dim % x.ndim == 0:
            raise self.refuse("topk runs over the images")
        sign = 1 if largest else -1
        values, indices = _Highest.apply((sign * x).movedim(dim, -1), self, k)
        return torch.return_types.topk((sign * values.movedim(-1, dim), indices.movedim(-1, dim)))


class _Activation(torch.autograd.Function):
    """Any elementwise operation; its difference quotient takes the place of its derivative."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        rule: Rescale,
        operation: Operation,
        options: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Tensor:
        flags = (*options, *kwargs.values(), operation.__name__.endswith("_"))
        # Any true option may be ``inplace``, and then overwrites what is needed here.
        before = x.clone() if any(flag is True for flag in flags) else x
        output: Tensor = operation(x, *options, **kwargs)
        if output.data_ptr() == x.data_ptr():
            ctx.mark_dirty(x)
        # Where input and baseline are nearly equal the quotient is noise; its limit is the slope.
        run = before[:-1] - before[-1:]
        multiplier = (output[:-1] - output[-1:]) / run
        if (near := run.abs() < TINY).any():
            slope = _slope(lambda x: operation(x, *options, **kwargs), before[:-1])
            multiplier = torch.where(near, slope, multiplier)
        ctx.save_for_backward(multiplier)
        ctx.rule = rule
        rule.intercepted()
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (multiplier,) = ctx.saved_tensors
        ctx.rule.applied()
        return _with_baseline(gradient[:-1] * multiplier), None, None, None, None


class _MaxPool(torch.autograd.Function):
    """Max-pooling over windows, which may overlap."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        rule: Rescale,
        pool: Callable[..., tuple[Tensor, Tensor]],
        options: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Tensor:
        output, places = pool(x, *options, **{**kwargs, "return_indices": True})
        # From the baseline up to the higher of the two maxima, then down to that of the image: the
        # rise is credited to the cell that wins in the image, the fall to that of the baseline.
        highest = torch.maximum(output[:-1], output[-1:])
        rise, fall = highest - output[-1:], output[:-1] - highest
        ctx.save_for_backward(x[:-1] - x[-1:], rise, fall, places)
        ctx.rule = rule
        rule.intercepted()
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        run, rise, fall, places = ctx.saved_tensors
        ctx.rule.applied()
        gradient = gradient[:-1].flatten(2)
        here, there = (part.flatten(2) for part in (places[:-1], places[-1:]))
        empty = torch.zeros_like(run, memory_format=torch.contiguous_format).flatten(2)
        credit = empty.scatter_add(2, here, gradient * rise.flatten(2))
        credit.scatter_add_(2, there.expand_as(here), gradient * fall.flatten(2))
        slope = empty.scatter_add_(2, here, gradient).view(run.shape)
        multiplied = torch.where(run.abs() < TINY, slope, credit.view(run.shape) / run)
        return _with_baseline(multiplied), None, None, None, None


class _Highest(torch.autograd.Function):
    """The k highest along the last axis, as long as what follows treats them alike."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rule: Rescale, k: int) -> tuple[Tensor, Tensor]:
        values, places = x.topk(k)
        ctx.save_for_backward(_multiplier_of_highest(x[:-1], x[-1:], places))
        ctx.mark_non_differentiable(places)
        ctx.rule = rule
        rule.intercepted()
        return values, places

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor | None) -> tuple[Tensor, None, None]:
        (multiplier,) = ctx.saved_tensors
        ctx.rule.applied()
        gradient, first = gradient[:-1], gradient[:-1, ..., :1]
        if not torch.allclose(gradient, first.expand_as(gradient)):
            raise ctx.rule.refuse("topk is followed by something that weighs ranks differently")
        return _with_baseline(multiplier * first), None, None


def _multiplier_of_highest(
    x: Float[Tensor, "n ... m"],
    start: Float[Tensor, "1 ... m"],
    places: Int64[Tensor, "rows ... k"],
) -> Float[Tensor, "n ... m"]:
    """The multiplier of the sum of the k highest, with respect to each cell."""
    start = start.expand_as(x)
    k = places.shape[-1]
    now = torch.zeros_like(x, dtype=torch.bool).scatter_(-1, places[:-1], True)
    then = torch.zeros_like(x, dtype=torch.bool)
    then.scatter_(-1, places[-1:].expand(*x.shape[:-1], k), True)
    came, into = _ranked(x, now & ~then, k)
    left, out_of = _ranked(start, then & ~now, k)
    # Where all newcomers have been paired, the ranks that remain hold -inf on both sides.
    change = torch.where(came.isfinite(), came - left, 0)
    run = x - start
    multiplier = (now & then).to(x)
    for places_of, counts in ((into, change > 0), (out_of, change < 0)):
        share = torch.where(counts, change / run.gather(-1, places_of), 0)
        multiplier = multiplier.scatter_add(-1, places_of, share)
    return multiplier


def _ranked(
    x: Float[Tensor, "n ... m"], among: Bool[Tensor, "n ... m"], k: int
) -> tuple[Float[Tensor, "n ... k"], Int64[Tensor, "n ... k"]]:
    values, places = torch.where(among, x, -torch.inf).topk(k)
    return values, places


def _slope(operation: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The derivative of an elementwise operation."""
    with torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        # Of a copy, since the operation may work in place, which a leaf does not allow.
        (slope,) = torch.autograd.grad(operation(leaf.clone()).sum(), leaf)
    return slope


def _with_baseline(gradient: Tensor) -> Tensor:
    """What passes to the images, and nothing to the baseline."""
    return torch.cat([gradient, torch.zeros_like(gradient[:1])])


def _differentiated(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_differentiated(item) for item in value)
    return isinstance(value, Tensor) and value.requires_grad
