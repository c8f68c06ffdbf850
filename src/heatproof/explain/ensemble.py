"""The map of an ensemble: the mean of its members' raw maps, as the CheXpert benchmark takes it.

Saporta et al., Nature Machine Intelligence 2022, https://doi.org/10.1038/s42256-022-00536-x: ten
checkpoints per finding, mean of probabilities and of maps.  Raw maps are averaged, so a member with
larger values weighs more, as a more decided one should.  A mean is as complete as the least
complete map that it is made of: that member's residual is its residual.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from heatproof.errors import MapError
from heatproof.explain import Explanation, Maps, Method, explain, judge
from heatproof.explain.memory import DEFAULT
from heatproof.models import Model
from heatproof.models.ensemble import Ensemble, chosen_mean


def explain_ensemble(
    methods: Mapping[str, Method],
    ensemble: Ensemble,
    images: Float[Tensor, "n c h w"],
    targets: Sequence[int],
    memory: int = DEFAULT,
) -> Explanation:
    """Explain by every member, and take the means of those that count; see ``explain``.

    The logits are those of the mean probabilities.

    Raises:
        MapError: As in ``explain``, or the members' maps have different resolutions.
    """
    probabilities, found = [], []
    for member in ensemble.members:
        assert isinstance(member, Model)
        one = explain(methods, member, images, targets, memory)
        probabilities.append(one.probabilities)
        found.append(one.maps)
    mean = ensemble.probabilities(torch.stack(probabilities))
    chosen = ensemble.chosen[:, list(targets)]
    maps = {}
    for spec in methods:
        values = [one[spec].values for one in found]
        if len(shapes := {tuple(value.shape[2:]) for value in values}) > 1:
            sizes = ", ".join(f"{height} x {width}" for height, width in sorted(shapes))
            raise MapError(
                f"{spec} has maps of {sizes} cells from the members of one ensemble; build"
                " ensembles of one architecture"
            )
        residuals = [one[spec].residual for one in found]
        maps[spec] = Maps(
            chosen_mean(torch.stack(values), chosen),
            _worst([each for each in residuals if each is not None], chosen),
            found[0][spec].tolerance,
        )
    known = mean[:, list(targets)].isfinite().cpu()
    validity = {spec: judge(maps[spec], known) for spec in maps}
    return Explanation(mean.logit(), mean, maps, validity)


def _worst(
    residuals: Sequence[Float[Tensor, "n k"]], chosen: Bool[Tensor, "m k"]
) -> Float[Tensor, "n k"] | None:
    """Of the chosen members, the residual that is furthest from 0; ``nan`` counts as furthest."""
    if not residuals:
        return None
    each = torch.stack(list(residuals))
    distance = each.abs().nan_to_num(torch.inf, torch.inf)
    distance = torch.where(chosen[:, None].to(each.device), distance, -1)
    return each.gather(0, distance.argmax(dim=0, keepdim=True))[0]
