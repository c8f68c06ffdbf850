"""The map of an ensemble: the mean of its members' raw maps, as the CheXpert benchmark takes it.

Saporta et al., Nature Machine Intelligence 2022, https://doi.org/10.1038/s42256-022-00536-x: ten
checkpoints per finding, mean of probabilities and of maps.  Raw maps are averaged, so a member with
larger values weighs more, as a more decided one should.  A mean is as complete as the least
complete map that it is made of: that member's residual is its residual.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from heatproof.errors import MapError
from heatproof.models.ensemble import Ensemble
from heatproof.saliency import Explanation, Maps, Method, explain, judge


def explain_ensemble(
    methods: Mapping[str, Method],
    ensemble: Ensemble,
    images: Float[Tensor, "n c h w"],
    targets: Sequence[int],
    memory: int | None = None,
) -> Explanation:
    """Explain by one member after the other, each for the targets for which it counts.

    The logits are those of the mean probabilities.  See ``explain``.

    Raises:
        MapError: As in ``explain``, or the members' maps have different resolutions.
    """
    chosen = torch.from_numpy(ensemble.chosen)
    told = _Mean("the ensemble", chosen.sum(dim=0))
    shown = {spec: _Mean(spec, chosen[:, list(targets)].sum(dim=0)) for spec in methods}
    for member, counts in zip(ensemble.members, chosen, strict=True):
        places = [place for place, target in enumerate(targets) if counts[target]]
        if not counts.any():
            continue
        # One that counts for other findings alone is asked for its probabilities, and for no map.
        asked = [targets[place] for place in places] or list(targets)
        one = explain(methods if places else {}, member, images, asked, memory)
        told.add(one.probabilities[:, counts], counts.nonzero()[:, 0].tolist())
        for spec in methods if places else ():
            shown[spec].add_maps(one.maps[spec], places)
    mean = told.value()
    maps = {spec: shown[spec].maps() for spec in methods}
    known = mean[:, list(targets)].isfinite()
    validity = {spec: judge(maps[spec], known) for spec in maps}
    return Explanation(mean.logit(), mean, maps, validity)


class _Mean:
    """Over members, of each finding those that count; they are added one by one.

    Args:
        what: A mean of.
        counts: How many count, by finding.
    """

    def __init__(self, what: str, counts: Int[Tensor, " k"]) -> None:
        self._what, self._counts = what, counts
        self._sum = torch.empty(0)
        self._residual: Tensor | None = None
        self._tolerance = float("inf")

    def add(self, values: Float[Tensor, "n j ..."], columns: Sequence[int]) -> None:
        """What one member says of some findings."""
        shape = (len(values), len(self._counts), *values.shape[2:])
        if not self._sum.numel():
            self._sum = values.new_zeros(shape)
        elif self._sum.shape != shape:
            one, other = (f"{size[-2]} x {size[-1]}" for size in (self._sum.shape, shape))
            raise MapError(
                f"{self._what} has maps of {one} and of {other} cells from the members of one"
                " ensemble; build ensembles of one architecture"
            )
        self._sum[:, list(columns)] += values

    def add_maps(self, said: Maps, columns: Sequence[int]) -> None:
        """Likewise, with how far its maps are from what they must sum to."""
        self.add(said.values, columns)
        self._tolerance = said.tolerance
        if said.residual is not None:
            if self._residual is None:
                self._residual = said.residual.new_zeros(self._sum.shape[:2])
            before = self._residual[:, list(columns)]
            self._residual[:, list(columns)] = _further(before, said.residual)

    def value(self) -> Float[Tensor, "n k ..."]:
        """The mean."""
        counts = self._counts.view(1, -1, *[1] * (self._sum.ndim - 2))
        return self._sum / counts.to(self._sum)

    def maps(self) -> Maps:
        """The mean, and of those that count the residual that is furthest from 0."""
        return Maps(self.value(), self._residual, self._tolerance)


def _further(one: Float[Tensor, "n k"], other: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """From 0; ``nan`` is furthest."""
    first, second = (each.abs().nan_to_num(torch.inf, torch.inf) for each in (one, other))
    return torch.where(second > first, other, one)
