"""PyTorch: a tensor per file, or a dictionary of tensors, written by ``torch.save``.

https://docs.pytorch.org/docs/stable/generated/torch.load.html.  Files of ``torch.save`` are
pickles, which can run any program; they are read with ``weights_only=True``, which makes tensors
and plain containers alone.
"""

import pickle
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from heatproof.errors import MapError, UnsafePickleError, read_by_a_library
from heatproof.maps.arrays import NamedArrays, StoredArray, files_below
from heatproof.maps.importers import importers


@importers.register("torch")
@dataclass(frozen=True)
class TorchTensors(NamedArrays):
    """Tensors ``y x``, or ``k y x`` of several findings.

    Attributes:
        pattern: How the files are named, from any folder on; ``{image_id}.pt/{finding}`` where
            each holds a dictionary of tensors by finding.
        findings: Names of the layers of each tensor, in order; the pattern then says the film
            alone.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".pt", ".pth")
    pattern: str = "{image_id}_{finding}.pt"
    findings: tuple[str, ...] = ()

    def _arrays(self, folder: Path) -> Iterator[StoredArray]:
        holds_several = re.search(r"\.pth?/", self.pattern) is not None
        for file, name in files_below(folder, self.suffixes):
            # The keys of a dictionary are known once the file is read, which plain tensors spare.
            for key in _keys(file) if holds_several else ("",):
                yield StoredArray(
                    file, f"{name}/{key}" if key else name, partial(_array, file, key)
                )


def _keys(file: Path) -> list[str]:
    content = _loaded(file)
    if not isinstance(content, Mapping):
        raise MapError(
            f"{file} holds a {type(content).__name__}, expected a dictionary of tensors; leave"
            " /... at the end of pattern=... out where a file is one tensor"
        )
    return [str(key) for key in content]


def _array(file: Path, key: str) -> np.ndarray:
    content = _loaded(file)
    if key and isinstance(content, Mapping):
        content = {str(name): value for name, value in content.items()}.get(key)
    if not isinstance(content, Tensor):
        named = list(content)[:4] if isinstance(content, Mapping) else []
        keys = f" of {', '.join(map(repr, named))}" if named else ""
        raise MapError(
            f"{file} holds a {type(content).__name__}{keys}, expected a tensor; for a dictionary of"
            " tensors by finding say pattern='{image_id}.pt/{finding}'"
        )
    if content.layout is not torch.strided or content.is_complex() or content.is_meta:
        raise MapError(
            f"{file} holds a sparse or complex tensor, or one without values; expected plain"
            " numbers"
        )
    plain = content.detach().dequantize() if content.is_quantized else content.detach()
    # A map is kept in 32 bits, and NumPy has none of the narrow floats of PyTorch.
    array: np.ndarray = (plain.float() if plain.is_floating_point() else plain).numpy()
    return array


def _loaded(file: Path) -> Any:
    with read_by_a_library(MapError, f"{file} is no file of torch.save, or cut short"):
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            asked = re.search(r"GLOBAL (\S+)", str(error))
            if asked is None:  # torch's words advise to read the file without care
                raise MapError(f"{file} is no file of torch.save, or cut short") from error
            raise UnsafePickleError(
                f"{file} asks for {asked[1]}, which is no tensor: loading the file could run any"
                " program; save the tensors alone"
            ) from error
