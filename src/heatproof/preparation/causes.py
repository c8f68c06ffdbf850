"""Likely causes of outputs that are not those that a model's owner saw.

A cause changes one thing: how films are resampled, placed, scaled or changed first, how outputs are
read, or the mode of the network.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest
from typing import Any

import numpy as np
from torch import Tensor

from heatproof.data.geometry import Placing, Size, geometries
from heatproof.data.intensities import Intensity, intensities
from heatproof.data.interpolations import interpolations
from heatproof.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from heatproof.preparation.setups import Film, Setup

_BYTES, _DEEP, _TWELVE = 255, 65535, 4095
Read = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Cause:
    """One thing that may differ.

    Attributes:
        about: Causes of one kind exclude each other.
        words: What the owner's outputs then are, as a sentence without its end.
        cure: What to write, or to do.
        change: Makes the setup of the owner of that of heatproof.
    """

    about: str
    words: str
    cure: str
    change: Callable[[Setup], Setup]


def causes_of(setup: Setup, findings: int) -> Iterator[Cause]:
    """Every likely cause, the most likely kinds first.

    Args:
        setup: How heatproof makes outputs.
        findings: Number of outputs.
    """
    yield from _of_outputs(setup, findings)
    if isinstance(setup.preprocessing, Preprocessing):
        yield from _of_scaling(setup.preprocessing)
        yield from _of_resampling(setup.preprocessing)
        yield from _of_placing(setup.preprocessing)
    yield from _of_films()
    yield from _of_mode()


def _of_outputs(setup: Setup, findings: int) -> Iterator[Cause]:
    def reading(words: str, cure: str, read: Read) -> Cause:
        return Cause("outputs", words, cure, partial(replace, read=read))

    if setup.kind == "probabilities":
        yield reading(
            "yours are the network's own outputs, which are probabilities already",
            'say outputs = "probabilities"',
            lambda logits: logits,
        )
        yield reading(
            "yours went through a sigmoid twice",
            "the network ends in a sigmoid, or yours are those of a sigmoid of its probabilities;"
            " leave one of them out",
            lambda logits: logits.sigmoid().sigmoid(),
        )
        yield reading(
            "yours are those of a softmax over the findings",
            'the findings exclude each other; say outputs = "softmax"',
            lambda logits: logits.softmax(dim=1),
        )
    yield reading(
        "yours are those of the opposite",
        "the network says that the finding is absent: turn the sign of its logit",
        lambda logits: -logits if setup.kind == "logits" else (-logits).sigmoid(),
    )
    for first in range(findings):
        for second in range(first + 1, findings):
            order = list(range(findings))
            order[first], order[second] = second, first
            yield Cause(
                "order",
                f"outputs {first + 1} and {second + 1} are exchanged",
                "bring findings into the order of the network's outputs",
                partial(_exchanged, order=order),
            )


def _exchanged(setup: Setup, order: Sequence[int]) -> Setup:
    def sigmoid(logits: Tensor) -> Tensor:
        return logits.sigmoid() if setup.kind == "probabilities" else logits

    read = setup.read or sigmoid
    return replace(setup, read=lambda logits: read(logits)[:, list(order)])


def _of_scaling(ours: Preprocessing) -> Iterator[Cause]:
    def scaled(words: str, cure: str, **changes: Any) -> Cause:
        return _changed("scaling", words, cure, **changes)

    none: dict[str, Any] = {"mean": (0.0,), "std": (1.0,)}
    yield scaled("your films are not normalized", "mean = [0], std = [1]", **none)
    if ours.channels == len(IMAGENET_MEAN):
        yield scaled(
            "your films are normalized by ImageNet's mean and deviation",
            f"mean = {list(IMAGENET_MEAN)}, std = {list(IMAGENET_STD)}",
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
        )
    half: dict[str, Any] = {"mean": (0.5,), "std": (0.5,)}
    yield scaled("your films lie between -1 and 1", "mean = [0.5], std = [0.5]", **half)
    if len(ours.mean) > 1:
        yield scaled(
            "your channels are in the order BGR",
            f"mean = {list(ours.mean[::-1])}, std = {list(ours.std[::-1])}",
            mean=ours.mean[::-1],
            std=ours.std[::-1],
        )
    for spec, words in {
        "to_range(low=0.0, high=255.0)": "your films are bytes, not divided by 255",
        "to_range(low=-1024.0, high=1024.0)": "your films lie between -1024 and 1024",
        "z_score": "your films are normalized by their own mean and deviation",
        "min_max": "your films are scaled to their own range",
        "percentiles": "your films are scaled to their own percentiles 1 and 99",
    }.items():
        after: tuple[Intensity, ...] = (intensities.parse(spec),)
        yield scaled(words, f'after = ["{spec}"], mean = [0], std = [1]', after=after, **none)
        if spec not in {"z_score", "to_range(low=-1024.0, high=1024.0)"}:
            yield scaled(f"{words}, before mean and std", f'after = ["{spec}"]', after=after)


def _of_resampling(ours: Preprocessing) -> Iterator[Cause]:
    if not isinstance(ours.geometry, Placing):
        return
    for spec in _interpolations():
        interpolation = interpolations.parse(spec)
        if interpolation == ours.geometry.interpolation:
            continue
        geometry = ours.geometry.resampled_by(interpolation)
        yield _changed(
            "resampling",
            f"your films are resampled by {spec}",
            f'geometry = "{geometries.spec(geometry)}"',
            geometry=geometry,
        )


def _interpolations() -> list[str]:
    """The usual interpolations of every library: of each its first, then of each its second."""
    classes = [interpolations.part_class(name) for name in interpolations.names()]
    usual = [part.usual for part in classes]
    return [spec for round_ in zip_longest(*usual) for spec in round_ if spec is not None]


def _of_placing(ours: Preprocessing) -> Iterator[Cause]:
    for words, place in _usual(ours.size):
        if type(place) is type(ours.geometry):
            continue
        yield Cause(
            "placing",
            f"your films are {words}",
            f'geometry = "{geometries.spec(place)}"',
            # The interpolation is that of the other causes.
            partial(_placed, place=place),
        )


def _usual(canvas: Size) -> Iterator[tuple[str, Placing]]:
    """The usual geometries of every kind: what films then are, and the part."""
    for name in geometries.names():
        part = geometries.part_class(name)
        if issubclass(part, Placing):
            yield from part.usual(canvas)


def _placed(setup: Setup, place: Placing) -> Setup:
    ours: Any = setup.preprocessing
    if isinstance(ours.geometry, Placing):
        place = place.resampled_by(ours.geometry.interpolation)
    return replace(setup, preprocessing=replace(ours, geometry=place))


def _of_films() -> Iterator[Cause]:
    changes: list[tuple[str, str, Callable[[Film], Film]]] = [
        ("inverted", 'before = ["invert"], or photometric of the data', lambda film: 1 - film),
        (
            "bytes divided by 65535",
            f'before = ["to_range(low=0.0, high={_BYTES / _DEEP:.6f})"]',
            lambda film: film * np.float32(_BYTES / _DEEP),
        ),
        (
            "films of 12 bits divided by 4095",
            "maximum = 4095 of the data",
            lambda film: np.clip(film * np.float32(_DEEP / _TWELVE), 0, 1),
        ),
        ("mirrored", "mirror the films and their marks", lambda film: film[:, ::-1].copy()),
        ("turned over", "turn the films and their marks", lambda film: film[::-1].copy()),
        ("transposed", "transpose the films and their marks", lambda film: film.T.copy()),
    ]
    changes += [
        (f"equalized by {spec}", f'before = ["{spec}"]', intensities.parse(spec))
        for spec in ("clahe", "clahe(clip=4.0)", "clahe(clip=40.0)", "equalize")
    ]
    for words, cure, change in changes:
        yield Cause("films", f"your films are {words}", cure, partial(replace, film=change))


def _of_mode() -> Iterator[Cause]:
    for how, words in {"together": "all films at once", "alone": "one film at a time"}.items():
        yield Cause(
            "mode",
            f"yours come from the network in training mode, {words}",
            "call network.eval() where you make them: in training mode they depend on the batch",
            partial(replace, training=how),
        )


def _changed(about: str, words: str, cure: str, **changes: Any) -> Cause:
    """A cause that lies in the preprocessing."""

    def change(setup: Setup) -> Setup:
        ours: Any = setup.preprocessing
        return replace(setup, preprocessing=replace(ours, **changes))

    return Cause(about, words, cure, change)
