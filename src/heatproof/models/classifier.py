"""A classifier is a backbone followed by a head, so that what the head saw needs no hook."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.errors import ModelError
from heatproof.models import Model
from heatproof.models.backbones import Backbone, backbones
from heatproof.models.heads import HeadModule, heads
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.seeding import seeded


class Classifier(Model):
    """A network from images ``n c h w`` to logits ``n k``.

    Args:
        backbone: Ordered blocks.
        head: Makes logits and class maps of the features.
        findings: Names of the logits.
        preprocessing: What the images have gone through.
    """

    has_class_map = True

    def __init__(
        self,
        backbone: Backbone,
        head: HeadModule,
        findings: Sequence[str],
        preprocessing: Preprocessing,
    ) -> None:
        super().__init__()
        if not findings or len(set(findings)) != len(findings):
            raise ModelError(f"findings {list(findings)}: expected at least one, each named once")
        self.backbone = backbone
        self.head = head
        self.findings = tuple(findings)
        self.preprocessing = preprocessing
        self.uniform = head.uniform

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """The logits of each image."""
        logits: Tensor = self.head(self.backbone(images))
        return logits

    def features_and_logits(
        self, images: Float[Tensor, "n c h w"], *, cut: bool = False
    ) -> tuple[Float[Tensor, "n d y x"], Float[Tensor, "n k"]]:
        """Features and logits of one pass; see ``Model``."""
        return self.from_block(0, images, cut=cut)

    def from_block(
        self, first: int, entered: Float[Tensor, "n ..."], *, cut: bool = False
    ) -> tuple[Float[Tensor, "n d y x"], Float[Tensor, "n k"]]:
        """The pass from one block of the backbone on.

        Args:
            first: The block to go on with, counted from 0.
            entered: What enters it; blocks may work in place.
            cut: As in ``features_and_logits``.
        """
        features = entered
        with torch.set_grad_enabled(torch.is_grad_enabled() and not cut):
            for block in list(self.backbone)[first:]:
                features = block(features)
        if cut:
            features.requires_grad_()
        return features, self.head(features)

    def head_logits(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k"]:
        """The logits that the head gives for these features."""
        logits: Tensor = self.head(features)
        return logits

    def class_map_constant(self) -> Float[Tensor, " k"] | float:
        """The bias of the head, where that is no part of its map."""
        return self.head.constant()

    def class_map(self, features: Float[Tensor, "n d y x"]) -> Float[Tensor, "n k y x"]:
        """CAM of a linear head, or the map from which WILDCAT pools its logits."""
        return self.head.class_map(features)


def build(
    architecture: str,
    head: str,
    findings: Sequence[str],
    preprocessing: Preprocessing,
    weights: str = "random",
    seed: int = 0,
) -> Classifier:
    """A classifier from the specs of its parts.

    Args:
        architecture: Spec of the backbone, such as ``"densenet121"``.
        head: Spec of the head, such as ``"wildcat(maps=8)"``.
        findings: Names of the logits.
        preprocessing: Says how many channels the backbone gets.
        weights: Weights of the backbone: ``"random"``, ``"imagenet"`` or a path of a state dict.
        seed: Seed of all that is random.

    Raises:
        SpecError: No such backbone or head.
        ModelError: The weights cannot be had, or are of another network.
    """
    make_backbone, make_head = backbones.parse(architecture), heads.parse(head)
    with seeded(seed):
        backbone = make_backbone(preprocessing.channels, weights)
        built = make_head(backbone.grid.channels, len(findings))
    model = Classifier(backbone, built, findings, preprocessing).eval()
    return model.to(memory_format=torch.channels_last)  # convolutions are faster in it
