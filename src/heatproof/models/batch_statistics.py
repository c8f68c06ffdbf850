"""Does a network get what it was trained on?  Its first batch norm remembers.

Batch norm keeps mean m and variance s of each channel over the images that trained it.  How far the
images at hand are from these is the Kullback-Leibler divergence of two normal distributions,

    (v / s + (a - m)^2 / s - 1 - ln(v / s)) / 2,

with their own mean a and variance v; the median over channels.  It needs no labels.  Of a
MobileNetV2 and 8 radiographs it was .04 to .05 as trained, .66 to .73 without the normalization,
and above 1,000 for bytes that were not divided by 255; that was tried by hand, on one architecture.
``benchmarks/normalization.py`` measures it: of five architectures with random weights that learned
their statistics on phantoms it was at most .008 as trained; .43 or more, of four of them, under any
other usual normalization where training had used [0, 1] or [-1, 1]; and .07 to .13 for the nearest
other where it had used ImageNet's, which is too much alike to be told apart by it.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from heatproof.models import Model


class _Reached(BaseException):  # no error, and no network's own ``except`` catches it
    """Ends a pass at the first batch norm."""


def divergence(model: Model, images: Float[Tensor, "n c h w"]) -> float | None:
    """The divergence of images from those that trained a model; None without batch norm.

    Args:
        model: In evaluation mode.
        images: As it gets them.
    """
    layers = [
        layer
        for layer in model.modules()
        if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None
    ]
    seen: list[float] = []

    def compare(layer: Any, inputs: tuple[Any, ...]) -> None:
        values = inputs[0].double()
        mean, variance = layer.running_mean.double(), layer.running_var.double() + layer.eps
        ratio = (values.var((0, 2, 3)) + layer.eps) / variance
        away = (values.mean((0, 2, 3)) - mean) ** 2 / variance
        seen.append(float(((ratio + away - 1 - ratio.log()) / 2).median()))
        raise _Reached

    handles = [layer.register_forward_pre_hook(compare) for layer in layers]
    try:
        with torch.no_grad():
            model(images)
    except _Reached:
        pass
    finally:
        for handle in handles:
            handle.remove()
    return seen[0] if seen else None
