"""Ensembles: several trained models that judge as one.

    p_k = mean of the members' probabilities of finding k

Which members count is decided finding by finding, as in CheXpert's ensembles (Irvin et al., AAAI
2019, https://arxiv.org/abs/1901.07031): the best on validation, by AUROC.  Saliency maps of an
ensemble are the means of its members' maps; see ``heatproof.explain.ensemble``.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from heatproof.errors import ModelError
from heatproof.models import Model


class Ensemble(nn.Module):
    """Members with the same findings and preprocessing.

    Args:
        members: In evaluation mode.
        chosen: Which members count for which finding; at least one for each.

    Raises:
        ModelError: The members differ in findings or preprocessing, or a finding has none.
    """

    def __init__(self, members: Sequence[Model], chosen: Bool[np.ndarray, "m k"]) -> None:
        super().__init__()
        first, *others = members
        for other in others:
            for name in ("findings", "preprocessing"):
                ours, theirs = getattr(first, name), getattr(other, name)
                if ours != theirs:
                    raise ModelError(
                        f"members of an ensemble differ in {name}: {ours} and {theirs}"
                    )
        if not chosen.any(axis=0).all():
            finding = first.findings[int(np.flatnonzero(~chosen.any(axis=0))[0])]
            raise ModelError(f"no member of the ensemble is chosen for {finding!r}")
        self.members = nn.ModuleList(members)
        self.chosen = torch.from_numpy(chosen)
        self.findings, self.preprocessing = first.findings, first.preprocessing

    def probabilities(self, of_members: Float[Tensor, "m n k"]) -> Float[Tensor, "n k"]:
        """Mean over the chosen members, in double precision."""
        return chosen_mean(of_members.double(), self.chosen)


def chosen_mean(
    of_members: Float[Tensor, "m n k ..."], chosen: Bool[Tensor, "m k"]
) -> Float[Tensor, "n k ..."]:
    """Over members, for each finding those that are chosen; what others say does not count."""
    shape = (len(chosen), 1, chosen.shape[1], *[1] * (of_members.ndim - 3))
    counts = chosen.view(shape).to(of_members.device)
    return torch.where(counts, of_members, 0).sum(dim=0) / counts.sum(dim=0)


def best_members(scores: Float[np.ndarray, "m k"], best: int) -> Bool[np.ndarray, "m k"]:
    """Of each finding the members with the highest scores; of equal ones the earlier.

    Members whose score is ``nan`` are not chosen, so that there may be fewer.
    """
    order = np.argsort(-np.where(np.isnan(scores), -np.inf, scores), axis=0, kind="stable")
    chosen = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(chosen, order[:best], True, axis=0)
    chosen &= ~np.isnan(scores)
    return chosen
