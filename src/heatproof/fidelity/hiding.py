"""Images of which a part is hidden, and what the model says of them.

Pixels that are equally relevant are hidden in an order that is drawn once: in their own order a map
that is constant would be hidden row by row, which is a shape that a model may know.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from heatproof.errors import SpecError
from heatproof.saliency.forward import ForwardPass

Infill = Literal["mean", "black", "blur"]
_BLUR = 45  # a blur is that share of the shorter side: 5 pixels of 224, as in RISE
_SEED = 0


def infilled(forward: ForwardPass, infill: Infill) -> Float[Tensor, "n c h w"]:
    """The images with everything hidden.

    Args:
        forward: A pass over the images.
        infill: The ``mean`` of the training images (0 after normalization), ``black``, or a
            ``blur`` of the image that leaves no detail.
    """
    images = forward.images
    if infill == "mean":
        return torch.zeros_like(images)
    if infill == "black":
        ends = forward.model.preprocessing.ends
        return torch.stack([ends(image)[0].expand_as(image) for image in images])
    sigma = min(images.shape[2:]) / _BLUR
    kernel = 2 * max(1, round(2 * sigma)) + 1
    blurred: Tensor = gaussian_blur(images, [kernel, kernel], [sigma, sigma])
    return blurred


def ranks(relevance: Float[Tensor, "n k h w"]) -> Int[Tensor, "n k h w"]:
    """The place of each pixel, the most relevant first, from 0."""
    flat = relevance.flatten(2)
    drawn = torch.randperm(flat.shape[-1], generator=torch.Generator().manual_seed(_SEED))
    drawn = drawn.to(flat.device)
    # A stable sort of pixels in a drawn order leaves equal ones in that order.
    order = drawn[flat[..., drawn].argsort(dim=-1, descending=True, stable=True)]
    places = torch.arange(flat.shape[-1], device=flat.device).expand_as(order)
    return torch.empty_like(order).scatter_(-1, order, places).view(relevance.shape)


def without_most_relevant(
    forward: ForwardPass,
    shown: Float[Tensor, "n c h w"],
    hidden: Float[Tensor, "n c h w"],
    places: Int[Tensor, "n k h w"],
    targets: Sequence[int],
    counts: Sequence[int],
) -> Float[Tensor, "n k s"]:
    """Probabilities where the most relevant pixels are hidden.

    Args:
        forward: A pass of the model.
        shown: What pixels show that are not hidden.
        hidden: What the others show.
        places: Of ``ranks``.
        targets: A finding for each map.
        counts: How many pixels are hidden.
    """
    images = (
        (target, torch.where(places[image, column] < count, hidden[image], shown[image]))
        for image in range(len(places))
        for column, target in enumerate(targets)
        for count in counts
    )
    return probabilities(forward, images).view(len(places), len(targets), len(counts))


def falls(
    forward: ForwardPass,
    regions: Bool[Tensor, "s h w"],
    infill: Infill,
    targets: Sequence[int],
) -> Float[Tensor, "n k s"]:
    """By how much each probability falls where a region is hidden.

    Args:
        forward: A pass of the model.
        regions: What is hidden.
        infill: What it shows then.
        targets: A finding for each map; all maps share the passes.
    """
    images = (
        changed
        for image, blank in zip(forward.images, infilled(forward, infill), strict=True)
        for changed in (image, *(torch.where(region, blank, image) for region in regions))
    )
    found = all_probabilities(forward, images)
    found = found.view(len(forward.images), 1 + len(regions), -1)[..., list(targets)]
    return (found[:, :1] - found[:, 1:]).transpose(1, 2)


def probabilities(
    forward: ForwardPass, images: Iterator[tuple[int, Float[Tensor, "c h w"]]]
) -> Float[Tensor, " m"]:
    """The probability of one finding on each image.

    Args:
        forward: A pass of the model.
        images: The finding, as an index of those of the model, and the image.
    """
    asked: list[int] = []

    def alone() -> Iterator[Float[Tensor, "c h w"]]:
        for target, image in images:
            asked.append(target)
            yield image

    found = all_probabilities(forward, alone())
    return found[torch.arange(len(asked)), asked]


def all_probabilities(
    forward: ForwardPass, images: Iterator[Float[Tensor, "c h w"]]
) -> Float[Tensor, "m findings"]:
    """The probabilities of all findings of each image."""
    return forward.model.probabilities(all_logits(forward, images))


def all_logits(
    forward: ForwardPass, images: Iterator[Float[Tensor, "c h w"]]
) -> Float[Tensor, "m findings"]:
    """The logits of all findings of each image, in batches that keep the memory budget."""
    size, found = forward.at_once(differentiated=False), []
    with torch.no_grad():
        while batch := list(islice(images, size)):
            found.append(forward.model(torch.stack(batch)))
    return torch.cat(found)


def cells_of(relevance: Float[Tensor, "n k h w"], grid: int) -> Float[Tensor, "n k g g"]:
    """The relevance of each cell of a grid over the image: the sum of its pixels."""
    means = torch.nn.functional.adaptive_avg_pool2d(relevance, (grid, grid))
    return means * (relevance.shape[2] * relevance.shape[3] / grid**2)


def check_share(name: str, share: float) -> None:
    """Raises SpecError for what is no share between 0 and 1."""
    if not 0 < share < 1:
        raise SpecError(f"{name}={share}: expected a share of the image, between 0 and 1")


def check_count(name: str, count: int, least: int) -> None:
    """Raises SpecError for a number that is too small."""
    if count < least:
        raise SpecError(f"{name}={count}: expected at least {least}")
