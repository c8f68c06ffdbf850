"""Class map: the map from which the head itself pools the logit, read out without another pass.

WILDCAT (Durand et al., CVPR 2017) pools its logits from it; for a linear head it is CAM (Zhou et
al., CVPR 2016, https://arxiv.org/abs/1512.04150), of which Grad-CAM is the positive part but for
a constant factor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.saliency import Maps, Need, methods
from heatproof.saliency.forward import ForwardPass


@methods.register("class_map")
@dataclass(frozen=True)
class ClassMap:
    """Signed, at the resolution of the features."""

    title: ClassVar[str] = "Class map"
    needs: ClassVar[Need] = "class map"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        return Maps(forward.model.class_map(forward.features)[:, list(targets)].detach())


def peak_boxes(maps: Float[Tensor, "n k y x"], height: int, width: int) -> Float[Tensor, "n k 4"]:
    """The cell with the maximum of each map, as a box in an image of that size.

    x0, y0, x1, y1, half-open as all boxes are: d x d pixels with d = S / s, where s x s cells cover
    S x S pixels, which is how a class map of fixed resolution detects.  Of equal cells the first in
    reading order; ``nan`` of a map that is constant or not finite.
    """
    flat = maps.flatten(2)
    place = flat.argmax(dim=-1)
    rows, columns = place // maps.shape[3], place % maps.shape[3]
    cell = torch.tensor([width / maps.shape[3], height / maps.shape[2]] * 2)
    boxes = torch.stack([columns, rows, columns + 1, rows + 1], dim=-1).cpu() * cell
    points = flat.isfinite().all(dim=-1) & (flat.amax(dim=-1) > flat.amin(dim=-1))
    return torch.where(points.cpu()[..., None], boxes, torch.nan)
