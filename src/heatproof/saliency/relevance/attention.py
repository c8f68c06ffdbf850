"""How relevance runs backwards through attention: AttnLRP.

Achtibat et al., ICML 2024, https://proceedings.mlr.press/v235/achtibat24a.html.  Beside what
``propagation`` does, with z for the output of an operation and R for its relevance:

sum, mean               in proportion to the terms, a / (z + epsilon) and b / (z + epsilon)
                        (eq. 8); a term that does not depend on the image (the embedding of a
                        place) keeps its part, as a bias does
softmax of x            R_x = x_i (R_i - s_i sum_j R_j): Taylor's expansion at x, whose constant
                        keeps R_i (1 - x_i + sum_j s_j x_j) (proposition 3.1)
product of matrices     half to each factor, in proportion to the terms:
                        R_a = sum_p a b_p R_p / (2 z_p + epsilon) (proposition 3.3)
product of two tensors  half to each, unless one is a gate or has fewer cells (proposition 3.2)
layer norm              mean and deviation: x - mean(x) is a sum, the deviation is a constant
                        (proposition 3.4)
concatenation           relevance follows the values; a constant (the class token) keeps its own

Activations pass relevance as it is.  Values may have both signs: a share of about nothing is no
danger in proportional rules alone, since R is there a multiple of z and their quotient is small.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from heatproof.saliency.intercept import Operation
from heatproof.saliency.relevance import Layer, LinearMap, RelevanceRule, inverse, nothing
from heatproof.saliency.relevance.epsilon import Epsilon
from heatproof.saliency.relevance.propagation import SUMS, Propagation

CONCATENATIONS = frozenset(["cat", "concat", "concatenate"])
MATRIX_PRODUCTS = frozenset(["matmul", "__matmul__", "bmm"])
MATRICES = 2  # the axes of one


class AttentionPropagation(Propagation):
    """Carries one unit of relevance back from a logit, through attention too.

    Args:
        convolution: The rule of convolutions.
        linear: The rule of matrices, wherever they are applied.
        epsilon: Damping of sums and products, in units of their output.
        images: How many images the batch has.
        again: Whether several targets follow, for which divisions are kept.
    """

    title = "AttnLRP"

    def __init__(
        self,
        convolution: RelevanceRule,
        linear: RelevanceRule,
        epsilon: float,
        images: int,
        again: bool,
    ) -> None:
        super().__init__(convolution, linear, None, images, again)
        self._epsilon = Epsilon(epsilon)

    def _replaced(
        self,
        name: str,
        inputs: Sequence[Tensor],
        operation: Operation,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        rules: dict[str, Callable[..., Tensor]] = {
            "scaled_dot_product_attention": self._attended,
            "softmax": self._softmax,
            "layer_norm": self._layer_norm,
            **dict.fromkeys(MATRIX_PRODUCTS, self._matrices),
            **dict.fromkeys(CONCATENATIONS, self._joined),
            **dict.fromkeys(SUMS, partial(self._terms, name)),
        }
        if name in rules:
            return rules[name](lambda: operation(*args, **kwargs), *args, **kwargs)
        return super()._replaced(name, inputs, operation, args, kwargs)

    def _of_matrix(self, x: Tensor) -> RelevanceRule:  # noqa: ARG002
        return self._dense

    def _of_mean(self, linear: LinearMap) -> tuple[RelevanceRule, Callable[[Tensor], Layer]]:
        return self._epsilon, lambda x: Layer(x, x.new_ones(()), None, linear)

    def _layer_norm(
        self,
        call: Callable[[], Tensor],
        input: Tensor,
        normalized_shape: Sequence[int],
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float = 1e-5,
    ) -> Tensor:
        axes = tuple(range(-len(normalized_shape), 0))

        def layer(x: Tensor) -> Layer:
            variance = x.var(dim=axes, correction=0, keepdim=True)

            def linear(x: Tensor, weight: Tensor) -> Tensor:
                return (x - x.mean(dim=axes, keepdim=True)) * weight * (variance + eps).rsqrt()

            return Layer(x, x.new_ones(()) if weight is None else weight.detach(), bias, linear)

        return self._step(call, self._divided(self._epsilon, layer), [input], [input])

    def _terms(
        self,
        name: str,
        call: Callable[[], Tensor],
        input: Tensor,
        other: Tensor | int | float,
        *,
        alpha: int | float = 1,
        **_out: Any,
    ) -> Tensor:
        """A sum or difference of two tensors, or of one and a constant."""
        first, second = (torch.as_tensor(each).detach() for each in (input, other))
        match name.strip("_"):
            case "add" | "radd":
                second = alpha * second
            case "sub" | "subtract":
                second = -alpha * second
            case _:  # from the other: rsub
                first = -alpha * first
        total = first + second
        share, ends = self._shares(total)
        shares = [first * share, second * share]
        terms = [input, other]
        linked = [isinstance(term, Tensor) and term.requires_grad for term in terms]

        def back(relevance: Tensor, *kept: Tensor) -> Sequence[Tensor]:
            self._end(relevance, kept[2:])
            given = []
            for term, leads, part in zip(terms, linked, kept, strict=False):
                if leads:
                    given.append((part * relevance).sum_to_size(term.shape))  # type: ignore[union-attr]
                else:
                    self._absorb("biases", part * relevance)
            return given

        inputs = [term for term, leads in zip(terms, linked, strict=True) if leads]
        return self._step(call, back, [*shares, *ends], inputs)  # type: ignore[arg-type]

    def _product(self, name: str, call: Callable[[], Tensor], inputs: Sequence[Tensor]) -> Tensor:
        first, second = inputs
        if first.numel() != second.numel() or any(tensor in self._gates for tensor in inputs):
            return super()._product(name, call, inputs)
        shapes = [tensor.shape for tensor in inputs]

        def back(relevance: Tensor) -> Sequence[Tensor]:
            return [(relevance / 2).sum_to_size(shape) for shape in shapes]

        return self._step(call, back, [], inputs)

    def _joined(
        self,
        call: Callable[[], Tensor],
        tensors: Sequence[Tensor],
        dim: int = 0,
    ) -> Tensor:
        sizes = [tensor.shape[dim] for tensor in tensors]
        linked = [tensor.requires_grad for tensor in tensors]

        def back(relevance: Tensor) -> Sequence[Tensor]:
            given = []
            for part, leads in zip(torch.split(relevance, sizes, dim), linked, strict=True):
                if leads:
                    given.append(part)
                else:
                    self._absorb("biases", part)
            return given

        inputs = [tensor for tensor in tensors if tensor.requires_grad]
        return self._step(call, back, [], inputs)

    # Softmax and products of matrices.

    def _softmax(
        self,
        call: Callable[[], Tensor],
        input: Tensor,
        dim: int | None = None,
        *_more: Any,
        **_named: Any,
    ) -> Tensor:
        axis = -1 if dim is None else dim
        return self._step(
            call,
            lambda relevance, x: [self._of_softmax(relevance, x, x.softmax(axis), axis)],
            [input],
            [input],
        )

    def _of_softmax(self, relevance: Tensor, x: Tensor, s: Tensor, dim: int = -1) -> Tensor:
        if not x.isfinite().all():
            raise self.refuse("its attention is masked, and what is not seen has no relevance")
        middle = (s * x).sum(dim=dim, keepdim=True)
        self._absorb("softmax", relevance * (1 - x + middle))
        return x * (relevance - s * relevance.sum(dim=dim, keepdim=True))

    def _matrices(
        self, call: Callable[[], Tensor], first: Tensor, second: Tensor, **_out: Any
    ) -> Tensor:
        if not (first.requires_grad and second.requires_grad):
            x, weight = (first, second) if first.requires_grad else (second, first)
            ahead = x is first

            def linear(x: Tensor, weight: Tensor) -> Tensor:
                return x @ weight if ahead else weight @ x

            back = self._divided(self._dense, lambda x: Layer(x, weight.detach(), None, linear))
            return self._step(call, back, [x], [x])
        if min(first.ndim, second.ndim) <= MATRICES:
            raise self.refuse("it multiplies matrices that have no axis of images")
        return self._step(call, self._of_matrices, [first, second], [first, second])

    def _of_matrices(self, relevance: Tensor, first: Tensor, second: Tensor) -> list[Tensor]:
        share, ends = self._shares(2 * (first @ second))
        self._end(relevance, ends)
        amounts = relevance * share
        given = first * (amounts @ second.mT), second * (first.mT @ amounts)
        return [part.sum_to_size(of.shape) for part, of in zip(given, (first, second), strict=True)]

    def _attended(  # noqa: PLR0917 (as in F.scaled_dot_product_attention)
        self,
        call: Callable[[], Tensor],
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,  # noqa: ARG002
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        """Fused attention, step by step on the way back; its matrix is computed again."""
        if attn_mask is not None or is_causal or enable_gqa:
            raise self.refuse("its attention is masked, or shares keys among heads")
        factor = query.shape[-1] ** -0.5 if scale is None else scale
        linked = [tensor.requires_grad for tensor in (query, key, value)]

        def back(relevance: Tensor, query: Tensor, key: Tensor, value: Tensor) -> Sequence[Tensor]:
            scores = factor * query @ key.mT
            weights = F.softmax(scores, dim=-1)
            of_weights, of_value = self._of_matrices(relevance, weights, value)
            of_scores = self._of_softmax(of_weights, scores, weights)
            of_query, of_key = self._of_matrices(of_scores, factor * query, key.mT)
            given = []
            for part, leads in zip((of_query, of_key.mT, of_value), linked, strict=True):
                if leads:
                    given.append(part)
                else:  # a query that was learned and asks the same of every image
                    self._absorb("biases", part)
            return given

        tensors = [query, key, value]
        inputs = [tensor for tensor in tensors if tensor.requires_grad]
        return self._step(call, back, tensors, inputs)

    def _shares(self, total: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """What contributions are multiplied by; and what damping keeps, or nobody gets."""
        damping = self._epsilon.epsilon * torch.where(total < 0, -1.0, 1.0).to(total)
        damped = total + damping
        return inverse(damped), (damping * inverse(damped), nothing(damped).to(total))

    def _end(self, relevance: Tensor, ends: Sequence[Tensor]) -> None:
        for name, share in zip(("epsilon", "undivided"), ends, strict=True):
            self._absorb(name, share * relevance)
