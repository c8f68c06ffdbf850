"""Layer-CAM: features weighted, cell by cell, by their positive gradients.

M = ReLU(sum over d of ReLU(dy/dA_d) * A_d).  Jiang et al., IEEE Transactions on Image Processing
2021, https://doi.org/10.1109/TIP.2021.3089943.  A are the features that the head sees; the paper
also fuses maps of earlier layers, which is not done here.

Never negative: evidence against the finding is not shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass


@methods.register("layer_cam")
@dataclass(frozen=True)
class LayerCAM:
    """At the resolution of the features."""

    title: ClassVar[str] = "Layer-CAM"
    kind: ClassVar[Kind] = "class activation"
    needs: ClassVar[Need] = "feature gradients"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        positive = forward.feature_gradients(targets).relu()
        return Maps(torch.einsum("nkdyx,ndyx->nkyx", positive, forward.features).relu())
