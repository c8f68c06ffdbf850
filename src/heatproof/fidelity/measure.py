"""The fidelity of the maps of several methods, each beside chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from heatproof.fidelity.metrics import FidelityMetric
from heatproof.models import Model
from heatproof.models.still import held_still
from heatproof.saliency.forward import ForwardPass


@dataclass(frozen=True)
class Measured:
    """What one metric says of the maps of one method.

    Attributes:
        values: Of each image and target.
        chance: Of the same maps with their cells shuffled.
    """

    values: Float[Tensor, "n k"]
    chance: Float[Tensor, "n k"]


def measure(
    metrics: Mapping[str, FidelityMetric],
    model: Model,
    images: Float[Tensor, "n c h w"],
    maps: Mapping[str, Float[Tensor, "n k y x"]],
    targets: Sequence[int],
    memory: int | None = None,
    seed: int = 0,
) -> dict[tuple[str, str], Measured]:
    """Measure maps by metrics; the keys are method and metric.

    Chance is a map of the same cells in an order that is drawn: equal in resolution and in values,
    and true to nothing.  A method that is no better than that tells nothing of the model.

    Args:
        metrics: By spec.
        model: The model that was explained; it is left as it was.
        images: What was explained.
        maps: Of each method, at its own resolution, covering the whole input.
        targets: The findings that were explained, as indices of those of the model.
        memory: What the process may take, in bytes; None for what suits the device.
        seed: Shuffles cells.
    """
    found: dict[str, list[Tensor]] = {spec: [] for spec in metrics}
    with held_still(model):
        for image in range(len(images)):
            forward = ForwardPass(model, images[image : image + 1], memory)
            # All maps of a film at once: what the model says of a film without some part of it
            # serves all of them.
            relevance = torch.cat(
                [
                    _over(each.to(forward.images), (images.shape[2], images.shape[3]))
                    for values in maps.values()
                    for each in (values[image][None], _shuffled(values[image][None], seed))
                ],
                dim=1,
            )
            every = [*targets] * (2 * len(maps))
            for spec, metric in metrics.items():
                found[spec].append(metric(forward, relevance, every))
    return {
        (method, spec): Measured(of_method[:, 0], of_method[:, 1])
        for spec, values in found.items()
        for method, of_method in zip(
            maps, torch.cat(values).view(len(images), len(maps), 2, -1).unbind(1), strict=True
        )
    }


def _shuffled(values: Float[Tensor, "n k y x"], seed: int) -> Float[Tensor, "n k y x"]:
    flat = values.flatten(2)
    order = torch.randperm(flat.shape[-1], generator=torch.Generator().manual_seed(seed))
    return flat[..., order.to(flat.device)].view_as(values)


def _over(values: Float[Tensor, "n k y x"], size: tuple[int, int]) -> Float[Tensor, "n k h w"]:
    """Pixel by pixel of the input."""
    if tuple(values.shape[2:]) == size:
        return values
    return interpolate(values, size, mode="bilinear", align_corners=False)
