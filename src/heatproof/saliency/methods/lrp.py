"""LRP: the logit, handed back layer by layer to the pixels that it is owed to.

    R_logit = y;  R_i = sum_o share_io * R_o at each layer;  M = R_pixel, summed over channels

Bach et al., PLOS ONE 2015, https://doi.org/10.1371/journal.pone.0130140.  How a layer divides
relevance is up to its rule, one for each kind of layer; z+ in convolutions and epsilon in dense
layers is the composite of Kohlbrenner et al., IJCNN 2020, https://arxiv.org/abs/1910.09840.  What
happens at sums, products, norms and pooling: see ``heatproof.saliency.relevance.propagation``.

Nothing is lost unseen: y = input + what each other name in the ledger has absorbed (biases, the
damping of epsilon), and the residual is what is missing from that, as a share of y.  With z+ in all
layers the map sums to the logit.  Maps are never rescaled to make it so: a map whose ledger does
not add up is incomplete.  In float32 that happens where shares of both signs outgrow the logit
(epsilon in all layers of a deep network).

Undefined for networks with operations that have no rule, such as softmax attention; they are
refused (``attn_lrp`` has rules for it).  With z+ rules the map depends little on the deep layers
(Sixt et al., ICML 2020, https://arxiv.org/abs/1912.09818): read it with its randomization verdict.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.relevance import RelevanceRule, relevance_rules
from heatproof.saliency.relevance.epsilon import Epsilon
from heatproof.saliency.relevance.propagation import Propagation
from heatproof.saliency.relevance.z_plus import ZPlus

TOLERANCE = 1e-3
# Memory that LRP keeps, in multiples of what a plain pass keeps: measured at 1.1 (DenseNet) to 6.1
# (ConvNeXt, gamma).
KEPT = 6


@methods.register("lrp")
@dataclass(frozen=True)
class LRP:
    """At the resolution of the input, signed.

    Attributes:
        convolution: The rule of convolutions, and of matrices applied at each place of a grid.
        dense: The rule of matrices applied to one vector per image.
        first: The rule of the first layer; None for that of its kind.
    """

    convolution: RelevanceRule = field(default=ZPlus(), metadata={"registry": relevance_rules})
    dense: RelevanceRule = field(default=Epsilon(), metadata={"registry": relevance_rules})
    first: RelevanceRule | None = field(default=None, metadata={"registry": relevance_rules})
    title: ClassVar[str] = "LRP"
    kind: ClassVar[Kind] = "propagation"
    needs: ClassVar[Need] = "input gradients"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""

        def propagation(images: int) -> Propagation:
            rules = self.convolution, self.dense, self.first
            return Propagation(*rules, images=images, again=len(targets) > 1)

        rules = self.convolution, self.dense, self.first
        names = dict.fromkeys(name for rule in rules if rule for name in rule.absorbs)
        return propagated(forward, targets, propagation, names)


def propagated(
    forward: ForwardPass,
    targets: Sequence[int],
    propagation: Callable[[int], Propagation],
    absorbing: Iterable[str],
) -> Maps:
    """Maps of relevance, with their ledger.

    Args:
        forward: The pass whose images are explained.
        targets: Indices of findings.
        propagation: A new propagation of so many images.
        absorbing: Names in the ledger beside ``output`` and ``input``.
    """
    names = list(absorbing)

    def some(
        of: ForwardPass,
    ) -> tuple[Float[Tensor, "n k h w"], Float[Tensor, "n k"], dict[str, Float[Tensor, "n k"]]]:
        """Maps and ledger of one unit at the logit, and the logits, of images that fit at once."""
        rule = propagation(len(of.images))
        under = of.under(rule)
        # Rules are linear in the relevance: what becomes of one unit serves whatever the logit.
        unit = under.input_gradients(targets).sum(dim=2)
        parts = {"input": unit.sum(dim=(2, 3))}
        for name in names:
            kept = [ledger.get(name, unit.new_zeros(len(unit))) for ledger in rule.ledgers]
            parts[name] = torch.stack(kept, dim=1)
        return unit, under.logits[:, list(targets)], parts

    count = forward.at_once(differentiated=True, each=KEPT)
    chunks = [some(forward.over(images)) for images in torch.split(forward.images, count)]
    unit = torch.cat([unit for unit, _, _ in chunks])
    logits = torch.cat([logits for _, logits, _ in chunks])
    parts = {name: torch.cat([parts[name] for _, _, parts in chunks]) for name in chunks[0][2]}
    residual = 1 - torch.stack(list(parts.values())).sum(dim=0)
    ledger = {"output": logits, **{name: part * logits for name, part in parts.items()}}
    return Maps(unit * logits[..., None, None], residual, TOLERANCE, ledger)
