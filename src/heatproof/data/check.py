"""Check a data set before work starts: what can be known from names and headers alone.

A *fatal* problem is a mistake in the description (a file that is not there, a mask of another
size): work should not start.  Any other is one radiograph's own damage: a run sets it aside and
says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from heatproof.data.annotations import fit
from heatproof.data.pixels import ImageFile
from heatproof.errors import AnnotationError, PixelError
from heatproof.types import Dataset, Sample


@dataclass(frozen=True)
class Problem:
    """What is wrong with one image, and whether work may start all the same.

    Attributes:
        image_id: Identifier of the film.
        reason: What is wrong and where, for people.
        fatal: Whether the description is wrong, so that work should not start.
        missing: Whether the file of the film is not there.
    """

    image_id: str
    reason: str
    fatal: bool
    missing: bool = False


def check(dataset: Dataset) -> tuple[Problem, ...]:
    """Every problem, in the order of the images."""
    samples = (dataset[index] for index in range(len(dataset)))
    return tuple(problem for sample in samples for problem in _problems(sample))


def _problems(sample: Sample) -> Iterator[Problem]:
    pixels = sample.pixels
    if isinstance(pixels, ImageFile) and not pixels.path.is_file():
        yield Problem(
            sample.image_id, f"{pixels.path}: there is no such file", fatal=True, missing=True
        )
        return
    try:
        height, width = pixels.size()
    except PixelError as error:
        yield Problem(sample.image_id, str(error), fatal=False)
        return
    for annotation in sample.annotations:
        try:
            fit(annotation.shape, height, width)
        except AnnotationError as error:
            reason = f"{annotation.finding} ({annotation.source}): {error}"
            yield Problem(sample.image_id, reason, fatal=True)
