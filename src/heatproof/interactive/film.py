"""A film in whatever form it is at hand, and what a model sees of it."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from heatproof.data.decoding.dicom import grey
from heatproof.data.decoding.levels import Levels
from heatproof.data.geometry import FILM, Geometry
from heatproof.data.pixels import ArrayPixels, ImageFile
from heatproof.errors import PixelError
from heatproof.models import Model
from heatproof.types import Pixels, Sample

Film = Any
"""A path, ``Sample``, ``Pixels``, array, tensor, ``PIL.Image`` or ``pydicom.Dataset``; see
``seen_by``."""
_PLANE = 2  # axes of a film


@dataclass(frozen=True)
class SeenFilm:
    """A film, and what a model sees of it.

    Attributes:
        name: What it is called: the name of its file, or its identifier.
        pixels: The film in [0, 1], dense tissue bright.
        image: The input of the network.
        geometry: Brings a map over the input back to the film.
        spacing: Millimetres from pixel to pixel of the film, down and across; None where unknown.
    """

    name: str
    pixels: Float[np.ndarray, "h w"]
    image: Float[Tensor, "1 c y x"]
    geometry: Geometry
    spacing: tuple[float, float] | None = None


def seen_by(model: Model, film: Film) -> SeenFilm:
    """A film as the model's preprocessing shows it to the network.

    Args:
        model: Any model; its preprocessing is used.
        film: The path of a PNG, JPEG, TIFF or DICOM file; a ``Sample`` of a data set or its
            ``Pixels``; a ``PIL.Image``; a ``pydicom.Dataset``; an array or tensor of two axes:
            unsigned integers are divided by the largest of their type, floats lie in [0, 1].  A
            tensor with a channel axis (``c y x`` or ``1 c y x``) is taken for the input of the
            network itself, preprocessed by you; it stands for the film then.

    Raises:
        PixelError: The film cannot be read, is no film, or does not have the network's size.
    """
    if isinstance(film, Tensor) and film.ndim > _PLANE:
        return _of_input(model, film)
    name, source = source_of(film)
    pixels = source.read()
    preprocessing = model.preprocessing
    image = preprocessing.tensor(pixels)[None]
    return SeenFilm(name, pixels, image, preprocessing.geometry, source.spacing())


def is_one(films: Any) -> bool:
    """Whether this is a film, and not several of them."""
    if isinstance(films, np.ndarray | Tensor):
        return films.ndim == _PLANE
    # A pydicom dataset is iterable, too.
    single = (str, PathLike, Sample, Pixels, Image.Image, pydicom.Dataset)
    return isinstance(films, single)


def source_of(film: Film) -> tuple[str, Pixels]:
    """What a film is called, and its pixels, unread where it is a file; raises PixelError."""
    if isinstance(film, str | PathLike):
        path = Path(film)
        return path.name, ImageFile(path)
    if isinstance(film, Sample):
        return film.image_id, film.pixels
    if isinstance(film, pydicom.Dataset):
        return str(film.get("SOPInstanceUID", "film")), ArrayPixels(grey(film, Levels()))
    if isinstance(film, Image.Image):
        deep = film.mode.startswith(("I", "F"))
        return "film", ArrayPixels(_in_unit(np.asarray(film if deep else film.convert("L"))))
    if isinstance(film, np.ndarray | Tensor):
        return "film", ArrayPixels(_in_unit(np.asarray(film)))
    if isinstance(film, Pixels):
        return "film", film
    raise PixelError(
        f"{type(film).__name__} is no film; expected the path of a file, a Sample, an array (h w),"
        " a tensor, a PIL image or a pydicom dataset"
    )


def _in_unit(values: np.ndarray) -> Float[np.ndarray, "h w"]:
    if values.ndim != _PLANE:
        raise PixelError(
            f"an array of shape {values.shape} is no film; expected height x width: take one"
            " channel, or give a tensor (c y x) if it is preprocessed already"
        )
    if values.dtype == bool or values.dtype.kind == "u":
        largest = 1 if values.dtype == bool else np.iinfo(values.dtype).max
        return values.astype(np.float32) / np.float32(largest)
    if values.dtype.kind != "f":
        raise PixelError(
            f"an array of {values.dtype} does not say which value is white; divide it by the"
            " largest that its source can hold (4095 of 12 bits)"
        )
    return values.astype(np.float32)


def _of_input(model: Model, tensor: Tensor) -> SeenFilm:
    image = tensor[None] if tensor.ndim == _PLANE + 1 else tensor
    expected = (1, model.preprocessing.channels, *model.preprocessing.size)
    if tuple(image.shape) != expected:
        raise PixelError(
            f"a tensor of shape {tuple(tensor.shape)} is no input of this model; expected"
            f" {expected[1:]}. A film that is not preprocessed has two axes; several films are"
            " explained one by one, or with heatproof.attribute"
        )
    image = image.detach().to(torch.float32)
    plane = image[0].mean(0).cpu().numpy()
    low, high = float(plane.min()), float(plane.max())
    shown = (plane - low) / (high - low) if high > low else np.zeros_like(plane)
    return SeenFilm("input", shown, image, FILM)
