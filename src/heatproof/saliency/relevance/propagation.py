"""How relevance runs backwards through a network: what happens at every kind of operation.

A pass under ``Propagation`` carries relevance where a plain pass carries gradients; autograd adds
it up where a tensor is used more than once.

convolution, matrix     a rule divides it; batch norm that follows and zeros that were padded around
                        its input are folded into the layer first
activation, other norm  it passes as it is
sum of two tensors      divided by magnitude, |a| : |b|, and in halves where both are 0
product with a gate     the gate counts as a constant: all goes to the other factor
mean, average pooling   divided by magnitude, and evenly where all cells are 0
selection (maximum, top cells), concatenation, change of shape    it follows the values
constant added or multiplied                                      it passes as it is

A gate is what a sigmoid has made, or else the factor with fewer cells.  In sums and means of values
of both signs a division in proportion would be a division by about nothing; by magnitude it equals
it where all are >= 0, as after a ReLU, and conserves in any case.

Operations with no known rule, such as softmax attention (see ``attention``), are refused, and so is
everything that hides operations: a tensor that depends on the image must come from an operation
that was seen.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.weak import WeakTensorKeyDictionary

from heatproof.saliency.intercept import InterceptRule, Operation, evaluated_batch_norm
from heatproof.saliency.relevance import Layer, LinearMap, RelevanceRule, nothing
from heatproof.saliency.relevance.z_plus import ZPlus

Back = Callable[..., Sequence[Tensor | None]]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Each output is one of the inputs, or a constant: the gradient is what relevance does.
SELECTING = _names(
    "adaptive_max_pool2d alpha_dropout amax amin broadcast_to cat channel_shuffle chunk clone"
    " concat concatenate contiguous cpu cuda double dropout dropout2d expand expand_as"
    " feature_alpha_dropout flatten flip float gather __get__ __getitem__ index_select max"
    " max_pool2d min moveaxis movedim narrow pad permute pixel_shuffle pixel_unshuffle ravel repeat"
    " requires_grad_ reshape reshape_as roll select sort split squeeze stack swapaxes swapdims t"
    " tensor_split tile to topk transpose type type_as unbind unflatten unsqueeze view view_as"
)
GATES = _names("sigmoid sigmoid_ hardsigmoid")
PASSING = GATES | _names(
    "relu relu_ relu6 hardtanh hardtanh_ leaky_relu leaky_relu_ prelu rrelu elu elu_ celu celu_"
    " selu selu_ gelu silu mish hardswish softplus softsign tanh tanh_ logsigmoid threshold"
    " threshold_ clamp clamp_ clamp_min clamp_min_ clamp_max clamp_max_ clip clip_ neg neg_"
    " batch_norm layer_norm group_norm instance_norm rms_norm normalize"
)
SUMS = _names("add add_ __radd__ sub sub_ subtract subtract_ rsub __rsub__")
PRODUCTS = _names("mul mul_ multiply multiply_ __rmul__")
QUOTIENTS = _names("div div_ divide divide_ true_divide")
MEANS = _names("mean sum avg_pool2d adaptive_avg_pool2d")
CONVOLUTION = 4  # axes of its weights


@dataclass
class _LayerCall:
    """How a layer made a tensor, for the batch norm that may follow.

    Attributes:
        x: The input of the layer.
        version: How often ``x`` had been changed in place when it went in.
        weight: The weights of the layer.
        bias: Shaped so that it can be added to the output.
        linear: Maps an input and weights to the output without bias.
        rule: The rule by which the layer divides relevance.
        folded: Whether batch norm has taken over.
        used: Whether the tensor went elsewhere, so that relevance comes back to the layer itself.
    """

    x: Tensor
    version: int
    weight: Tensor
    bias: Tensor | None
    linear: LinearMap
    rule: RelevanceRule
    folded: bool = False
    used: bool = False


class Propagation(InterceptRule):
    """Carries one unit of relevance back from a logit.

    Args:
        convolution: The rule of convolutions, and of matrices applied at each place of a grid.
        dense: The rule of matrices applied to one vector per image.
        first: The rule of the first layer; None for that of its kind.
        images: How many images the batch has.
        again: Whether several targets follow, for which divisions are kept.

    Attributes:
        ledgers: For each backward pass, what kept how much of each image's relevance, by name.
    """

    title = "LRP"

    def __init__(
        self,
        convolution: RelevanceRule,
        dense: RelevanceRule,
        first: RelevanceRule | None,
        images: int,
        again: bool,
    ) -> None:
        super().__init__()
        self._convolution, self._dense, self._first = convolution, dense, first
        self._images = images
        self._again = again
        self._layers: list[_LayerCall] = []
        self._forget()
        self.ledgers: list[dict[str, Tensor]] = []

    @contextmanager
    def forward(self, network: nn.Module) -> Iterator[None]:
        """Replaces operations in the block."""
        with super().forward(network):
            yield
        # A layer with its own rule counts only now: batch norm may have taken it over meanwhile.
        for origin in self._layers:
            if not origin.folded and not origin.used:
                self.intercepted()
        self._layers.clear()  # they hold the graph
        self._forget()

    def _forget(self) -> None:
        # A tensor changes its version when it is written in place: a note whose version has passed
        # speaks of values that are no longer there.
        # _seen: the layer that made a tensor, and its version then; None if no layer made it.
        # _gates: the tensors that are gates.  _padded: what zeros were padded around, how wide,
        # and the version of the result.
        self._seen: Any = WeakTensorKeyDictionary()
        self._gates: Any = WeakTensorKeyDictionary()
        self._padded: Any = WeakTensorKeyDictionary()

    @contextmanager
    def backward(self) -> Iterator[None]:
        """One target, with a ledger of its own."""
        self.ledgers.append({})
        with super().backward():
            yield

    def instead(self, operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """An output that carries relevance back; raises MapError for operations without a rule."""
        inputs = _differentiated((*args, *kwargs.values()))
        if not inputs:
            return operation(*args, **kwargs)
        name = operation.__name__
        folded = self._folded(inputs[0], operation, args, kwargs) if name == "batch_norm" else None
        output = folded
        if folded is None:
            output = self._replaced(name, inputs, operation, args, kwargs)
        outputs = _differentiated((output,))
        if not outputs:
            if isinstance(output, Tensor) and not torch.is_grad_enabled():
                raise self._hidden(name)
            return output  # a shape, a mask, a constant: relevance does not come back through it
        if any(not tensor.is_leaf and tensor not in self._seen for tensor in inputs):
            raise self._hidden(name)  # something made it that this mode never saw
        if folded is None:
            self._note(name, inputs, outputs)
        for tensor in outputs:
            if tensor not in self._seen:
                self._seen[tensor] = None
        return output

    def _replaced(
        self,
        name: str,
        inputs: Sequence[Tensor],
        operation: Operation,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """The output of an operation that carries relevance back as its kind does."""
        if name == "conv2d":
            return self._convolved(operation, *args, **kwargs)
        if name == "linear":
            return self._multiplied(operation, *args, **kwargs)

        def call() -> Any:
            return operation(*args, **kwargs)

        if name in MEANS:
            return self._mean(operation, args, kwargs)
        if len(inputs) == 2 and name in SUMS | PRODUCTS:  # noqa: PLR2004
            return self._of_two(name, call, inputs, float(kwargs.get("alpha", 1)))
        # Only the numerator may depend on the image: a constant over a tensor is no scaled tensor.
        quotient = name in QUOTIENTS and inputs[0] is args[0]
        if len(inputs) == 1 and (quotient or name in PASSING | SUMS | PRODUCTS):
            shape = inputs[0].shape
            return self._step(call, lambda relevance: [relevance.sum_to_size(shape)], [], inputs)
        output = call()
        if name == "pad":
            self._note_zeros(inputs[0], output, *args[1:], **kwargs)
        if name == "__setitem__" or (_differentiated((output,)) and name not in SELECTING):
            raise self.refuse(f"it has no rule for {name}, which the network calls")
        return output

    def _note(self, name: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Remember that a layer's output was used, and which tensors are gates."""
        for tensor in inputs:
            origin, version = self._seen.get(tensor) or (None, 0)
            if name == "clone" and origin is not None and tensor._version == version:
                self._seen[outputs[0]] = origin, outputs[0]._version
            elif origin is not None and not origin.used:
                origin.used = True
                self.intercepted()
        # Of view_as and its like, the second tensor gives its shape alone.
        sources = inputs[:1] if name.endswith("_as") else inputs
        if name in GATES or (name in SELECTING and all(x in self._gates for x in sources)):
            for tensor in outputs:
                self._gates[tensor] = True

    def _note_zeros(
        self,
        x: Tensor,
        output: Tensor,
        pad: Sequence[int],
        mode: str = "constant",
        value: int | float | None = None,
        **_input: Tensor,
    ) -> None:
        if mode == "constant" and not value:
            self._padded[output] = x, tuple(pad), output._version

    def _unpadded(self, x: Tensor, linear: LinearMap) -> tuple[Tensor, LinearMap]:
        """A layer's input without the zeros around it, and the layer from there.

        Cells that are no one's must not get relevance, as they would where it is divided evenly.
        """
        source, pad, version = self._padded.get(x) or (None, (), 0)
        if source is None or x._version != version:
            return x, linear
        return source, lambda x, weight: linear(F.pad(x, pad), weight)

    # Layers.

    def _convolved(
        self,
        operation: Operation,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        *options: Any,
        **named: Any,
    ) -> Tensor:
        def linear(x: Tensor, weight: Tensor) -> Tensor:
            output: Tensor = operation(x, weight, None, *options, **named)
            return output

        def call() -> Tensor:
            output: Tensor = operation(input, weight, bias, *options, **named)
            return output

        shaped = None if bias is None else bias.view(-1, 1, 1)
        return self._layer(call, input, weight, shaped, linear, self._convolution)

    def _multiplied(
        self,
        operation: Operation,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
    ) -> Tensor:
        return self._layer(
            lambda: operation(input, weight, bias),
            *(input, weight, bias, operation, self._of_matrix(input)),
        )

    def _of_matrix(self, x: Tensor) -> RelevanceRule:
        """The rule of a matrix that is applied to this tensor."""
        # One vector per image: a dense layer.  A matrix at each place of a grid: a convolution.
        vectors = x.numel() == self._images * x.shape[-1]
        return self._dense if vectors else self._convolution

    def _layer(
        self,
        call: Callable[[], Tensor],
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        linear: LinearMap,
        rule: RelevanceRule,
    ) -> Tensor:
        """A convolution or a matrix; whether it counts is known when its output is used."""
        if _differentiated((weight, bias)):
            raise self.refuse("it computes weights from the image")
        rule = self._first if self._first is not None and not self._layers else rule
        x, linear = self._unpadded(x, linear)
        origin = _LayerCall(x, x._version, weight.detach(), bias, linear, rule)
        output = self._affine(call, origin)
        if output.requires_grad:
            self._layers.append(origin)
            self._seen[output] = origin, output._version
        return output

    def _folded(
        self, x: Tensor, operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Tensor | None:
        """Batch norm and the layer before it as one layer, if that is what they are."""
        origin, version = self._seen.get(x) or (None, 0)
        scale_and_shift = evaluated_batch_norm(*args, **kwargs)
        if origin is None or scale_and_shift is None:
            return None
        # Batch norm over another axis than the channels of the layer is no scale of its outputs.
        channels_last = origin.weight.ndim < CONVOLUTION and x.ndim > origin.weight.ndim
        if channels_last or x._version != version or origin.x._version != origin.version:
            return None
        origin.folded = True
        scale, shift = scale_and_shift
        weight = origin.weight * scale.view(-1, *[1] * (origin.weight.ndim - 1))
        bias = shift if origin.bias is None else origin.bias * scale + shift
        layer = _LayerCall(origin.x, origin.version, weight, bias, origin.linear, origin.rule)
        self.intercepted()
        return self._affine(lambda: operation(*args, **kwargs), layer)

    def _affine(self, call: Callable[[], Tensor], origin: _LayerCall) -> Tensor:
        """The backward pass of a layer, by its rule."""
        return self._apply(
            call,
            self._divided(
                origin.rule, lambda x: Layer(x, origin.weight, origin.bias, origin.linear)
            ),
            [origin.x],
            [origin.x],
        )

    def _mean(self, operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
        """A layer of equal weights, of which the magnitudes of the inputs count."""
        rest = {key: value for key, value in kwargs.items() if key != "input"}
        x = args[0] if args else kwargs["input"]

        def linear(x: Tensor, _weight: Tensor) -> Tensor:
            output: Tensor = operation(x, *args[1:], **rest)
            return output

        x, from_x = self._unpadded(x, linear)
        back = self._divided(*self._of_mean(from_x))
        return self._step(lambda: operation(*args, **kwargs), back, [x], [x])

    def _of_mean(self, linear: LinearMap) -> tuple[RelevanceRule, Callable[[Tensor], Layer]]:
        """The rule of a mean, and the layer that it is."""
        return ZPlus(), lambda x: Layer(x.abs(), x.new_ones(()), None, linear)

    def _divided(self, rule: RelevanceRule, layer_of: Callable[[Tensor], Layer]) -> Back:
        """What a rule makes of the relevance of a layer's outputs."""
        kept: list[Any] = []

        def back(relevance: Tensor, x: Tensor) -> Sequence[Tensor]:
            if kept:
                layer, division = kept
            else:
                layer = layer_of(x)
                division = rule(layer)
                # Rules make parts of weights, which for large ones are more than they are worth.
                if self._again and layer.weight.numel() <= x.numel():
                    kept.extend((layer, division))
            for name, share in division.absorbed.items():
                self._absorb(name, share * relevance)
            # Shares are multiplied before contributions are: the full matrix of both never exists.
            given = torch.zeros_like(x)
            for contributions, share in division.shares:
                given += contributions.times(share * relevance)
            if division.evenly is not None:
                amounts = division.evenly * relevance
                # Rarely anything, and then it saves half of the work.
                if amounts.any():
                    given += layer.evenly(amounts)
            return [given]

        return back

    def _absorb(self, name: str, amounts: Tensor) -> None:
        if len(amounts) % self._images:
            raise self.refuse("its layers see something else than one batch of images")
        ledger = self.ledgers[-1]
        by_image = amounts.reshape(self._images, -1).sum(dim=1)
        ledger[name] = ledger[name] + by_image if name in ledger else by_image

    # Operations of two tensors.

    def _of_two(
        self, name: str, call: Callable[[], Tensor], inputs: Sequence[Tensor], alpha: float
    ) -> Tensor:
        if name in SUMS:
            return self._sum(call, inputs, alpha)
        return self._product(name, call, inputs)

    def _sum(self, call: Callable[[], Tensor], inputs: Sequence[Tensor], alpha: float) -> Tensor:
        first, second = (tensor.detach().abs() for tensor in inputs)
        second = second * abs(alpha)
        total = first + second
        share = torch.where(nothing(total), 0.5, first / total)
        shapes = [tensor.shape for tensor in inputs]

        def back(relevance: Tensor, share: Tensor) -> Sequence[Tensor]:
            given = share * relevance
            # The other part is what is left, so that nothing is lost; sum_to_size undoes
            # broadcasting.
            return [given.sum_to_size(shapes[0]), (relevance - given).sum_to_size(shapes[1])]

        return self._step(call, back, [share], inputs)

    def _product(self, name: str, call: Callable[[], Tensor], inputs: Sequence[Tensor]) -> Tensor:
        gates = [tensor in self._gates for tensor in inputs]
        sizes = [tensor.numel() for tensor in inputs]
        if gates[0] != gates[1]:
            signal = gates.index(False)
        elif sizes[0] != sizes[1]:
            signal = sizes.index(max(sizes))
        else:
            raise self.refuse(f"it calls {name} on two tensors of which neither is a gate")
        shape = inputs[signal].shape

        def back(relevance: Tensor) -> Sequence[Tensor | None]:
            given = relevance.sum_to_size(shape)
            return [given, None] if signal == 0 else [None, given]

        return self._step(call, back, [], inputs)

    def _step(
        self,
        call: Callable[[], Tensor],
        back: Back,
        kept: Sequence[Tensor],
        inputs: Sequence[Tensor],
    ) -> Tensor:
        output = self._apply(call, back, kept, inputs)
        if output.requires_grad:
            self.intercepted()
        return output

    def _apply(
        self,
        call: Callable[[], Tensor],
        back: Back,
        kept: Sequence[Tensor],
        inputs: Sequence[Tensor],
    ) -> Tensor:
        output: Tensor = _Step.apply(self, call, back, kept, *inputs)
        return output

    def _hidden(self, name: str) -> Exception:
        return self.refuse(
            f"around {name} it hides operations, as scripted functions, custom autograd functions,"
            " gradient checkpointing and no_grad do"
        )


class _Step(torch.autograd.Function):
    """An operation forward, relevance backward."""

    @staticmethod
    def forward(
        ctx: Any,
        rule: Propagation,
        call: Callable[[], Tensor],
        back: Back,
        kept: Sequence[Tensor],
        *inputs: Tensor,
    ) -> Tensor:
        # A tensor that was written in place has another version, however the operation is spelled.
        versions = [tensor._version for tensor in inputs]
        output = call()
        ctx.mark_dirty(
            *(x for x, version in zip(inputs, versions, strict=True) if x._version != version)
        )
        ctx.save_for_backward(*kept)
        ctx.set_materialize_grads(False)  # gates get no relevance
        ctx.rule, ctx.back, ctx.count = rule, back, len(inputs)
        return output

    @staticmethod
    def backward(ctx: Any, relevance: Tensor | None) -> tuple[Tensor | None, ...]:
        ctx.rule.applied()
        given = [None] * ctx.count if relevance is None else ctx.back(relevance, *ctx.saved_tensors)
        return None, None, None, None, *given


def _differentiated(values: Sequence[Any]) -> list[Tensor]:
    """The tensors among values, and in lists of values, that lead to the images."""
    tensors: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            if value.requires_grad:
                tensors.append(value)
        elif isinstance(value, list | tuple):
            tensors += _differentiated(value)
    return tensors
