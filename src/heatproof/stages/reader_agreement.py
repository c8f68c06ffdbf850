"""The agreement of readers: masks of two readers, compared as the maps of two models are.

It is the high control of repeatability and reproducibility: no more can be asked of two models than
of two readers of the same film.  Every two readers of a film are a pair; where there are
several, their consensus is not taken for another reader.  Masks go through the same steps as maps,
so that their edges are as sharp as the frame allows.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any

from heatproof.data.annotations.references import reference_mask, references_of
from heatproof.data.geometry import FILM
from heatproof.errors import AnnotationError, PixelError
from heatproof.localize.controls import READERS
from heatproof.maps.store import StoredMap
from heatproof.stages.framing import Framed, framed
from heatproof.stages.loop import Unit
from heatproof.stages.pairs import Case, MapComparison, comparison_columns
from heatproof.stages.subject import Subject
from heatproof.tables.units import digest
from heatproof.trust.pairs import DIFFERENT, SAME, different_films
from heatproof.trust.similarity import Similarity
from heatproof.types import REFERENCE, Sample, Validity


def agreement(
    criterion: str,
    similarities: Mapping[str, Similarity],
    subject: Subject,
    cases: Sequence[Case],
) -> Iterator[Unit]:
    """Units of every two readers, over the films that both of them marked.

    Args:
        criterion: Spec of the criterion beside which they are reported.
        similarities: Similarities by spec.
        subject: A model of the same data, whose options say how different films are paired.
        cases: Films and findings; both films of a case are the same.
    """
    options = subject.options
    by_readers: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        for pair in combinations(_readers(case), 2):
            # Films may list the same two readers in either order.
            by_readers.setdefault((min(pair), max(pair)), []).append(case)
    for readers, marked in by_readers.items():
        others = subject.pairs(different_films, marked)
        for population, compared in ((SAME, marked), (DIFFERENT, others)):
            columns = comparison_columns(criterion, subject.data, readers, population)
            films = [
                (case.finding, film.image_id, film.cluster, subject.films.drawn(film))
                for case in compared
                for film in case.films
            ]
            how = (list(similarities), options.normalize, options.side)
            # No model has a part in these rows, so none has one in their name.
            name = digest("readers", list(columns.values()), films, how)
            comparison = MapComparison(columns, similarities, options.normalize)
            yield Unit(name, partial(_rows, comparison, compared, readers, options.side))


def _readers(case: Case) -> list[str]:
    """The readers who marked a film; the consensus only where it is one of two at most.

    Beside several readers it would agree with each of them because it is made of them.
    """
    readers = [reader for _, reader in references_of(case.first, (case.finding,))]
    single = [reader for reader in readers if reader != REFERENCE]
    return single if len(single) > 1 else readers


def _rows(
    comparison: MapComparison, cases: Sequence[Case], readers: tuple[str, str], side: int
) -> Iterator[dict[str, Any]]:
    first, second = (_masks(cases, reader, side) for reader in readers)
    yield from comparison.rows(cases, [READERS], first, second)


def _masks(cases: Sequence[Case], reader: str, side: int) -> Framed:
    """The masks of one reader on the films of some cases, over the frame."""
    films = {(film.image_id, case.finding): film for case in cases for film in case.films}
    masks = {}
    for (image_id, finding), film in films.items():
        mask = framed_mask(film, finding, reader, side)
        if mask is not None:
            masks[READERS, image_id, finding] = mask
    return masks


def framed_mask(film: Sample, finding: str, reader: str, side: int) -> StoredMap | None:
    """The mask of a reader, over the frame; None where it cannot be read, which scoring reports."""
    try:
        mask = reference_mask(film, finding, reader)
    except (AnnotationError, PixelError):
        return None
    validity = Validity.of_range(float(mask.min()), float(mask.max()))
    return framed(StoredMap(mask.astype("float32"), validity), FILM, film, side)
