"""Rules that stand in for operations of a network, for the length of one forward pass.

Some methods ask of an operation another backward pass than its gradient: guided backpropagation
and DeepLIFT of activations, LRP of every layer.  ``TorchFunctionMode`` sees each call of a torch
function, be it by a module, by name or as a method, in place or not; so nothing is installed in
the network, and nothing can be left behind.

What it cannot see would silently give a plain gradient, as it does in other libraries: so scripted
and compiled modules are refused; rules for ReLU look through autograd's graph for activations that
escaped them; and after every backward pass as many applications of the rule must have happened as
there were interceptions, which is not so where checkpointing runs a part of the network again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import CheckpointError

from heatproof.errors import MapError

Operation = Callable[..., Any]

RELUS: frozenset[Operation] = frozenset(
    [
        *(F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_),
        *(torch.ops.aten.relu, torch.ops.aten.relu.default),  # exported networks call these
        *(torch.ops.aten.relu_, torch.ops.aten.relu_.default),
    ]
)
# What a differentiated operation leaves in autograd's graph, without "Backward" and a number.
ACTIVATIONS = frozenset(
    [
        *("Relu", "Threshold", "Hardtanh", "LeakyRelu", "PreluKernel", "RreluWithNoise", "Elu"),
        *("Celu", "Gelu", "Silu", "Mish", "Hardswish", "Softplus", "Clamp", "ClampMin", "ClampMax"),
        *("Maximum", "Minimum", "Fmax", "Fmin"),
    ]
)
WORTH = 224 * 224  # pixels of an image from which another way back through batch norm saves time
# Nodes of the graph behind which other operations run, where no rule meets them.
HIDING = frozenset(["CheckpointFunction", "CompiledFunction", "DifferentiableGraph"])


class InterceptRule(TorchFunctionMode):
    """Replaces operations of a network; one object serves one forward pass.

    A subclass overrides ``instead``.  Where it returns something of its own, that is an
    ``autograd.Function`` which reports itself by ``intercepted`` in its forward and by ``applied``
    in its backward pass.

    Attributes:
        title: What people call the method, for messages.
    """

    title: ClassVar[str] = "this method"

    def __init__(self) -> None:
        super().__init__()
        self._intercepted = 0
        self._applied = 0

    def instead(self, operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """What the network gets for a call; the operation itself unless overridden."""
        return operation(*args, **kwargs)

    def intercepted(self) -> None:
        """Count an operation that was replaced; a rule calls this when it has replaced one."""
        self._intercepted += 1

    def applied(self) -> None:
        """Count a gradient that has passed through a replaced operation."""
        self._applied += 1

    def refuse(self, reason: str) -> MapError:
        """The error of a network to which the rule does not apply."""
        return MapError(f"{self.title} is not defined for this network: {reason}")

    @contextmanager
    def forward(self, network: nn.Module) -> Iterator[None]:
        """Replaces operations in the block; raises MapError for networks it cannot see into."""
        for name, module in network.named_modules():
            compiled = getattr(module, "_compiled_call_impl", None) is not None
            if compiled or isinstance(
                module, torch.jit.ScriptModule | torch._dynamo.OptimizedModule
            ):
                kind = "scripted" if isinstance(module, torch.jit.ScriptModule) else "compiled"
                raise self.refuse(
                    f"{name or 'it'} is {kind}, which hides its operations; explain the module"
                    " that it was made from"
                )
        with self:
            yield

    @contextmanager
    def backward(self) -> Iterator[None]:
        """Checks that one backward pass inside the block has met every replaced operation."""
        self._applied = 0
        try:
            yield
        except CheckpointError as error:
            raise self._lost() from error
        # Otherwise a plain gradient would pass under the name of the method.
        if self._applied != self._intercepted:
            raise self._lost()

    def _lost(self) -> MapError:
        return self.refuse(
            f"{self._intercepted} operations were replaced in the forward pass, but"
            f" {self._applied} met in the backward pass; switch off gradient checkpointing, or"
            " leave out branches that do not lead to the logit"
        )

    def __torch_function__(
        self, func: Operation, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Called by torch for every operation in the block."""
        del types
        return self.instead(func, args, kwargs or {})


class ScaleAndShift(InterceptRule):
    """Passes gradients back through batch norm in evaluation mode as through what it is there.

    That is one scale and one shift per channel: one product, half of what torch's own kernel
    takes of a CPU.  The way there is torch's, to the last digit, so that logits do not depend on
    what is asked of a pass.
    """

    def instead(self, operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Another way back, where running statistics are used and gradients are asked for."""
        if operation is F.batch_norm:
            x = args[0] if args else kwargs["input"]
            if x.requires_grad and torch.is_grad_enabled():
                found = evaluated_batch_norm(*args, **kwargs)
                if found is not None:
                    return _BatchNorm.apply(x, found[0], args[1:], kwargs)
        return operation(*args, **kwargs)


class ReLURule(ScaleAndShift):
    """A rule for the backward pass of ReLU.

    A subclass gives ``backward_of``.  Networks without ReLU, or with other activations beside it,
    are refused: there the rule would change little or nothing.  Autograd's graph tells, so that
    neither the spelling of an operation matters (``clamp(min=0)``) nor where it was called from.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: Tensor | None = None

    def instead(self, operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The rule for ReLU."""
        if operation in RELUS:
            x = args[0] if args else kwargs["input"]
            output = _ReLU.apply(x, self, _in_place(operation, args, kwargs))
        else:
            output = super().instead(operation, args, kwargs)
        if isinstance(output, Tensor) and output.grad_fn is not None:
            self._last = output
        return output

    @contextmanager
    def forward(self, network: nn.Module) -> Iterator[None]:
        """Checks, besides, that no activation escaped the rule."""
        with super().forward(network):
            yield
        # The whole graph hangs on the last output; it is let go with it.
        met = set() if self._last is None else _operations(self._last)
        self._last = None
        if hiding := met & HIDING:
            raise self.refuse(
                f"a part of it runs as {min(hiding)}, which hides its operations; switch off"
                " checkpointing and compilation"
            )
        if others := met & ACTIVATIONS:
            raise self.refuse(
                f"it has a rule for ReLU, and the network has an activation {min(others)} that it"
                " does not apply to"
            )

    def backward_of(self, gradient: Tensor, output: Tensor) -> Tensor:
        """What ReLU passes back of the gradient of its output."""
        raise NotImplementedError

    @contextmanager
    def backward(self) -> Iterator[None]:
        """Checks, besides, that there is a ReLU at all."""
        if not self._intercepted:
            raise self.refuse("it has a rule for ReLU, and the network has none")
        with super().backward():
            yield


class _BatchNorm(torch.autograd.Function):
    """Batch norm forward, its scale backward."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Tensor:
        ctx.save_for_backward(scale)
        return F.batch_norm(*(() if "input" in kwargs else (x,)), *args, **kwargs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (scale,) = ctx.saved_tensors
        return gradient * scale, None, None, None


class _ReLU(torch.autograd.Function):
    """ReLU forward, a rule backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rule: ReLURule, in_place: bool) -> Tensor:
        if in_place:
            ctx.mark_dirty(x)  # autograd requires it of inputs that are overwritten
        output = x.relu_() if in_place else x.relu()
        ctx.rule = rule
        # The output and not the input, which is overwritten where ReLU works in place.
        ctx.save_for_backward(output)
        rule.intercepted()
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (output,) = ctx.saved_tensors
        ctx.rule.applied()
        return ctx.rule.backward_of(gradient, output), None, None


def _in_place(operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    in_place = args[1] if operation is F.relu and len(args) > 1 else kwargs.get("inplace", False)
    return bool(in_place) or operation.__name__.removesuffix(".default").endswith("_")


def _operations(output: Tensor) -> set[str]:
    """Names of all that a tensor was computed by, as autograd has recorded them."""
    seen, todo = set(), [output.grad_fn]
    # A loop, since the graph of a deep network may exceed the recursion limit of Python.
    while todo:
        node = todo.pop()
        if node is not None and node not in seen:
            seen.add(node)
            todo.extend(before for before, _ in node.next_functions)
    # Such as "torch::autograd::ReluBackward0".
    names = (node.name().rpartition("::")[2].rstrip("0123456789") for node in seen)
    return {name.removesuffix("Backward") for name in names}


class Plain(ScaleAndShift):
    """The network as it is: whatever the rule does not see is right all the same.

    Args:
        images: What goes through, ``n c h w``.
    """

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        # To look at every operation takes Python longer than small images gain, and a GPU waits.
        self._worth = images.device.type == "cpu" and images[0, 0].numel() >= WORTH

    @contextmanager
    def forward(self, network: nn.Module, *, linked: bool = True) -> Iterator[None]:  # noqa: ARG002
        """Refuses nothing; ``linked`` says whether gradients are asked for below the features."""
        if not (linked and self._worth):
            yield
            return
        with self:
            yield

    @contextmanager
    def backward(self) -> Iterator[None]:
        """Says in words what torch says of checkpointed networks; raises MapError."""
        try:
            yield
        except RuntimeError as error:
            if isinstance(error, CheckpointError) or "use_reentrant" in str(error):
                raise MapError(
                    "the network runs parts of itself again in the backward pass; switch off"
                    " gradient checkpointing (in timm: set_grad_checkpointing(False))"
                ) from error
            raise


def evaluated_batch_norm(  # noqa: PLR0917 (as in F.batch_norm)
    x: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,  # noqa: ARG001
    eps: float = 1e-5,
) -> tuple[Tensor, Tensor] | None:
    """The scale and the shift of a call of ``F.batch_norm``, shaped like its channels."""
    # Statistics of the batch are no constants: there it is no scale and shift.
    if training or mean is None or variance is None:
        return None
    scale = torch.rsqrt(variance + eps)
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else torch.addcmul(bias, mean, scale, value=-1)
    shape = (-1, *[1] * (x.ndim - 2))
    return scale.view(shape), shift.view(shape)
