"""Class map: the map from which the head itself pools the logit, read out without another pass.

WILDCAT (Durand et al., CVPR 2017) pools its logits from it; for a linear head it is CAM (Zhou et
al., CVPR 2016, https://arxiv.org/abs/1512.04150), of which Grad-CAM is the positive part but for
a constant factor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass


@methods.register("class_map")
@dataclass(frozen=True)
class ClassMap:
    """Signed, at the resolution of the features."""

    title: ClassVar[str] = "Class map"
    kind: ClassVar[Kind] = "class activation"
    needs: ClassVar[Need] = "class map"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target."""
        return Maps(forward.model.class_map(forward.features)[:, list(targets)].detach())
