"""The other side of a classifier: the same network, asked for the absence of each finding.

Its logits are the negative ones.  Published randomization tests explained, of every randomized
network, the class that this network predicted, and so compared a map *for* a finding with one
*against* it wherever the randomized network changed its mind.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.models import Model
from heatproof.models.adapter import Adapted
from heatproof.models.classifier import Classifier
from heatproof.models.heads import HeadModule
from heatproof.saliency import Explanation, Maps


class NegativeHead(HeadModule):
    """A head that returns logits and class maps of another head with the opposite sign."""

    def __init__(self, head: HeadModule) -> None:
        super().__init__()
        self.head, self.uniform, self.complete = head, head.uniform, head.complete

    def forward(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k"]:
        """Logits."""
        logits: Tensor = -self.head(features)
        return logits

    def constant(self) -> Float[Tensor, " k"] | float:
        """Minus the bias."""
        return -self.head.constant()

    def class_map(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k y x"]:
        """The evidence against each finding."""
        return -self.head.class_map(features)


def opposite(model: Model) -> Model:
    """The model with negative logits; it shares all weights."""
    if isinstance(model, Classifier):
        other = copy.copy(model)
        # A new table of children leaves the model its own head.
        other._modules = {**model._modules, "head": NegativeHead(model.head)}
        return other
    assert isinstance(model, Adapted)
    denied = copy.copy(model)
    denied.readout = replace(model.readout, sign=-model.readout.sign)
    return denied


def on_the_side_of(
    trained: Float[Tensor, "n k"], found: Explanation, against: Explanation, targets: Sequence[int]
) -> Explanation:
    """What was found, and where the logit's sign is not that of ``trained``, what speaks against.

    Args:
        trained: Logits of all findings.
        found: By a copy, for each finding.
        against: By the opposite of the copy.
        targets: Findings explained.
    """
    # The sign of a logit says on which side of one half its probability lies.
    turned = ((found.logits > 0) != (trained > 0))[:, list(targets)]
    maps = {
        spec: Maps(torch.where(turned[:, :, None, None], against.maps[spec].values, one.values))
        for spec, one in found.maps.items()
    }
    validity = {
        spec: tuple(
            tuple(
                other if turn else one
                for turn, one, other in zip(turns, row, against.validity[spec][index], strict=True)
            )
            for index, (turns, row) in enumerate(zip(turned.tolist(), rows, strict=True))
        )
        for spec, rows in found.validity.items()
    }
    return Explanation(found.logits, found.probabilities, maps, validity)
