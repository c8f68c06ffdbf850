"""``wrap``: a model of a network that is at hand."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from heatproof.data.geometry import Squash
from heatproof.errors import ModelError
from heatproof.models.adapter import Adapted
from heatproof.models.own_transform import AnyPreprocessing, OwnTransform
from heatproof.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from heatproof.types import Outputs

Level = int | float | Sequence[float]


def wrap(
    network: nn.Module,
    findings: Sequence[str] | str,
    preprocessing: AnyPreprocessing | Callable[..., Any] | None = None,
    *,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    mean: Level | None = None,
    std: Level | None = None,
    features: str | None = "auto",
    outputs: Outputs = "logits",
    output: int | str | None = None,
) -> Adapted:
    """A model of a network, to be explained, judged and put to trust.

    Args:
        network: Maps images (n c h w) to one output per finding; it is not changed.
        findings: Names of its outputs, in order; ``""`` for those that nobody asks about.
        preprocessing: What the images have gone through: a ``Preprocessing``, or any transform of
            torchvision, timm, albumentations or MONAI, or a function of yours (see
            ``OwnTransform``).  Instead of it, films can be stretched to a size and scaled, by
            the next four:
        size: Height and width of the input, or one number for both.
        channels: 1 or 3; None for what the first layer takes.
        mean: Subtracted from images in [0, 1]: one number, or one a channel, such as
            ``heatproof.IMAGENET_MEAN``.
        std: Divided by, likewise, such as ``heatproof.IMAGENET_STD``.
        features: Dotted name of the layer whose output are the features, ``"auto"`` for the last
            that gives a grid, None for methods that need none.
        outputs: ``"logits"``, ``"probabilities"`` of a network that ends in a sigmoid, or
            ``"softmax"`` for logits of classes that exclude each other.
        output: Index, key or attribute of the logits, where the network returns several tensors.

    Raises:
        ModelError: It does not say how films are scaled, or the network cannot be explained.

    Example:
        >>> import heatproof, torch
        >>> network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(),
        ...     torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 2))
        >>> heatproof.wrap(network, ["Nodule", "Effusion"], size=32, mean=0.5, std=0.25).features
        '1'
    """
    names = (findings,) if isinstance(findings, str) else tuple(findings)
    if preprocessing is None:
        preprocessing = _scaling(network, size, channels, mean, std)
    elif (size, channels, mean, std) != (None, None, None, None):
        raise ModelError("give either preprocessing, or size, channels, mean and std")
    if not isinstance(preprocessing, AnyPreprocessing):
        preprocessing = OwnTransform(preprocessing)
    return Adapted(network, features, names, preprocessing, outputs, output)


def _scaling(
    network: nn.Module,
    size: int | tuple[int, int] | None,
    channels: int | None,
    mean: Level | None,
    std: Level | None,
) -> Preprocessing:
    if size is None or mean is None or std is None:
        lacking = [
            name for name, value in (("size", size), ("mean", mean), ("std", std)) if value is None
        ]
        # A guess here would explain another classifier than the user's.
        raise ModelError(
            f"{' and '.join(lacking)}: how does a film become the input of this network? Say it as"
            f" it was trained: size=224, mean={IMAGENET_MEAN}, std={IMAGENET_STD} for most networks"
            " of timm and torchvision; mean=0, std=1 where images stay in [0, 1]"
        )
    height, width = (size, size) if isinstance(size, int) else size
    count = channels or _channels(network)
    return Preprocessing(Squash(height, width), count, _levels(mean), _levels(std))


def _levels(level: Level) -> tuple[float, ...]:
    return (float(level),) if isinstance(level, int | float) else tuple(map(float, level))


def _channels(network: nn.Module) -> int:
    first = next((m for m in network.modules() if isinstance(m, nn.Conv2d)), None)
    if first is None:
        raise ModelError("channels: the network has no convolution to tell it; say 1 or 3")
    return first.in_channels
