"""Films prepared for a network once, and shared by all that want the same preparation.

What is kept of a film is its canvas: one channel, before it is normalized and copied, so that
models of other statistics and channels share it.  A canvas whose values are steps of 8 or 16 bits
is kept in bytes or words, and any other in float32: values are equal, to the last bit, to those of
a film prepared anew.

The first canvases stay in memory, up to a bound; later ones lie in a folder, up to a bound, one
file each.  Its name is a digest of the film's identity, of the preparation, and of the versions of
what reads and resamples; its first bytes are a digest of the name and of the values.  So what an
earlier run left is used where it is what would be made, and a file that was cut short, altered or
swapped is made again.
"""

import hashlib
import json
import os
import platform
import uuid
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from heatproof.data.interpolations import read, stored
from heatproof.disk import UNFINISHED
from heatproof.models.own_transform import AnyPreprocessing
from heatproof.models.preprocessing import Preprocessing
from heatproof.types import Pixels

MEMORY = 250_000_000  # bytes: 2,400 films of 320 x 320, or 9,700 of those in 8 bits
_KINDS = {b"B": np.uint8, b"H": np.uint16, b"f": np.float32}
_SEAL = hashlib.sha256().digest_size
_PACKAGES = (
    "heatproof", "numpy", "torch", "pydicom", "pillow", "opencv-python-headless", "scikit-image",
    "pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg", "pylibjpeg-rle", "python-gdcm",
    "pyjpegls",
)  # fmt: skip


class PreparedFilms:
    """Inputs of films, each prepared once.

    Only films that say what decides their pixels are shared: their ``pixels`` have a method
    ``identity``, equal for equal pixels alone.  Others, such as films that were changed, and films
    for a user's own transform, are prepared anew each time.  Several threads may ask at once.

    Args:
        folder: Where canvases lie for which there is no room in memory; None for nowhere.
        gigabytes: Room in the folder.
        memory: Room in memory, in bytes; 0 with no folder keeps nothing.
    """

    def __init__(
        self, folder: Path | None = None, gigabytes: float = 10.0, memory: int = MEMORY
    ) -> None:
        self._arguments = folder, gigabytes, memory
        self._folder = _Folder(folder, int(gigabytes * 1e9)) if folder and gigabytes else None
        self._held: dict[tuple[str, str], np.ndarray] = {}
        self._room = memory
        self._lock = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process shares the folder, and begins with an empty memory.
        return PreparedFilms, self._arguments

    def tensor(
        self, preprocessing: AnyPreprocessing, pixels: Pixels
    ) -> Float[torch.Tensor, "c y x"]:
        """The input for one film.

        Raises:
            PixelError: The film cannot be read.
            ModelError: Its values cannot be resized.
        """
        if not isinstance(preprocessing, Preprocessing):
            return preprocessing.tensor(np.asarray(pixels.read(), np.float32))
        return preprocessing.of_canvas(self._canvas(preprocessing, pixels))

    def _canvas(
        self, preprocessing: Preprocessing, pixels: Pixels
    ) -> Float[np.ndarray, "height width"]:
        identity = self._identity(pixels)
        if identity is None:
            return _anew(preprocessing, pixels)
        preparation = _preparation(preprocessing)
        held = self._held.get((identity, preparation))
        if held is not None:
            return read(held)
        # The code of parts of other packages may change while their version stays.
        folder = self._folder if _is_ours(preprocessing) else None
        name = _name(identity, preparation) if folder else ""
        if folder and (found := folder.get(name, preprocessing.size)) is not None:
            return read(found)
        canvas = _anew(preprocessing, pixels)
        small = _small(canvas)
        if not self._hold((identity, preparation), small) and folder:
            folder.put(name, small)
        return canvas

    def _identity(self, pixels: Pixels) -> str | None:
        keeps = self._room > 0 or self._held or self._folder
        identity = getattr(pixels, "identity", None) if keeps else None
        return identity() if identity else None

    def _hold(self, key: tuple[str, str], small: np.ndarray) -> bool:
        """Keep a canvas in memory where there is room; returns whether it is there."""
        with self._lock:
            if key not in self._held and small.nbytes <= self._room:
                self._held[key] = small
                self._room -= small.nbytes
            return key in self._held


NOTHING_KEPT = PreparedFilms(memory=0)
"""Prepares every film anew."""


class _Folder:
    """Canvases on disk, each in a file that carries its digest."""

    def __init__(self, folder: Path, room: int) -> None:
        self._folder, self._room = folder, room
        self._lock = Lock()
        self._used: set[str] = set()
        self._old: Iterator[tuple[Path, int]] | None = None  # what was there, the oldest first

    def get(self, name: str, size: tuple[int, int]) -> np.ndarray | None:
        """The canvas of a name; None where there is none as it was written."""
        with suppress(OSError):
            whole = self._path(name).read_bytes()
            kind = _KINDS.get(whole[_SEAL : _SEAL + 1])
            if kind and _sealed(name, whole[_SEAL:]) == whole:
                values = np.frombuffer(whole, kind, offset=_SEAL + 1)
                if values.size == size[0] * size[1]:
                    self._used.add(name)
                    return values.reshape(size).copy()  # torch wants to write
        return None

    def put(self, name: str, small: np.ndarray) -> None:
        """Write a canvas, where there is room for it or for a file that nobody asked for here."""
        whole = _sealed(name, small.dtype.char.encode() + small.tobytes())
        with self._lock:
            self._make_room(len(whole))
            if len(whole) > self._room:
                return
            self._room -= len(whole)
            self._used.add(name)
        path = self._path(name)
        # Not synchronized to the disk: after a power cut the digest tells a file that is not whole.
        unfinished = path.with_name(f".{uuid.uuid4().hex}{UNFINISHED}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(whole)
            os.replace(unfinished, path)
        except OSError:  # no room on the disk, or none for us: films are then prepared anew
            self._room = 0
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        if self._old is None:
            files = sorted(_files(self._folder), key=lambda file: file[2])
            self._room -= sum(bytes_ for _, bytes_, _ in files)
            self._old = iter([(path, bytes_) for path, bytes_, _ in files])
        while size > self._room and (oldest := next(self._old, None)):
            path, bytes_ = oldest
            if path.name not in self._used:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
                    self._room += bytes_

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name


def _files(folder: Path) -> Iterator[tuple[Path, int, int]]:
    """Every file below a folder, its bytes, and when it was written."""
    for root, _, names in os.walk(folder):
        for path in (Path(root, name) for name in names):
            with suppress(OSError):  # removed meanwhile by another worker
                status = path.stat()
                yield path, status.st_size, status.st_mtime_ns


def _sealed(name: str, values: bytes) -> bytes:
    return hashlib.sha256(name.encode() + values).digest() + values


def _anew(preprocessing: Preprocessing, pixels: Pixels) -> Float[np.ndarray, "height width"]:
    return preprocessing.canvas(np.asarray(pixels.read(), np.float32))


def _small(canvas: Float[np.ndarray, "h w"]) -> np.ndarray:
    """The canvas in the smallest kind from which ``read`` makes the same bits."""
    if canvas.min() >= 0 and canvas.max() <= 1:
        for bits in (8, 16):
            small = stored(canvas, bits)
            # As integers: -0 and 0 are equal as floats.
            if np.array_equal(read(small).view(np.uint32), canvas.view(np.uint32)):
                return small
    return canvas.copy()  # it may be a view of a whole film


def _preparation(preprocessing: Preprocessing) -> str:
    """What decides the canvas of a film."""
    values = preprocessing.to_json()
    return json.dumps([values.get(name) for name in ("geometry", "before", "after")])


def _is_ours(preprocessing: Preprocessing) -> bool:
    geometry = preprocessing.geometry
    parts = [geometry, *preprocessing.before, *preprocessing.after]
    parts += [inner for inner in vars(geometry).values() if hasattr(inner, "__dataclass_fields__")]
    return all(type(part).__module__.startswith("heatproof.") for part in parts)


def _name(identity: str, preparation: str) -> str:
    told = "\n".join((identity, preparation, _made_with()))
    return hashlib.sha256(told.encode()).hexdigest()


@cache
def _made_with() -> str:
    """Versions of all that decides the last bit of a canvas."""
    # Vector instructions round differently, and so a folder that machines share has both.
    told = [platform.machine(), torch.backends.cpu.get_cpu_capability()]
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            told.append(f"{package} {version(package)}")
    return ", ".join(told)
