"""A user's own transform as a preprocessing: a function, or what another library composed.

The network sees exactly what the transform gives.  Maps go back by its geometry, which is found by
moving a spot over a film (``way_back``), or said.
"""

import functools
import hashlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from heatproof.data.geometry import Geometry, geometries
from heatproof.errors import HeatproofError, ModelError
from heatproof.models.film_forms import as_input, called, form_of
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.way_back import SIZES, arrived, misplaced, textured, tolerance, way_back
from heatproof.words import count

_TURN = threading.Lock()  # films are read by several threads, and a user's function may keep state
_DIGITS = 4


class NoWayBack:
    """In the place of a geometry: it is not known where on a film a part of the canvas lies.

    Args:
        height: Height of the canvas.
        width: Width of the canvas.
        reason: Why it is not known.
    """

    def __init__(self, height: int, width: int, reason: str) -> None:
        self.height, self.width, self.reason = height, width, reason

    def image(self, *_: Any) -> Any:
        """Raises ModelError."""
        raise self.unknown

    def mask(self, *_: Any) -> Any:
        """Raises ModelError."""
        raise self.unknown

    def point(self, *_: Any) -> Any:
        """Raises ModelError."""
        raise self.unknown

    def back(self, *_: Any) -> Any:
        """Raises ModelError."""
        raise self.unknown

    @property
    def unknown(self) -> ModelError:
        """The error for whoever asks for it."""
        return ModelError(
            f"maps cannot be laid over films, since the way back is not known: {self.reason}"
            '; say it: back = "center_crop(height=224, width=224, resize=256)", or another that'
            " `heatproof geometries` lists"
        )


class OwnTransform:
    """A user's transform; see ``heatproof.models.film_forms`` for what it is called with.

    Args:
        transform: Makes a tensor ``c y x`` of a film, the same each time.
        takes: What it takes; by default what its library takes, and of a function the film itself:
            float32 ``h w`` in [0, 1].
        back: The geometry that it has, where that cannot be found: a part or its spec.
        name: What reports call it.

    Attributes:
        geometry: By which maps go back; a ``NoWayBack`` where none was found.
        channels: Channels of the input.

    Raises:
        ModelError: It fails, gives no ``c y x``, or draws at random.
    """

    def __init__(
        self,
        transform: Callable[..., Any],
        takes: str | None = None,
        back: Geometry | str | None = None,
        name: str = "",
    ) -> None:
        self.transform, self.takes = transform, form_of(transform, takes)
        self.name = name or getattr(transform, "__qualname__", type(transform).__name__)
        first, again = (self.tensor(textured(SIZES[0])) for _ in range(2))
        if not torch.equal(first, again):
            raise ModelError(
                f"{self.name} gives another input each time: does it draw at random, as"
                " augmentations do? Bring the transform of evaluation"
            )
        self.channels, *size = first.shape
        self.geometry = self._geometry(back, (size[0], size[1]))
        self._digest = self._of_what_it_does()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input."""
        return self.geometry.height, self.geometry.width

    @functools.cached_property
    def black(self) -> Float[Tensor, "c 1 1"]:
        """The darkest pixel of a black film."""
        return self.tensor(np.zeros(SIZES[0], np.float32)).amin((1, 2), keepdim=True)

    @functools.cached_property
    def white(self) -> Float[Tensor, "c 1 1"]:
        """The brightest pixel of a white film."""
        return self.tensor(np.ones(SIZES[0], np.float32)).amax((1, 2), keepdim=True)

    def ends(self, image: Float[Tensor, "c h w"]) -> tuple[Tensor, Tensor]:
        """The darkest and the brightest pixel of an input, ``c 1 1``: what the transform makes of
        black may depend on the film.
        """
        return image.amin((1, 2), keepdim=True), image.amax((1, 2), keepdim=True)

    def tensor(self, pixels: Float[np.ndarray, "h w"]) -> Float[Tensor, "c y x"]:
        """The input for one radiograph; raises ModelError."""
        try:
            with _TURN:
                given = called(self.transform, self.takes, pixels)
            return as_input(given)
        except HeatproofError:
            raise
        except Exception as error:  # whatever the user's own code runs into
            raise ModelError(
                f"{self.name} failed with {type(error).__name__}: {error}; it was given a film of"
                f" {pixels.shape[0]} x {pixels.shape[1]} as {self.takes!r}. Does it want another"
                " form? Say takes"
            ) from error

    def check_place(self, pixels: Float[np.ndarray, "h w"]) -> None:
        """See whether a real film lies where the geometry says; raises ModelError.

        A film on which no spot shows says nothing.
        """
        if isinstance(self.geometry, NoWayBack):
            return
        spots = arrived(self.tensor, pixels)
        if spots and (away := misplaced(self.geometry, spots)) > 2 * tolerance(self.size):
            raise ModelError(
                f"{self.name} puts a spot {away:.0f} pixels from where {self._spec} says; does it"
                " crop each film to what it shows? Crop the films themselves, with their marks, and"
                " leave that out of the transform"
            )

    @property
    def words(self) -> str:
        """In reports."""
        height, width = self.size
        channels = count(self.channels, "channel")
        return f"{self.name}, to {height} × {width}, {channels}, as {self._spec}"

    def to_json(self) -> dict[str, Any]:
        """What tells it from others: its name, its geometry, and a digest of what it does."""
        return {
            "transform": self.name,
            "takes": self.takes,
            "geometry": self._spec,
            "does": self._digest,
        }

    @property
    def _spec(self) -> str:
        unknown = isinstance(self.geometry, NoWayBack)
        return "an unknown geometry" if unknown else geometries.spec(self.geometry)

    def _geometry(self, back: Geometry | str | None, size: tuple[int, int]) -> Geometry:
        if back is not None:
            said = geometries.parse(back) if isinstance(back, str) else back
            if (said.height, said.width) != size:
                raise ModelError(
                    f"back = {geometries.spec(said)}, but {self.name} gives {size[0]} x {size[1]}"
                    " (height x width)"
                )
            return said
        try:
            return way_back(self.tensor)
        except ModelError as error:
            return NoWayBack(*size, reason=str(error))

    def _of_what_it_does(self) -> str:
        """A digest of what it makes of a few films, since code alone does not tell its options."""
        whole = hashlib.sha256()
        for size in SIZES[:2]:
            film = textured(size)
            # From black to white: a transform may change the brightest parts alone.
            film = (film - film.min()) / np.ptp(film)
            given = self.tensor(film).double().numpy()
            highest = float(np.abs(given).max()) or 1.0
            # The last digits differ between machines.
            whole.update(f"{given.shape} {highest:.{_DIGITS}g}".encode())
            whole.update((np.round(given / highest, _DIGITS) + 0.0).tobytes())  # no -0
        return whole.hexdigest()[:16]


AnyPreprocessing = Preprocessing | OwnTransform
"""What makes an input of a film: said by its parts, or a user's own transform."""
