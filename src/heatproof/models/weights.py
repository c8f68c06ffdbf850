"""Weights on disk: read without running code, told apart by content.

A state dict is a safetensors file or what ``torch.save`` writes; the latter is read with
``weights_only=True``, so that a file can hold tensors and nothing else.
"""

import hashlib
import pickle
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from heatproof.disk import is_file
from heatproof.errors import ModelError, read_by_a_library


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name.

    Raises:
        ModelError: No such file, not a state dict, damaged, or holding more than tensors.
    """
    if not is_file(path):
        raise ModelError(f"{path}: no such weights file")
    with read_by_a_library(ModelError, f"{path}: not a whole weights file"):
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise ModelError(
                f"{path}: cannot be read as tensors alone; a whole pickled model could run any"
                " code, so save model.state_dict() instead"
            ) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]  # as Lightning and many training scripts nest it
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ModelError(f"{path}: holds no state dict (names to tensors)")
    return state


def checksum(path: Path) -> str:
    """SHA-256 of a file, which stands for its weights in a ``ModelId``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
