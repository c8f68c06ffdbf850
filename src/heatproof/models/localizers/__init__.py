"""Localizers: networks that were shown *where* findings are, and so bound saliency from above.

A localizer is a frozen part; called with findings, preprocessing and the weights of its backbone it
builds a network that gives a map and a probability per finding, as a classifier with a saliency
method does, so that it stands in the same tables.

It learns from regions, boxes or masks (``models.targets``).

To be loaded again, a localizer needs its state dict and, on its card, what ``build`` takes (the
canonical spec, the findings in order, the preprocessing) and where its backbone's weights came from
(``pretrained``).  Its card also says whom it was trained and tuned on, and whose annotations it was
shown (``ModelCard.regions``).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor, nn

from heatproof.errors import ModelError
from heatproof.models.backbones import Architecture, Backbone
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.seeding import seeded
from heatproof.models.strides import Stages
from heatproof.models.targets import Target
from heatproof.registry import Registry
from heatproof.types import REFERENCE, Sample


@dataclass(frozen=True)
class LocalizerOutput:
    """The boxes that were found in one image.

    Attributes:
        corners: x0, y0, x1, y1 in pixels of the input, half-open as all boxes are.
        scores: In [0, 1].
        findings: Index of what each box shows.
    """

    corners: Float[Tensor, "m 4"]
    scores: Float[Tensor, " m"]
    findings: Int[Tensor, " m"]


@dataclass(frozen=True)
class Localized:
    """What a localizer says about a batch.

    Attributes:
        probabilities: Probability that the image shows each finding, in [0, 1].
        maps: Map of each finding at the resolution of the input, in [0, 1].
        boxes: One entry per image, of localizers that find boxes.
    """

    probabilities: Float[Tensor, "n k"]
    maps: Float[Tensor, "n k h w"]
    boxes: tuple[LocalizerOutput, ...] | None = None


class Localizer(nn.Module, ABC, Generic[Target]):
    """A network from images ``n c h w`` to probabilities and maps.

    Args:
        spec: The part that built it.
        stages: The backbone.
        findings: What it looks for, in order.
        preprocessing: What the images have gone through.

    Attributes:
        regions: What it learns from.
    """

    regions: ClassVar[Literal["boxes", "masks"]]

    def __init__(
        self,
        spec: "LocalizerArchitecture",
        stages: Stages,
        findings: Sequence[str],
        preprocessing: Preprocessing,
    ) -> None:
        super().__init__()
        if not findings or len(set(findings)) != len(findings):
            raise ModelError(f"findings {list(findings)}: expected at least one, each named once")
        self.spec = spec
        self.stages = stages
        self.findings = tuple(findings)
        self.preprocessing = preprocessing

    @property
    def backbone(self) -> Backbone:
        """The part that may be pretrained."""
        return self.stages.backbone

    @property
    def pretrained(self) -> str:
        """Where the weights of the backbone came from, in words."""
        return self.backbone.pretrained

    def forward(self, images: Float[Tensor, "n c h w"]) -> Localized:
        """Probabilities and maps; in evaluation mode they do not depend on what else is in the
        batch.
        """
        return self.found(self.outputs(images))

    @abstractmethod
    def outputs(self, images: Float[Tensor, "n c h w"]) -> Any:
        """The raw outputs, from which both maps and the loss are made."""

    @abstractmethod
    def found(self, outputs: Any) -> Localized:
        """Probabilities and maps from raw outputs."""

    @abstractmethod
    def loss_of(self, outputs: Any, targets: Sequence[Target]) -> Float[Tensor, ""]:
        """The loss of raw outputs: a mean over images and findings whose place is known.

        0 where no place is known.
        """

    def loss(
        self, images: Float[Tensor, "n c h w"], targets: Sequence[Target]
    ) -> Float[Tensor, ""]:
        """The loss of images whose outputs are needed nowhere else."""
        return self.loss_of(self.outputs(images), targets)

    @abstractmethod
    def target(self, sample: Sample, source: str = REFERENCE) -> Target:
        """The target that one radiograph gives; see ``box_target`` and ``mask_target``."""


@runtime_checkable
class LocalizerArchitecture(Protocol):
    """Builds a localizer.

    A part may also have a field ``reference``, see ``references``.

    Attributes:
        title: What people call its maps.
        method: What its maps are called where those of a saliency method bear its spec.
    """

    title: ClassVar[str]
    method: ClassVar[str]

    @property
    def backbone(self) -> Architecture:
        """The part that may be pretrained."""
        ...

    def __call__(
        self, findings: Sequence[str], preprocessing: Preprocessing, weights: str = "random"
    ) -> Localizer[Any]:
        """The network for those findings, its backbone with those weights; raises ModelError."""
        ...


localizers: Registry[LocalizerArchitecture] = Registry(
    "localizer", __name__, "heatproof.localizers"
)


def references() -> dict[str, str]:
    """What people call the supervised references, by the ``method`` that their maps bear in tables.

    The words are the field ``reference`` of a localizer, such as ``"Trained detectors"``, or its
    title where it has none.
    """
    classes: list[Any] = [localizers.part_class(name) for name in localizers.names()]
    return {cls.method: getattr(cls, "reference", cls.title) for cls in classes}


def build(
    localizer: str,
    findings: Sequence[str],
    preprocessing: Preprocessing,
    weights: str = "random",
    seed: int = 0,
) -> Localizer[Any]:
    """A localizer from its spec, in evaluation mode.

    Args:
        localizer: Spec, such as ``"retinanet(backbone=resnet18)"``.
        findings: What it looks for.
        preprocessing: Says how many channels the backbone gets.
        weights: Weights of the backbone: ``"random"``, ``"imagenet"`` or a path of a state dict.
        seed: Seed of all that is random.

    Raises:
        SpecError: No such localizer or backbone.
        ModelError: The backbone has no regular grid, or its weights cannot be had.
    """
    make = localizers.parse(localizer)
    with seeded(seed):
        return make(findings, preprocessing, weights).eval()
