"""The map of an ensemble: the mean of its members' raw maps, as the CheXpert benchmark takes it.

Saporta et al., Nature Machine Intelligence 2022, https://doi.org/10.1038/s42256-022-00536-x: ten
checkpoints per finding, mean of probabilities and of maps.  Raw maps are averaged, so a member with
larger values weighs more, as a more decided one should.  The residual of a mean is that of the
member whose map is furthest from complete.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

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
    told: Callable[[float], None] = lambda _: None,
) -> Explanation:
    """Explain by one member after the other, each for the targets for which it counts.

    The logits are those of the mean probabilities.  See ``explain``.

    Raises:
        MapError: As in ``explain``, or the members' maps have different resolutions.
    """
    chosen = torch.from_numpy(ensemble.chosen)
    probabilities = _Mean("the ensemble", chosen.sum(dim=0))
    mean_maps = {spec: _Mean(spec, chosen[:, list(targets)].sum(dim=0)) for spec in methods}
    for number, (member, counts) in enumerate(zip(ensemble.members, chosen, strict=True)):
        places = [place for place, target in enumerate(targets) if counts[target]]
        # A member that counts for no finding need not run.
        if not counts.any():
            continue
        # A member that counts for other findings alone gives probabilities, and no map.
        member_targets = [targets[place] for place in places] or list(targets)
        told_of_member = partial(_tell_of_member, told, number, len(chosen))
        explanation = explain(
            methods if places else {}, member, images, member_targets, memory, told_of_member
        )
        probabilities.add(explanation.probabilities[:, counts], counts.nonzero()[:, 0].tolist())
        for spec in methods if places else ():
            mean_maps[spec].add_maps(explanation.maps[spec], places)
    mean = probabilities.value()
    maps = {spec: mean_maps[spec].maps() for spec in methods}
    finite_logits = mean[:, list(targets)].isfinite()
    validity = {spec: judge(maps[spec], finite_logits) for spec in maps}
    return Explanation(mean.logit(), mean, maps, validity)


def _tell_of_member(told: Callable[[float], None], number: int, members: int, share: float) -> None:
    told((number + share) / members)


class _Mean:
    """The mean over members, finding by finding; members that count are added one after the other.

    Args:
        subject: What has the mean, for messages.
        counts: How many members count, by finding.
    """

    def __init__(self, subject: str, counts: Int[Tensor, " k"]) -> None:
        self._subject, self._counts = subject, counts
        self._sum = torch.empty(0)
        self._residual: Tensor | None = None
        self._tolerance = float("inf")

    def add(self, values: Float[Tensor, "n j ..."], columns: Sequence[int]) -> None:
        """Add what one member says of the findings of some columns."""
        shape = (len(values), len(self._counts), *values.shape[2:])
        # The resolution of the maps is known when the first member has been added.
        if not self._sum.numel():
            self._sum = values.new_zeros(shape)
        elif self._sum.shape != shape:
            first, second = (f"{size[-2]} x {size[-1]}" for size in (self._sum.shape, shape))
            raise MapError(
                f"{self._subject} has maps of {first} and of {second} cells from the members of one"
                " ensemble; build ensembles of one architecture"
            )
        self._sum[:, list(columns)] += values

    def add_maps(self, member_maps: Maps, columns: Sequence[int]) -> None:
        """Add the maps of one member, and how far each is from what it must sum to."""
        self.add(member_maps.values, columns)
        self._tolerance = member_maps.tolerance
        if member_maps.residual is not None:
            if self._residual is None:
                self._residual = member_maps.residual.new_zeros(self._sum.shape[:2])
            before = self._residual[:, list(columns)]
            self._residual[:, list(columns)] = _further(before, member_maps.residual)

    def value(self) -> Float[Tensor, "n k ..."]:
        """The mean."""
        counts = self._counts.view(1, -1, *[1] * (self._sum.ndim - 2))
        return self._sum / counts.to(self._sum)

    def maps(self) -> Maps:
        """The mean, with the residual that is furthest from 0 among the members that count."""
        return Maps(self.value(), self._residual, self._tolerance)


def _further(first: Float[Tensor, "n k"], second: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """Whichever of two numbers is further from 0, element by element; ``nan`` is furthest."""
    first_size, second_size = (
        each.abs().nan_to_num(torch.inf, torch.inf) for each in (first, second)
    )
    return torch.where(second_size > first_size, second, first)
