"""A network that sees one patch at a time: any other backbone, on each patch of the image alone.

The image is cut into squares that do not overlap; each goes through the whole of the base by
itself, and the mean of its features is one cell of the grid.  So a cell can know nothing of other
places, and a class map shows what was seen at each.  With ``patch_sum`` it is MedicalPatchNet
(Wienholt et al., Sci Rep 2026;16:7467, https://doi.org/10.1038/s41598-026-40358-0; there
EfficientNetV2-S on 8 x 8 patches of 64 pixels).

Blocks are those of the base, by name, between which values are ``n r c ...`` (rows and columns of
patches); mean, the last, has no weights.  In training, batch norm takes its statistics over all
patches of a batch.
"""

from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor, nn

from heatproof.errors import ModelError, SpecError
from heatproof.models.backbones import Architecture, Backbone, Grid, backbones
from heatproof.models.backbones.efficientnet import EfficientNetB0


class Cut(nn.Module):
    """Images to patches, and the first block on each of them."""

    def __init__(self, size: int, block: nn.Module) -> None:
        super().__init__()
        self.size, self.block = size, OnPatches(block)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n r q ..."]:
        """What the block makes of each patch."""
        height, width = images.shape[2:]
        if height % self.size or width % self.size:
            raise ModelError(
                f"images are {height} x {width}; patches(size={self.size}) takes sides that are"
                f" multiples of {self.size}"
            )
        rows, columns = height // self.size, width // self.size
        cut = images.reshape(len(images), -1, rows, self.size, columns, self.size)
        patches: Tensor = self.block(cut.permute(0, 2, 4, 1, 3, 5))
        return patches


class OnPatches(nn.Module):
    """A block on each patch by itself."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, patches: Float[Tensor, "n r q ..."]) -> Float[Tensor, "n r q ..."]:
        """What the block makes of each patch."""
        made: Tensor = self.block(patches.flatten(0, 2))
        return made.view(*patches.shape[:3], *made.shape[1:])


class Mean(nn.Module):
    """The mean of the features of each patch, on the grid of patches."""

    def forward(self, patches: Float[Tensor, "n r q d y x"]) -> Float[Tensor, "n d r q"]:
        """One cell per patch."""
        return patches.mean(dim=(4, 5)).permute(0, 3, 1, 2)


@backbones.register("patches")
@dataclass(frozen=True)
class Patches:
    """Another backbone on each patch alone.

    Attributes:
        base: The backbone; patches must be large enough for it.
        size: Side of a patch, in pixels of the image; the stride of the grid.
    """

    base: Architecture = field(default=EfficientNetB0(), metadata={"registry": backbones})
    size: int = 64

    def __post_init__(self) -> None:
        if self.size < 1:
            raise SpecError(f"size={self.size}: expected at least 1 pixel")

    def __call__(self, channels: int = 3, weights: str = "random") -> Backbone:
        """Build it."""
        base = self.base(channels, weights)
        (name, first), *others = base.named_children()
        blocks = {name: Cut(self.size, first), **{k: OnPatches(b) for k, b in others}}
        grid = Grid(base.grid.channels, self.size, base.grid.signed)
        return Backbone({**blocks, "mean": Mean()}, grid, base.pretrained)
