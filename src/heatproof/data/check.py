"""Check a data set before work starts: what can be known from names and headers alone.

A *fatal* problem is a mistake in the description (a file that is not there, a mask of another
size): work should not start.  Any other is damage of one radiograph, of the file of one mask, or an
item of an annotation file that marks nothing (``strays`` of the data set): a run sets it aside and
says so.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from heatproof.data.annotations import fit
from heatproof.data.pixels import ImageFile
from heatproof.disk import is_file
from heatproof.errors import AnnotationError, DamagedMaskError, PixelError
from heatproof.types import Dataset, Sample


@dataclass(frozen=True)
class Problem:
    """What is wrong with one image, and whether work may start all the same.

    Attributes:
        image_id: Identifier of the film; or the place in a file of an item that is of no film.
        reason: What is wrong and where, for people.
        fatal: Whether the description is wrong, so that work should not start.
        missing: Whether a file is not there: that of the film, or of a mask of it.
        whole: Whether the film cannot be used; False where only a mark of it cannot be.
    """

    image_id: str
    reason: str
    fatal: bool
    missing: bool = False
    whole: bool = True


def check(dataset: Dataset) -> tuple[Problem, ...]:
    """Every problem, in the order of the images; then the strays of the data set.

    Headers are read by several threads, since file systems far away let each of them wait.
    """
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda index: tuple(_problems(dataset[index])), range(len(dataset)))
        of_samples = [problem for problems in found for problem in problems]
    # A data set need not know of strays.
    strays = getattr(dataset, "strays", ())
    return (*of_samples, *(Problem(place, why, fatal=False, whole=False) for place, why in strays))


def _problems(sample: Sample) -> Iterator[Problem]:
    pixels = sample.pixels
    if isinstance(pixels, ImageFile) and not is_file(pixels.path):
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
            yield Problem(
                sample.image_id,
                f"{annotation.finding} ({annotation.source}): {error}",
                fatal=not isinstance(error, DamagedMaskError),
                missing=isinstance(error.__cause__, FileNotFoundError),
                whole=False,
            )
