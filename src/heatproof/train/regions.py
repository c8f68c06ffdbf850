"""Targets of localizers as tensors of torchvision, which move with their image.

What is left of a box after its image was moved is the part on the canvas, where both sides are at
least a pixel.  A finding that was marked, and of which nothing is left, is of unknown place from
then on: it left the canvas, or became too small to be drawn, and the image cannot tell which.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor
from torchvision.tv_tensors import BoundingBoxes, BoundingBoxFormat, Mask

from heatproof.models.targets import BoxTarget, MaskTarget

Region = BoxTarget | MaskTarget
_LEAST = 1.0  # pixels: the shortest side of a box that is still one


def as_regions(target: Region, size: tuple[int, int]) -> Any:
    """The target in the form that ``augmented`` moves, for an image of that height and width."""
    if isinstance(target, MaskTarget):
        return Mask(target.masks)
    return BoundingBoxes(target.corners, format=BoundingBoxFormat.XYXY, canvas_size=size)


def from_regions(regions: Any, target: Region) -> Region:
    """The target after its regions were moved; ``regions`` is what became of
    ``as_regions(target)``.
    """
    moved: Region
    if isinstance(target, MaskTarget):
        moved = replace(target, masks=regions.as_subclass(Tensor))
    else:
        height, width = regions.canvas_size
        limits = torch.tensor([width, height, width, height], dtype=target.corners.dtype)
        corners = regions.as_subclass(Tensor).clamp(min=0).minimum(limits)
        left = (corners[:, 2:] - corners[:, :2] >= _LEAST).all(dim=1)
        moved = replace(target, corners=corners[left], findings=target.findings[left])
    return replace(moved, known=target.known & (moved.marked | ~target.marked))


def digest_regions(targets: Iterable[Region]) -> tuple[int, str]:
    """The number of images with an annotation, and a digest of all annotations; empty where there
    is none.
    """
    marked, digest = 0, ""
    for target in targets:
        marked += int(target.marked.any())
        # A chain of digests needs one target in memory at a time.
        whole = hashlib.sha256(digest.encode())
        for field in fields(target):
            whole.update(getattr(target, field.name).numpy().tobytes())
        digest = whole.hexdigest()
    return marked, digest
