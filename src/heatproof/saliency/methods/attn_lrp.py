"""AttnLRP: layer-wise relevance propagation with rules for attention.

    R_logit = y;  R_i = sum_o share_io * R_o at each operation;  M = R_pixel, summed over channels

Achtibat et al., ICML 2024, https://proceedings.mlr.press/v235/achtibat24a.html; what happens at
attention, sums and norms: see ``heatproof.saliency.relevance.attention``.  The map is of one
finding, which attention rollout is not.

The ledger is that of ``lrp``: y = input + what each other name has absorbed (biases, which are also
the embeddings of places and the class token, the constant of softmax, the damping of epsilon), and
the residual is what is missing from that, as a share of y.  So the map of a vision transformer need
not sum to the logit: what it lacks has a name.

With epsilon alone the map of a deep transformer is grainy; the authors take gamma rules in vision
transformers, such as ``attn_lrp(convolution=gamma, linear=gamma(gamma=0.05))``.  Undefined for
networks with operations that have no rule and for masked attention, which are refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.methods.lrp import propagated
from heatproof.saliency.relevance import RelevanceRule, relevance_rules
from heatproof.saliency.relevance.attention import AttentionPropagation
from heatproof.saliency.relevance.epsilon import Epsilon


@methods.register("attn_lrp")
@dataclass(frozen=True)
class AttnLRP:
    """At the resolution of the input, signed.

    Attributes:
        convolution: The rule of convolutions, such as the one that makes tokens.
        linear: The rule of matrices.
        epsilon: Damping of sums, norms and products, in units of their output.
    """

    convolution: RelevanceRule = field(default=Epsilon(), metadata={"registry": relevance_rules})
    linear: RelevanceRule = field(default=Epsilon(), metadata={"registry": relevance_rules})
    epsilon: float = 1e-6
    title: ClassVar[str] = "AttnLRP"
    kind: ClassVar[Kind] = "propagation"
    needs: ClassVar[Need] = "input gradients"

    def __post_init__(self) -> None:
        Epsilon(self.epsilon)  # which refuses what is no damping

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""

        def propagation(images: int) -> AttentionPropagation:
            rules = self.convolution, self.linear
            return AttentionPropagation(*rules, self.epsilon, images, again=len(targets) > 1)

        absorbing = (*self.convolution.absorbs, *self.linear.absorbs)
        names = dict.fromkeys((*absorbing, "biases", "softmax", "epsilon", "undivided"))
        return propagated(forward, targets, propagation, names)
