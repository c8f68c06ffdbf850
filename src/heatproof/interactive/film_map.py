"""One map of one film: as it was made, over the film, measured, drawn and saved."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from heatproof.data.geometry import Geometry
from heatproof.errors import MapError
from heatproof.interactive import notebook
from heatproof.interactive.measuring import Marks, Spacing, mask_of, measured
from heatproof.maps.nifti import nifti
from heatproof.maps.render import encode, overlay
from heatproof.maps.store import StoredMap
from heatproof.types import Validity

_FORMS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


@dataclass(frozen=True, eq=False)
class FilmMap:
    """The map of one finding by one method.

    Attributes:
        method: Spec of the method.
        finding: What it explains.
        native: The map as the method made it: raw signed relevance over the network's input.
        validity: Whether it may be read as a map, and if not, why.
        residual: How far it is from what it must sum to; None where it need not sum to anything.
        probability: The model's, of the finding.
        film: The film in [0, 1].
        geometry: Brings the map over the film.
        spacing: Millimetres from pixel to pixel of the film, down and across; None where unknown.
    """

    method: str
    finding: str
    native: Float[np.ndarray, "y x"] = field(repr=False)
    validity: Validity
    residual: float | None
    probability: float
    film: Float[np.ndarray, "h w"] = field(repr=False)
    geometry: Geometry = field(repr=False)
    spacing: Spacing = field(default=None, repr=False)

    @cached_property
    def array(self) -> Float[np.ndarray, "h w"]:
        """The map in the frame of the film, raw and signed."""
        values, geometry = self._stored.over(self.geometry)
        return geometry.back(values, (self.film.shape[0], self.film.shape[1]))

    def score(
        self, marks: Marks, metric: str | Sequence[str] = "auprc"
    ) -> float | dict[str, float]:
        """How well the map finds what is marked; see ``heatproof.score``.

        Returns:
            One number for one metric, a dictionary for several.
        """
        values = self.scores(marks, [metric] if isinstance(metric, str) else metric)
        return values[metric] if isinstance(metric, str) else values

    def scores(self, marks: Marks, metrics: Sequence[str]) -> dict[str, float]:
        """The values of several metrics."""
        size = self.film.shape
        return measured(self._stored, self.geometry, marks, metrics, size, self.spacing)

    def picture(self, marks: Marks | None = None, long_side: int | None = None) -> np.ndarray:
        """The film under the map, as RGB of 8 bits.

        Args:
            marks: Outlined where given: a mask, boxes or a shape, see ``heatproof.score``.
            long_side: Largest length of the long side; None for that of the film.
        """
        outlines = [] if marks is None else [mask_of(marks, self.film.shape)]
        return overlay(self.film, self.array, outlines, long_side)

    def save(self, path: str | PathLike[str], marks: Marks | None = None) -> Path:
        """Write the film under the map (``.png``, ``.jpg``, ``.webp``), or the map itself in the
        frame of the film (``.npy``, ``.nii``, ``.nii.gz``).

        Raises:
            MapError: The name ends in none of these.
        """
        target = Path(path)
        if target.suffix == ".npy":
            np.save(target, self.array)
        elif target.name.endswith((".nii", ".nii.gz")):
            self.to_nifti().to_filename(target)
        elif form := _FORMS.get(target.suffix.lower()):
            target.write_bytes(encode(self.picture(marks), form, quality=90))  # type: ignore[arg-type]
        else:
            known = ", ".join((*_FORMS, ".npy", ".nii", ".nii.gz"))
            raise MapError(f"{target.name}: pictures and maps end in {known}")
        return target

    def to_nifti(self) -> Any:
        """The map in the frame of the film as a ``nibabel.Nifti1Image`` of one slice.

        Its voxels have the spacing of the film, or 1 where that is not known.
        """
        return nifti(self.array, self.spacing)

    def is_ok(self) -> bool:
        """Whether the map may be read as one."""
        return self.validity is Validity.OK

    @property
    def _stored(self) -> StoredMap:
        return StoredMap(self.native, self.validity)

    def __repr__(self) -> str:
        return self._told()

    def _repr_html_(self) -> str:
        return notebook.explanation(self.film, self._told(), [self])

    def _told(self) -> str:
        rows, columns = self.native.shape
        odd = "" if self.is_ok() else f", {self.validity.value}"
        return f"{self.method} of {self.finding} ({self.probability:.2f}), {rows} x {columns}{odd}"
