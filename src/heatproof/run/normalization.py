"""Were films normalized otherwise in training?  The first batch norm is asked, without labels."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from heatproof.data.intensities import intensities
from heatproof.models import Model
from heatproof.models.batch_statistics import divergence
from heatproof.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from heatproof.models.still import held_still
from heatproof.preparation.setups import Film

_FAR = 0.3  # six times what trained networks have on films of others; benchmarks/normalization.py
_NEARER = 0.25  # share of that which another normalization has to reach


def normalization_warning(model: Model, films: Sequence[Film]) -> str:
    """What the first batch norm says of a few films; empty where it says nothing.

    Args:
        model: Any; of one without batch norm nothing is said.
        films: In [0, 1].
    """
    ours = model.preprocessing
    if not films or not isinstance(ours, Preprocessing):
        return ""
    found = _divergence(model, ours, films)
    if found is None or found < _FAR:
        return ""
    others = {words: _divergence(model, other, films) for words, other in _others(ours).items()}
    words, nearest = min(others.items(), key=lambda pair: pair[1] or 0.0)
    if nearest is None or nearest > _NEARER * found:
        return ""
    return (
        "What the first batch norm remembers of the training is not what it gets here (divergence"
        f" {found:.2g}); with {words} it is {nearest:.2g}. Was the network trained with"
        " that?"
    )


def _divergence(model: Model, preprocessing: Preprocessing, films: Sequence[Film]) -> float | None:
    images = torch.stack([preprocessing.tensor(film) for film in films])
    device = next((weight.device for weight in model.parameters()), images.device)
    with held_still(model):
        return divergence(model, images.to(device))


def _others(ours: Preprocessing) -> dict[str, Preprocessing]:
    """Usual normalizations, as they would be written."""
    plain = replace(ours, mean=(0.0,), std=(1.0,), after=())
    others = {
        "mean = [0], std = [1]": plain,
        "mean = [0.5], std = [0.5]": replace(plain, mean=(0.5,), std=(0.5,)),
    }
    if ours.channels == len(IMAGENET_MEAN):
        words = f"mean = {list(IMAGENET_MEAN)}, std = {list(IMAGENET_STD)}"
        others[words] = replace(plain, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    for spec in ("to_range(low=0.0, high=255.0)", "to_range(low=-1024.0, high=1024.0)", "z_score"):
        words = f'after = ["{spec}"], mean = [0], std = [1]'
        others[words] = replace(plain, after=(intensities.parse(spec),))
    return others
