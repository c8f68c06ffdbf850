"""Ceiling: the reference mask itself, averaged over the cells of a method's grid.

It knows the answer, but is as coarse as a method: about the best that a map of that resolution can
reach.  It is no strict bound: a rule that binarizes by the values of a map may cut another coarse
map more luckily.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from heatproof.data.annotations.references import reference_mask
from heatproof.data.geometry import FILM, Geometry, fills_canvas, geometries
from heatproof.localize.controls import Context, as_map, controls
from heatproof.maps.store import StoredMap
from heatproof.types import Sample


@controls.register("ceiling")
@dataclass(frozen=True)
class Ceiling:
    """One for every grid that the methods of an experiment have.

    Attributes:
        rows: Number of rows of the grid.
        columns: Number of columns of the grid.
        geometry: What the grid covers: the canvas of a model.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        "rows": (1, 10_000),
        "columns": (1, 10_000),
    }
    rows: int = 1
    columns: int = 1
    geometry: Geometry = field(default=FILM, metadata={"registry": geometries})
    knows: ClassVar[str] = "the reference itself, coarse"

    @property
    def title(self) -> str:
        """What people call it, with the size of the grid."""
        return f"best at {self.rows} × {self.columns}{self._canvas}"

    @property
    def name(self) -> str:
        """Such as ``"ceiling(7x7)"``; with the geometry where a film does not fill its canvas."""
        return f"ceiling({self.rows}x{self.columns}{self._canvas})"

    @property
    def _canvas(self) -> str:
        return "" if fills_canvas(self.geometry) else f", {geometries.spec(self.geometry)}"

    @classmethod
    def read(cls, name: str) -> "Ceiling":
        """The ceiling of that ``name``."""
        grid, _, canvas = name.removeprefix("ceiling(").removesuffix(")").partition(", ")
        rows, columns = map(int, grid.split("x"))
        return cls(rows, columns, geometries.parse(canvas) if canvas else FILM)

    def of_grid(self, geometry: Geometry, grid: tuple[int, int]) -> "Ceiling":
        """The ceiling of one grid over one canvas."""
        return Ceiling(*grid, geometry)

    def __call__(self, film: Sample, finding: str, reader: str) -> StoredMap:
        """The coarse mask; raises AnnotationError, PixelError."""
        mask = reference_mask(film, finding, reader)
        return as_map(ceiling(mask, self.geometry, (self.rows, self.columns)))

    def inputs(self, context: Context) -> tuple[Any, ...]:
        """Nothing else."""
        # The name holds the grid, and the canvas where a film does not fill it.
        return (self.name, context.name)


def ceiling(
    mask: Bool[np.ndarray, "h w"], geometry: Geometry, grid: tuple[int, int]
) -> Float32[np.ndarray, "y x"]:
    """The share of each cell that is marked.

    Args:
        mask: What the reader marked.
        geometry: Of the model; where a film fills its canvas, the grid lies over the film itself.
        grid: Rows and columns of the method's maps.
    """
    marked = mask.astype(np.float32)
    canvas = marked if fills_canvas(geometry) else geometry.image(marked)
    # ``INTER_AREA`` averages whole cells; OpenCV takes the width before the height.
    shares: np.ndarray = cv2.resize(canvas, grid[::-1], interpolation=cv2.INTER_AREA)
    return shares
