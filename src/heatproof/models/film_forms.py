"""The forms in which libraries take a film: what a user's own transform is called with.

heatproof reads films as float32 in [0, 1]; Pillow, albumentations, MONAI and torchxrayvision each
want something else.  A form is named in ``takes``, or follows from the library that a transform
comes from.
"""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from heatproof.data.interpolations import stored
from heatproof.errors import ModelError, near_misses

Takes = Literal["film", "grey", "rgb", "bytes", "channel_first", "xray"]
Film = Float[np.ndarray, "h w"]
_FROM = {
    "torchvision": "rgb",
    "timm": "rgb",
    "albumentations": "bytes",
    "monai": "channel_first",
    "torchxrayvision": "xray",
}
_AXES = 3
_MOST_CHANNELS = 4


def form_of(transform: Callable[..., Any], takes: str | None) -> Takes:
    """The form in which a transform takes films; raises ModelError for an unknown one."""
    form: Any = takes or next((_FROM[name] for name in _libraries(transform) if name in _FROM), "")
    form = form or "film"
    if form not in get_args(Takes):
        raise ModelError(f"takes = {form!r}; {near_misses(form, get_args(Takes))}")
    return form  # type: ignore[no-any-return]  # it is one of them


def called(transform: Callable[..., Any], form: Takes, film: Film) -> Any:
    """What a transform gives for a film in [0, 1].

    Args:
        transform: The user's.
        form: ``"film"`` is the film itself, float32 ``h w`` in [0, 1]; ``"grey"`` and ``"rgb"``
            are Pillow images of 8 bits; ``"bytes"`` is ``transform(image=...)`` with uint8 ``h w
            3``; ``"channel_first"`` is float32 ``1 h w`` from 0 to 255; ``"xray"`` the same from
            -1024 to 1024.
        film: The film.
    """
    match form:
        case "film":
            return transform(film)
        case "grey":
            return transform(Image.fromarray(stored(film, 8)))
        case "rgb":
            return transform(Image.fromarray(stored(film, 8)).convert("RGB"))
        case "bytes":
            return transform(image=np.repeat(stored(film, 8)[:, :, None], 3, axis=2))
        case "channel_first":
            return transform(np.rint(film[None] * 255).astype(np.float32))
        case "xray":
            return transform((film[None] * 2 - 1) * 1024)


def as_input(given: Any) -> Float[Tensor, "c y x"]:
    """What a transform gave, as the input of a network; raises ModelError."""
    if isinstance(given, dict) and "image" in given:
        given = given["image"]
    if isinstance(given, np.ndarray):
        given = torch.from_numpy(np.ascontiguousarray(given))
    if not isinstance(given, Tensor):
        raise ModelError(
            f"the transform gives {type(given).__name__}; expected a tensor c y x, so end it with"
            " ToTensor, ToTensorV2 or the like"
        )
    if given.ndim != _AXES or given.shape[0] > _MOST_CHANNELS:
        raise ModelError(
            f"the transform gives shape {tuple(given.shape)}; expected channels, height, width. Are"
            " the channels last, or is there an axis of the batch? End it with ToTensor,"
            " ToTensorV2 or the like"
        )
    # Libraries give tensors of classes of their own.
    return given.detach().as_subclass(Tensor).to("cpu", torch.float32).contiguous()


def _libraries(transform: Callable[..., Any]) -> list[str]:
    """The packages that a transform comes from; of torchvision's Compose, its first part first."""
    parts = getattr(transform, "transforms", None)
    first = [parts[0]] if isinstance(parts, list | tuple) and parts else []
    return [type(part).__module__.partition(".")[0] for part in (*first, transform)]
