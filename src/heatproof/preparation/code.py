"""Which code an experiment may run: an experiment file is code, and this is what it may name.

A file of the folder in which the experiment lies, which its reader has at hand; or a function (or
class) of an installed package that says of itself that it gives a network: it is a class of
``nn.Module``, or is annotated to return one.  So no file can call ``os:system``.  A transform of a
package is an object that can be called, such as what a library composed, or a function annotated to
return an array or a tensor; a class is neither.
"""

import importlib
import importlib.util
import inspect
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from heatproof.disk import is_file
from heatproof.errors import ExperimentError, near_misses


def check_code(folder: Path, module: str) -> None:
    """Refuse code that an experiment may not name; runs nothing but imports of the package named.

    Args:
        folder: Where the relative paths of the experiment start.
        module: ``file.py:function`` or ``package.module:function``.

    Raises:
        ExperimentError: It is neither of both, or is not there.
    """
    _check(
        folder,
        module,
        _gives_network,
        "gives a network: it is no class of torch.nn.Module, and is not annotated to return one",
    )


def check_transform(folder: Path, transform: str) -> None:
    """Refuse a transform that an experiment may not name; see ``check_code``."""
    _check(
        folder,
        transform,
        _gives_pixels,
        "gives pixels: it is no object that can be called, and no function or method that is"
        " annotated to return an array or a tensor",
    )


def _check(folder: Path, source: str, allows: Callable[[Any], bool], lacking: str) -> None:
    place, _, name = source.rpartition(":")
    if place.endswith(".py"):
        _check_beside(folder, place)
    else:
        _check_declared(place, name, allows, lacking)


def _check_beside(folder: Path, place: str) -> None:
    path = folder / place
    if not is_file(path):
        raise ExperimentError(f"{place!r}: there is no file {path}")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ExperimentError(
            f"{place!r} lies outside {folder.resolve()}, the folder of the experiment; an"
            " experiment runs code beside it alone. Copy the file there, or install it as a package"
        )


def _check_declared(place: str, name: str, allows: Callable[[Any], bool], lacking: str) -> None:
    try:
        module = importlib.import_module(place)
    except Exception as error:  # whatever a package runs into
        raise ExperimentError(
            f"'{place}:{name}': cannot import {place!r}: {error}; expected file.py:function"
            " beside the experiment, or package.module:function of an installed package"
        ) from error
    function = getattr(module, name, None)
    if function is None:
        raise ExperimentError(
            f"{place} has no function {name!r}; {near_misses(name, vars(module))}"
        )
    if not allows(function):
        raise ExperimentError(
            f"{place}:{name} does not say that it {lacking}. An experiment calls nothing else of an"
            " installed package; write a file beside the experiment whose function calls it"
        )


def _gives_network(function: Any) -> bool:
    if inspect.isclass(function):
        return issubclass(function, nn.Module)
    return _returns(function, nn.Module)


def _gives_pixels(transform: Any) -> bool:
    if inspect.isroutine(transform):
        return _returns(transform, np.ndarray, Tensor)
    return callable(transform) and not inspect.isclass(transform)


def _returns(function: Any, *kinds: type) -> bool:
    try:
        returned = typing.get_type_hints(function).get("return")
    except Exception:  # an annotation that cannot be resolved is none
        return False
    return inspect.isclass(returned) and issubclass(returned, kinds)
