"""Mirror: another geometry whose canvas is turned over, left to right or top to bottom.

Some pipelines mirror all films, such as those that show hearts on one side, or arrays whose rows
are read from below.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from heatproof.data.geometry import Line, Placing, Resize, Size, geometries
from heatproof.data.geometry.enlarging import Span
from heatproof.data.interpolations import Interpolation
from heatproof.errors import SpecError


@geometries.register("mirror")
@dataclass(frozen=True)
class Mirror(Placing):
    """Another geometry, mirrored.

    Attributes:
        of: The geometry.
        across: Left and right are exchanged.
        down: Top and bottom are.
    """

    of: Placing = field(metadata={"registry": geometries})
    across: bool = True
    down: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.of, Placing) or isinstance(self.of, Mirror):
            raise SpecError(
                "mirror(of=...): expected a geometry that is not mirrored itself, such as"
                " mirror(of=squash(height=224, width=224))"
            )
        if not (self.across or self.down):
            raise SpecError("mirror(across=False, down=False) mirrors nothing; leave it out")

    @property
    def height(self) -> int:
        """Height of the canvas."""
        return self.of.height

    @property
    def width(self) -> int:
        """Width of the canvas."""
        return self.of.width

    @property
    def interpolation(self) -> Interpolation:
        """How the film is resampled."""
        return self.of.interpolation

    @classmethod
    def fitted(cls, canvas: Size, lines: Sequence[Line]) -> Iterator[Placing]:
        """What any other geometry would be before it was mirrored, where an axis runs backwards."""
        down, across = (all(line.scale[axis] < 0 for line in lines) for axis in (0, 1))
        if not (down or across):
            return
        before = [_turned(line, canvas, (down, across)) for line in lines]
        for name in geometries.names():
            part = geometries.part_class(name)
            if issubclass(part, Placing) and part is not cls:
                for one in part.fitted(canvas, before):
                    yield cls(one, across, down)

    @classmethod
    def usual(cls, canvas: Size) -> Iterator[tuple[str, Placing]]:  # noqa: ARG003
        """None: mirrored films are a cause of their own."""
        yield from ()

    def resampled_by(self, interpolation: Interpolation) -> Placing:
        """The same with another interpolation."""
        return replace(self, of=self.of.resampled_by(interpolation))

    def spans(self, size: Size) -> tuple[Span, Span]:
        """Those of the geometry, from the other end of the canvas, with negative lengths."""
        down, across = self.of.spans(size)
        return (_backwards(down) if self.down else down), (
            _backwards(across) if self.across else across
        )

    def laid(self, film: np.ndarray, resize: Resize) -> np.ndarray:
        """The film as the geometry lays it, mirrored."""
        rows, columns = (
            slice(None, None, -1 if turned else 1) for turned in (self.down, self.across)
        )
        mirrored: np.ndarray = self.of.laid(film, resize)[rows, columns]
        return mirrored


def _backwards(span: Span) -> Span:
    return Span(span.canvas - span.start, -span.length, span.canvas)


def _turned(line: Line, canvas: Size, axes: tuple[bool, bool]) -> Line:
    """The line before the axes were mirrored."""
    start, scale = zip(
        *(
            (side - begin, -slope) if turned else (begin, slope)
            for side, begin, slope, turned in zip(canvas, line.start, line.scale, axes, strict=True)
        ),
        strict=True,
    )
    return replace(line, start=start, scale=scale)
