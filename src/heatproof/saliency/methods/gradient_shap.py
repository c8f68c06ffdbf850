"""Gradient SHAP: integrated gradients, averaged over random baselines by random points.

    M = mean over i = 1..samples of (x_i - b_i) * dy/dx (b_i + a_i (x_i - b_i)), summed over
    channels;  x_i = x + e_i,  e_i ~ N(0, sigma^2) per pixel and channel,  a_i ~ U(0, 1),
    b_i drawn from the background with replacement;  sigma = noise * (max x - min x).

Lundberg & Lee, NeurIPS 2017, https://arxiv.org/abs/1705.07874; without noise, and with the training
images as the background, these are the expected gradients of Erion et al., Nature Machine
Intelligence 2021, https://arxiv.org/abs/1906.10670.  As Captum's ``GradientShap``, whose deviation
is absolute.

An estimate of Shapley values where features are independent and the network is linear between b and
x; pixels are neither.  Completeness, that the map sums to y(x) minus the mean y of the background,
holds on average only: the residual, against the baselines that were drawn, is reported and not
judged.  Every image gets the same draws, on every device.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.errors import MapError, SpecError
from heatproof.models.own_transform import AnyPreprocessing
from heatproof.saliency import Kind, Maps, Need, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.saliency.methods.integrated_gradients import Baseline, baselines

FILM_AXES = 3  # of an array of films: n h w


@methods.register("gradient_shap")
@dataclass(frozen=True)
class GradientShap:
    """Signed, at the resolution of the input.

    Attributes:
        samples: Points at which gradients are taken.
        baseline: The background, as for ``integrated_gradients``.
        background: Instead, a ``.npy`` file of films in [0, 1] (``n h w``), such as some
            training images; they are preprocessed as the model's are.
        noise: Standard deviation, as a share of the range of the image.
        seed: Seed of noise, points and draws.
    """

    samples: int = 50
    baseline: Baseline = "black_and_white"
    background: Path | None = None
    noise: float = 0.0
    seed: int = 0
    title: ClassVar[str] = "Gradient SHAP"
    kind: ClassVar[Kind] = "path"
    needs: ClassVar[Need] = "input gradients"

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise SpecError(f"samples={self.samples}; gradient_shap needs at least 1")
        if not 0 <= self.noise < float("inf"):
            raise SpecError(
                f"noise={self.noise}; expected a share of the range of the image, such as 0.09"
            )

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        """One map per image and target, with its residual.

        Raises:
            MapError: The background cannot be read.
        """
        images, chosen = forward.images, list(targets)
        # A generator of the CPU gives the same draws on every device.
        generator = torch.Generator().manual_seed(self.seed)
        points = torch.rand(self.samples, generator=generator).to(images)
        # Fractions, so that what is drawn does not depend on the size of the background.
        draws = torch.rand(self.samples, generator=generator)
        noise = torch.zeros(())
        # Noise is drawn last, so that points and draws are the same with and without it.
        if self.noise:
            noise = torch.randn(self.samples, *images.shape[1:], generator=generator)
        noise = self.noise * noise.to(images)
        preprocessing = forward.model.preprocessing
        if self.background is not None:
            starts = _read(self.background, preprocessing).to(images)
            logits = _logits(forward, starts)
        maps, rises = [], []
        # Image by image: the map must not depend on what else is in the batch.
        for image, logit in zip(images, forward.logits, strict=True):
            if self.background is None:
                starts = baselines(self.baseline, image, preprocessing)
                logits = _logits(forward, starts)
            picked = (draws * len(starts)).long().to(images.device)
            ends = image + (image.max() - image.min()) * noise
            maps.append(_mean(forward, starts[picked], ends, points, chosen))
            rises.append((logit - logits[picked].mean(dim=0))[chosen])
        values, rise = torch.stack(maps), torch.stack(rises)
        return Maps(values, (values.sum(dim=(2, 3)) - rise) / rise.abs())


def _mean(
    forward: ForwardPass,
    starts: Float[Tensor, "m c h w"],
    ends: Float[Tensor, "*m c h w"],
    points: Float[Tensor, " m"],
    targets: Sequence[int],
) -> Float[Tensor, "k h w"]:
    """The maps of one image."""
    ways = ends - starts
    path = starts + points.view(-1, 1, 1, 1) * ways
    batch = forward.at_once(differentiated=True)
    total = starts.new_zeros(len(targets), *starts.shape[2:])
    for images, way in zip(torch.split(path, batch), torch.split(ways, batch), strict=True):
        total += torch.einsum("mchw,mkchw->khw", way, forward.over(images).input_gradients(targets))
    return total / len(points)


def _logits(forward: ForwardPass, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b findings"]:
    batch = forward.at_once(differentiated=False)
    return torch.cat([forward.over(chunk).logits for chunk in torch.split(images, batch)])


def _read(path: Path, preprocessing: AnyPreprocessing) -> Float[Tensor, "b c h w"]:
    try:
        films = np.load(path)
    except (OSError, ValueError) as error:
        raise MapError(f"background {path}: cannot read it as a .npy file ({error})") from error
    shape = films.shape
    if len(shape) != FILM_AXES or not len(films) or films.dtype.kind != "f":
        raise MapError(
            f"background {path} holds {films.dtype} of shape {shape}; expected floats of"
            " films x height x width, with values from 0 to 1"
        )
    return torch.stack([preprocessing.tensor(pixels) for pixels in films])
