"""ConvNeXt.  Liu et al., CVPR 2022, https://arxiv.org/abs/2201.03545; as in timm.

Blocks: stem, stage1 to stage4.  Features are sums on a residual path and so are signed, and there
is no ReLU: methods that have a rule for ReLU refuse it.

timm's classifier normalizes the mean feature over channels (``head.norm``).  That belongs to the
head and is left out, with its weights: a linear head stays linear in the features, so that its
class map adds up to the logit.
"""

from dataclasses import dataclass

from heatproof.models.backbones import Backbone, Grid, backbones, timm_network


@backbones.register("convnext_tiny")
@dataclass(frozen=True)
class ConvNeXtTiny:
    """28 million weights, 768 features."""

    def __call__(self, channels: int = 3, weights: str = "random") -> Backbone:
        """Build it."""
        network, source = timm_network("convnext_tiny", channels, weights, ("head",))
        stages = {f"stage{number}": s for number, s in enumerate(network.stages, start=1)}
        grid = Grid(network.num_features, stride=32, signed=True)
        return Backbone({"stem": network.stem, **stages}, grid, source)
