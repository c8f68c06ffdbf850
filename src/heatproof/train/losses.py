"""Losses: what labels make of a head's outputs."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def classification_loss(
    outputs: Float[Tensor, "n ..."],
    labels: Float[Tensor, "n k"],
    positive_weights: Float[Tensor, " k"] | None = None,
) -> Float[Tensor, ""]:
    """The mean over the labels that are known; 0 where none is.

    Binary cross-entropy of logits ``n k``, cross-entropy of classes ``n k c``.

    Args:
        outputs: Outputs of a head.
        labels: 0, 1, the number of a further class, or ``nan`` where unknown.
        positive_weights: Weights of positive labels, per finding.
    """
    is_known = ~labels.isnan()
    # A loss of nan would stay nan when it is multiplied by a weight of 0.
    truth = labels.nan_to_num()
    if outputs.ndim == labels.ndim:
        losses = F.binary_cross_entropy_with_logits(outputs, truth, reduction="none")
    else:
        classes = outputs.flatten(0, 1), truth.long().flatten()
        losses = F.cross_entropy(*classes, reduction="none").view_as(labels)
    weights = is_known.to(losses)
    if positive_weights is not None:
        weights = weights * torch.where(truth == 1, positive_weights.to(losses), 1)
    return (losses * weights).sum() / is_known.sum().clamp(min=1)


def positive_weights(labels: Float[Tensor, "n k"]) -> Float[Tensor, " k"]:
    """The number of negatives per positive of each finding, which gives both the same weight."""
    return (labels == 0).sum(dim=0) / (labels == 1).sum(dim=0)
