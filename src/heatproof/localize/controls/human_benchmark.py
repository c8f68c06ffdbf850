"""The human benchmark: readers who looked at every film, measured as a method is.

What they marked is no map but a ``Reading``; see ``heatproof.localize.reading``.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from heatproof.data.annotations import Points
from heatproof.data.annotations.references import union
from heatproof.localize.controls import HUMAN_BENCHMARK, Context, Making, controls
from heatproof.localize.reading import Reading
from heatproof.types import Sample


@controls.register(HUMAN_BENCHMARK)
@dataclass(frozen=True)
class HumanBenchmark:
    """Stands in every table of a data set that has such readers."""

    title: ClassVar[str] = "the human benchmark"
    knows: ClassVar[str] = "readers who looked at every film"

    def __call__(self, film: Sample, finding: str, reader: str) -> Reading:  # noqa: ARG002
        """What they marked on this film: regions, and most representative points."""
        size = film.pixels.size()
        marks = [mark for mark in film.benchmark if mark.finding == finding]
        shapes = [mark.shape for mark in marks if isinstance(mark.shape, Points)]
        points = tuple(point for shape in shapes for point in shape.pixels(*size))
        mask = union((m for m in marks if not isinstance(m.shape, Points)), size)
        return Reading(mask, points)

    def unasked(self, context: Context) -> bool:
        """Where there are such readers."""
        return any(sample.benchmark for sample in context.samples)

    def prepared(self, context: Context) -> Making:
        """None for findings marked on no film, and of a kind of mark that was never marked."""
        marks = [mark for sample in context.samples for mark in sample.benchmark]
        findings = {mark.finding for mark in marks}
        # An empty mask is a miss only where these readers drew regions on some film.
        regions = any(not isinstance(mark.shape, Points) for mark in marks)
        points = any(isinstance(mark.shape, Points) for mark in marks)

        def reading(film: Sample, finding: str, reader: str) -> Reading | None:
            if finding not in findings:
                return None
            marked = self(film, finding, reader)
            return Reading(marked.mask if regions else None, marked.points if points else None)

        return reading

    def inputs(self, context: Context) -> tuple[Any, ...]:
        """What they marked, on any film."""
        return (HUMAN_BENCHMARK, *context.readings)
