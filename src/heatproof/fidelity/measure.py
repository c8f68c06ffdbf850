"""The fidelity of the maps of several methods, each beside chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from heatproof.fidelity.metrics import Again, Explained, FidelityMetric, beside_chance
from heatproof.models import Model
from heatproof.models.still import held_still
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.methods import Method


@dataclass(frozen=True)
class Measured:
    """What one metric says of the maps of one method.

    Attributes:
        values: Of each image and target.
        chance: Of the same maps with their cells shuffled; nan where a metric has no chance.
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
    *,
    seed: int = 0,
    methods: Mapping[str, Method] | None = None,
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
        methods: What made the maps, for metrics that explain other images, too; those of which a
            map has no method are nan.
    """
    size = (images.shape[2], images.shape[3])
    found: dict[str, list[Tensor]] = {spec: [] for spec in metrics}
    with held_still(model):
        for image in range(len(images)):
            forward = ForwardPass(model, images[image : image + 1], memory)
            # All maps of a film at once: what the model says of a film without some part of it
            # serves all of them.
            relevance = _beside_shuffled(
                [values[image : image + 1].to(forward.images) for values in maps.values()],
                size,
                seed,
            )
            again = _again(maps, methods or {}, targets, size, seed)
            explained = Explained(forward, relevance, [*targets] * (2 * len(maps)), again)
            for spec, metric in metrics.items():
                value = metric(explained).view(1, len(maps), 2, len(targets))
                if not beside_chance(metric):
                    value[:, :, 1] = torch.nan
                found[spec].append(value)
    return {
        (method, spec): Measured(of_method[:, 0], of_method[:, 1])
        for spec, values in found.items()
        for method, of_method in zip(maps, torch.cat(values).unbind(1), strict=True)
    }


def _again(
    maps: Mapping[str, Float[Tensor, "n k y x"]],
    methods: Mapping[str, Method],
    targets: Sequence[int],
    size: tuple[int, int],
    seed: int,
) -> Again | None:
    """Explains other images by the same methods; nan in the place of maps that have none."""
    if not methods:
        return None

    def again(forward: ForwardPass) -> Float[Tensor, "n k h w"]:
        nothing = torch.full((len(forward.images), len(targets), 1, 1), torch.nan)
        made = [
            methods[spec](forward, targets).values if spec in methods else nothing for spec in maps
        ]
        return _beside_shuffled([each.to(forward.images) for each in made], size, seed)

    return again


def _beside_shuffled(
    maps: Sequence[Tensor], size: tuple[int, int], seed: int
) -> Float[Tensor, "n maps h w"]:
    """The maps of each method over the input, each followed by the same with shuffled cells."""
    return torch.cat(
        [_over(each, size) for values in maps for each in (values, _shuffled(values, seed))], dim=1
    )


def _shuffled(values: Float[Tensor, "n k y x"], seed: int) -> Float[Tensor, "n k y x"]:
    flat = values.flatten(2)
    order = torch.randperm(flat.shape[-1], generator=torch.Generator().manual_seed(seed))
    return flat[..., order.to(flat.device)].view_as(values)


def _over(values: Float[Tensor, "n k y x"], size: tuple[int, int]) -> Float[Tensor, "n k h w"]:
    """Pixel by pixel of the input."""
    if tuple(values.shape[2:]) == size:
        return values
    return interpolate(values, size, mode="bilinear", align_corners=False)
