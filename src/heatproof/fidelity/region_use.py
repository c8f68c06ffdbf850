"""Does a model use a region, and does a map show it?  Whose fault is it when a map misses?

The region of a finding is replaced (``infills``), and the fall of the logit is compared with that
where the same was done to control regions: the same shape elsewhere, at places where the region
lies on other films.  A film with something replaced is unlike any other, and the controls say how
much of the fall is that.

**The model uses the region**: *yes* where most infills say so: the fall is larger than ``margin``
and in the upper 5% of the controls.  *No* where no infill says so, and most find it smaller than
the margin, or no larger than half of the controls.  Else *inconclusive*.

**The map shows the region**: where the share of its positive relevance in the region is in the
upper 5% of that in the controls.

The two together make four cells: ``both right``; ``model right, map wrong``; ``model wrong, map
honest`` (neither); ``both wrong`` (the map shows a region that the model does not use).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from heatproof.fidelity.hiding import all_logits
from heatproof.fidelity.infills import Normal, RegionInfill
from heatproof.saliency.forward import ForwardPass

Uses = Literal["yes", "no", "inconclusive"]
Cell = Literal["both right", "model right, map wrong", "model wrong, map honest", "both wrong"]
CELLS: tuple[Cell, ...] = get_args(Cell)
CONTROLS = 39  # of which the region must exceed all but one: 2 of 40 is 5%
MARGIN = 0.2  # of the logit: odds that change by a fifth
_ALPHA = 0.05
_MIDDLE = 0.5
_OVERLAP = 0.1  # of its own area, that a control may share with the region
_TRIES = 50  # for each control
_JITTER = 0.05  # of the shorter side, around the place of a region on another film


@dataclass(frozen=True)
class RegionUse:
    """What a model says of one film when a region is replaced.

    Attributes:
        falls: Fall of the logit where the region is replaced, by infill.
        complements: Fall of the logit where everything else is replaced, by infill.
        controls: Falls where control regions are replaced, by infill.
        regions: The control regions.
    """

    falls: Mapping[str, float]
    complements: Mapping[str, float]
    controls: Mapping[str, Float[np.ndarray, " m"]]
    regions: Bool[np.ndarray, "m h w"]

    def uses(self, margin: float = MARGIN) -> Uses:
        """Whether the model uses the region; see the head of this module.

        Args:
            margin: The largest change of the logit that would not matter.
        """
        if len(self.regions) + 1 < 1 / _ALPHA:
            return "inconclusive"  # so few controls cannot say that a fall is rare
        shares = {spec: exceeding(fall, self.controls[spec]) for spec, fall in self.falls.items()}
        used = [fall > margin and shares[spec] <= _ALPHA for spec, fall in self.falls.items()]
        unused = [fall <= margin or shares[spec] > _MIDDLE for spec, fall in self.falls.items()]
        half = len(self.falls) / 2
        if sum(used) > half:
            return "yes"
        return "no" if not any(used) and sum(unused) > half else "inconclusive"


def exceeding(value: float, controls: Float[np.ndarray, " m"]) -> float:
    """The share of controls, and of the value itself, that are at least as large as the value."""
    return float((np.count_nonzero(controls >= value) + 1) / (len(controls) + 1))


def region_use(
    forward: ForwardPass,
    region: Bool[np.ndarray, "h w"],
    target: int,
    infills: Mapping[str, RegionInfill],
    controls: Bool[np.ndarray, "m h w"],
    normal: Normal = (),
) -> RegionUse:
    """Replace a region, its complement and control regions, and ask the model.

    Args:
        forward: A pass over one image, of a model that is held still.
        region: What is marked, on the canvas of the network.
        target: The finding, as an index of those of the model.
        infills: By spec.
        controls: The same shape elsewhere; see ``control_regions``.
        normal: Inputs of films without the finding.
    """
    image = forward.images[0].cpu().contiguous().numpy()
    replaced = [region, ~region, *controls]
    images = (
        torch.from_numpy(np.ascontiguousarray(infill(image, each, normal), dtype=image.dtype))
        for infill in infills.values()
        for each in replaced
    )
    on_device = (each.to(forward.images) for each in images)
    whole = all_logits(forward, iter(forward.images))[0, target]
    falls = (whole - all_logits(forward, on_device)[:, target]).double().cpu().numpy()
    by_infill = dict(zip(infills, falls.reshape(len(infills), len(replaced)), strict=True))
    return RegionUse(
        {spec: float(of_infill[0]) for spec, of_infill in by_infill.items()},
        {spec: float(of_infill[1]) for spec, of_infill in by_infill.items()},
        {spec: of_infill[2:] for spec, of_infill in by_infill.items()},
        controls,
    )


def control_regions(
    region: Bool[np.ndarray, "h w"],
    places: Sequence[tuple[float, float]] = (),
    count: int = CONTROLS,
    seed: int = 0,
) -> Bool[np.ndarray, "m h w"]:
    """The region moved elsewhere; fewer than asked for where there is no room.

    Args:
        region: What is marked.
        places: Where regions lie on other films: their centres, down and across, as shares of the
            image.  Half of the controls are drawn near these, the others anywhere.
        count: How many.
        seed: Draws the places.
    """
    generator = np.random.default_rng(seed)
    y, x = np.nonzero(region)
    top, left = int(y.min()), int(x.min())
    free = np.array(region.shape) - (np.ptp(y) + 1, np.ptp(x) + 1)
    centre = np.array([(y.min() + y.max() + 1) / 2 - top, (x.min() + x.max() + 1) / 2 - left])
    found: dict[tuple[int, int], np.ndarray] = {}
    for attempt in range(count * _TRIES):
        if len(found) == count:
            break
        corner = generator.integers(0, free + 1)
        if places and attempt % 2:
            near = np.array(places[int(generator.integers(len(places)))]) * region.shape - centre
            near += generator.normal(0, _JITTER * min(region.shape), 2)
            corner = np.clip(np.round(near), 0, free).astype(int)
        moved = (y - top + corner[0], x - left + corner[1])
        if np.count_nonzero(region[moved]) <= _OVERLAP * len(y):
            control = np.zeros_like(region)
            control[moved] = True
            found.setdefault((int(corner[0]), int(corner[1])), control)
    return np.stack([*found.values()]) if found else np.zeros((0, *region.shape), bool)


def shows(
    relevance: Float[Tensor, "h w"],
    region: Bool[np.ndarray, "h w"],
    controls: Bool[np.ndarray, "m h w"],
) -> bool:
    """Whether more of the positive relevance lies in the region than in nearly all controls."""
    positive = relevance.detach().cpu().double().numpy().clip(min=0)
    if not positive.any() or len(controls) + 1 < 1 / _ALPHA:
        return False
    of_controls = np.einsum("hw,mhw->m", positive, controls)
    return exceeding(float(positive[region].sum()), of_controls) <= _ALPHA


def cell(uses: Uses, shown: bool) -> Cell | None:
    """The cell of one film and map; None where it is inconclusive whether the model uses it."""
    if uses == "inconclusive":
        return None
    if uses == "yes":
        return "both right" if shown else "model right, map wrong"
    return "both wrong" if shown else "model wrong, map honest"
