"""What a function of the user's makes, or the function itself, wherever its code lies."""

import importlib
import importlib.util
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from heatproof.errors import ModelError, near_misses

_OURS = Path(__file__).parents[1]
_PYTHON = Path(sysconfig.get_path("stdlib"))


def load_module(source: str, **options: Any) -> nn.Module:
    """A user's network from a function of theirs, such as ``"models/chest.py:densenet"``.

    Args:
        source: ``path/to/file.py:function`` or ``package.module:function``.
        options: Passed to the function.

    Raises:
        ModelError: No such file, module or function, or it gives no network of float32 weights.
    """
    function = load_function(source)
    try:
        network = function(**options)
    except Exception as error:  # whatever the user's own function runs into
        raise ModelError(
            f"{source} failed with {type(error).__name__}: {error}"
            f" (called with {options or 'no options'}){place_of(error)}"
        ) from error
    if not isinstance(network, nn.Module):
        raise ModelError(f"{source} gives {type(network).__name__}; expected a torch.nn.Module")
    check_precision(network, torch.float32)  # which films are read as
    return network


def load_function(source: str) -> Callable[..., Any]:
    """A function of the user's, or anything else that can be called.

    Args:
        source: ``path/to/file.py:function`` or ``package.module:function``.

    Raises:
        ModelError: No such file, module or function.
    """
    place, colon, name = source.rpartition(":")
    if not colon or not name.isidentifier():
        raise ModelError(
            f"cannot read {source!r}; expected path/to/file.py:function or package.module:function"
        )
    return _function(_module(place), name, place)


def _module(place: str) -> ModuleType:
    if not place.endswith(".py"):
        try:
            return importlib.import_module(place)
        except ImportError as error:
            raise ModelError(f"cannot import {place!r}: {error}") from error
    path = Path(place)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise ModelError(f"{path.absolute()}: no such file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's own file runs into
        told = f"{type(error).__name__}: {error}{place_of(error)}"
        raise ModelError(f"{path}: cannot be imported: {told}") from error
    return module


def place_of(error: BaseException) -> str:
    """The last line of code of the user's own at which an error was raised, or which led to it.

    Whatever belongs to Python, to heatproof or to an installed package is not theirs.

    Returns:
        A line such as ``chest.py:12: self.load_state_dict(state)``; empty where there is none.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"\n  {error.filename}:{error.lineno}: {(error.text or '').strip()}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        others = (_OURS, _PYTHON)
        installed = "site-packages" in file.parts or "dist-packages" in file.parts
        if file.is_file() and not installed and not any(map(file.is_relative_to, others)):
            return f"\n  {file}:{frame.lineno}: {frame.line}"
    return ""


def _function(module: ModuleType, name: str, place: str) -> Callable[..., Any]:
    function = getattr(module, name, None)
    if not callable(function):
        functions = [key for key, value in vars(module).items() if callable(value)]
        raise ModelError(f"{place} has no function {name!r}; {near_misses(name, functions)}")
    return function  # type: ignore[no-any-return]


def check_precision(network: nn.Module, *allowed: torch.dtype) -> None:
    """Raises ModelError where a network has weights of another precision."""
    kinds = {weight.dtype for weight in network.parameters() if weight.is_floating_point()}
    for kind in kinds - {*allowed}:
        raise ModelError(
            f"{type(network).__name__} has weights of {kind}; expected float32, so return"
            " network.float()"
        )
