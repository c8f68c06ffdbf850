"""The saliency maps of CheXlocalize: one pickle per image and finding, read without trusting it.

Saporta et al. 2022, https://doi.org/10.1038/s42256-022-00536-x; the format is described at
https://github.com/rajpurkarlab/cheXlocalize.  CheXpert's Lung Opacity is Airspace Opacity here.
The file ``{image_id}_{finding}_map.pkl`` holds a dict: ``map`` (float tensor 1 1 y x, not
normalized), ``prob`` (a float, or 14 in the order of ``HEAD``), ``task``, ``gt`` (0 or 1),
``cxr_img`` (tensor 3 y x), ``cxr_dims`` (**width, height**).

Unpickling runs whatever the file asks for.  So before anything runs, every instruction of the
pickle is looked at: only those that make plain data are let through, and only three names, two of
which are replaced by functions of ours.  The bytes of tensors go to
``torch.load(weights_only=True)``.
"""

import io
import itertools
import math
import pickle
import pickletools
import re
import reprlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor
from torch.storage import TypedStorage

from heatproof.errors import MapError, UnsafePickleError, read_by_a_library
from heatproof.maps.importers import FoundMap, ImportedMap, importers
from heatproof.maps.naming import KnownFilms

HEAD = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Lesion",
    "Airspace Opacity",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
"""The order of ``prob`` where it is all that the network says (not the order of the label CSV)."""

_SUFFIX = "_map.pkl"
_KEYS = {"map", "prob", "task", "gt", "cxr_img", "cxr_dims"}
_LARGEST = 1 << 28  # bytes: far above any map, far below what hurts
_MEMO = 10_000  # the memo is an array as long as the largest index asked for
# Every instruction that makes plain data, looks up an allowed name, or calls it.  Left out are
# those that set attributes (BUILD), make objects by other ways, or refer to the world outside.
_OPCODES = set(
    """PROTO FRAME STOP MARK POP POP_MARK DUP MEMOIZE PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET
    NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT
    STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8
    UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8
    EMPTY_LIST APPEND APPENDS LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3
    EMPTY_DICT DICT SETITEM SETITEMS GLOBAL STACK_GLOBAL REDUCE""".split()  # noqa: SIM905
)


@importers.register("chexlocalize")
@dataclass(frozen=True)
class CheXlocalizeMaps:
    """The pickles that CheXlocalize ships, one per image and finding."""

    suffixes: ClassVar[tuple[str, ...]] = (_SUFFIX,)

    def find(self, folder: Path, known: KnownFilms) -> list[FoundMap]:  # noqa: ARG002
        """The maps of all files, which are read through the allow-list unpickler."""
        # Files of one name would be maps of one film and finding, so no path is needed.
        return [FoundMap(file, file.name, partial(read_map, file)) for file in map_files(folder)]


def map_files(folder: Path) -> list[Path]:
    """The map files in a folder and below, sorted by name.

    Raises:
        MapError: There are none, or two have the same name.
    """
    if not folder.is_dir():
        raise MapError(f"{folder}: there is no such folder of maps")
    # Files are sorted by name and not by path, so that two of one name become neighbours.
    files = sorted(folder.rglob(f"*{_SUFFIX}"), key=lambda file: file.name)
    if not files:
        raise MapError(f"no file in {folder} ends in {_SUFFIX}; is it the folder of the maps?")
    for first, second in itertools.pairwise(files):
        if first.name == second.name:
            raise MapError(f"two maps of one image and finding: {first} and {second}")
    return files


def read_map(path: Path) -> ImportedMap:
    """One map.

    Raises:
        UnsafePickleError: The pickle asks for something other than tensors.
        MapError: It is cut short, or not what the format says.
    """
    # Identifiers of images hold underscores, so the finding begins after the last.
    image_id, _, finding = path.name.removesuffix(_SUFFIX).rpartition("_")
    if not path.name.endswith(_SUFFIX) or not image_id:
        raise MapError(f"{path.name} is not named like IMAGE_FINDING{_SUFFIX}")
    content = _unpickled(path)
    if not isinstance(content, dict) or set(content) != _KEYS:
        kind = sorted(content, key=str) if isinstance(content, dict) else type(content).__name__
        raise MapError(f"{path}: found {reprlib.repr(kind)}, expected a dict with {sorted(_KEYS)}")
    if content["task"] != finding:
        raise MapError(
            f"{path}: the file is named for {finding!r} but holds a map of"
            f" {reprlib.repr(content['task'])}; was it renamed?"
        )
    # `isinstance` would let True and False through, which are ints to Python.
    if type(content["gt"]) is not int or content["gt"] not in (0, 1):
        raise MapError(f"{path}: gt is {reprlib.repr(content['gt'])}, expected 0 or 1")
    return ImportedMap(
        image_id,
        finding,
        _values(content, path),
        _probability(content["prob"], finding, path),
        bool(content["gt"]),
        _size(content["cxr_dims"], path),
    )


def _values(content: dict[str, Any], path: Path) -> Float32[np.ndarray, "y x"]:
    saliency, image = content["map"], content["cxr_img"]
    for name, tensor, lead in (("map", saliency, (1, 1)), ("cxr_img", image, (3,))):
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            raise MapError(f"{path}: {name} is a {type(tensor).__name__}, expected a float tensor")
        if tensor.ndim != len(lead) + 2 or tuple(tensor.shape[:-2]) != lead or not tensor.numel():
            raise MapError(
                f"{path}: {name} has shape {tuple(tensor.shape)}, expected {(*lead, 'y', 'x')}"
            )
    if saliency.shape[-2:] != image.shape[-2:]:
        raise MapError(
            f"{path}: the map is {tuple(saliency.shape[-2:])} but the image that the network saw"
            f" is {tuple(image.shape[-2:])}; does the map belong to another image?"
        )
    values: np.ndarray = saliency[0, 0].float().contiguous().numpy()
    finite = np.isfinite(values)
    if not finite.all():
        raise MapError(f"{path}: {np.count_nonzero(~finite)} values are not finite")
    return values


def _probability(value: object, finding: str, path: Path) -> float:
    if isinstance(value, Tensor) and value.numel() == len(HEAD) and finding in HEAD:
        value = float(value.flatten()[HEAD.index(finding)])
    if not isinstance(value, float | int) or not 0 <= value <= 1:
        raise MapError(
            f"{path}: prob is {reprlib.repr(value)}, expected a number in [0, 1] or {len(HEAD)}"
        )
    return float(value)


def _size(dims: object, path: Path) -> tuple[int, int]:
    match dims:
        # The file has the width first, unlike arrays.
        case (int(width), int(height)) if width > 0 and height > 0:
            return height, width
    raise MapError(f"{path}: cxr_dims is {reprlib.repr(dims)}, expected (width, height) in pixels")


def _unpickled(path: Path) -> object:
    with read_by_a_library(MapError, f"cannot read the map {path}"):
        size = path.stat().st_size
        if size > _LARGEST:
            raise MapError(f"{path} has {size} bytes, more than {_LARGEST}: it cannot be one map")
        # The file is read once, so that the bytes that were checked are those that are loaded.
        data = path.read_bytes()
    with read_by_a_library(MapError, f"{path} is cut short or no pickle of a map"):
        _refuse_unsafe(data, path)
        return _Unpickler(data, path).load()


def _refuse_unsafe(data: bytes, path: Path) -> None:
    """Look at every instruction of a pickle before any runs."""
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name not in _OPCODES:
            raise UnsafePickleError(f"{path} uses the pickle instruction {opcode.name}: not a map")
        if "PUT" in opcode.name and int(argument or 0) > _MEMO:
            raise UnsafePickleError(f"{path} asks for a memo of {argument} entries: not a map")


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows three names, and gives its own objects for them."""

    def __init__(self, data: bytes, path: Path) -> None:
        super().__init__(io.BytesIO(data))
        self._path = path

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        match module, name:
            case "torch._utils", "_rebuild_tensor_v2":
                return self._tensor
            case "torch.storage", "_load_from_bytes":
                return self._storage
            case "collections", "OrderedDict":
                return OrderedDict
        raise UnsafePickleError(
            f"{self._path} asks for {module}.{name}, which is no tensor: loading the file could run"
            " any program; do not open it with anything else"
        )

    def _storage(self, data: bytes) -> TypedStorage:
        if data.startswith(b"PK"):  # tensors pickle to the older format; an archive can be a bomb
            raise UnsafePickleError(f"{self._path} hides an archive in the bytes of a tensor")
        try:
            storage = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            asked = re.search(r"GLOBAL (\S+)", str(error))
            if asked is None:
                raise
            raise UnsafePickleError(
                f"{self._path} hides {asked[1]} in the bytes of a tensor:"
                " torch.load(weights_only=True) refuses them"
            ) from error
        if not isinstance(storage, TypedStorage):
            raise MapError(
                f"{self._path}: a {type(storage).__name__} where a tensor's bytes belong"
            )
        return storage

    def _tensor(
        self,
        storage: TypedStorage,
        offset: int,
        size: tuple[int, ...],
        stride: tuple[int, ...],
        *_: object,
    ) -> Tensor:
        # The public `untyped()` warns that TypedStorage will be removed, so the attribute is read.
        data = storage._untyped_storage
        stored = data.nbytes() // storage.dtype.itemsize
        last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
        # Strides of zero make terabytes of four bytes, long ones grow the storage.
        if min(offset, *size, *stride) < 0 or max(math.prod(size), last + 1) > stored:
            raise MapError(
                f"{self._path}: a tensor of size {reprlib.repr(size)} and stride"
                f" {reprlib.repr(stride)} on {stored} stored values"
            )
        return torch.empty(0, dtype=storage.dtype).set_(data, offset, size, stride)
