"""Class map: the map from which the head itself pools the logit, read out without another pass.

WILDCAT (Durand et al., CVPR 2017) pools its logits from it; for a linear head it is CAM (Zhou et
al., CVPR 2016, https://arxiv.org/abs/1512.04150), of which Grad-CAM is the positive part but for
a constant factor.

Its residual is what the logit has beside the mean of the map and the bias, in units of the logit:
0 but for rounding where the head is complete (linear, soft_cam, patch_sum, attention_mil), and of
other heads what their pooling adds to the map.  No map is refused for it.
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
        chosen = list(targets)
        maps = forward.model.class_map(forward.features)
        mean = maps.mean(dim=(2, 3))
        rest = forward.logits - mean - forward.model.class_map_constant()
        return Maps(maps[:, chosen].detach(), rest[:, chosen].detach())
