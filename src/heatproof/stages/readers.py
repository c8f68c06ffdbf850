"""The readers' own agreement: what they marked on one film, compared as the maps of two models are.

It is the high control of repeatability and reproducibility: two readings of the same film agree so
far.  Every two readers of a film are a pair; the consensus of several readers is none of them.
Masks go through the same steps as maps, so that their edges are as sharp as the frame allows.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations
from typing import Any

from heatproof.data.geometry import FILM
from heatproof.data.references import reference_mask, references_of
from heatproof.errors import AnnotationError, PixelError
from heatproof.experiment.films import annotations_digest
from heatproof.experiment.workspace import Workspace
from heatproof.maps.store import StoredMap
from heatproof.stages.framing import Framed, framed
from heatproof.stages.pairs import Case, Comparison
from heatproof.stages.subject import Subject
from heatproof.tables.units import digest
from heatproof.trust.pairs import DIFFERENT, SAME, different_films
from heatproof.types import Sample, Validity

READERS = "readers"
CONSENSUS = "reference"


def agreement(
    work: Workspace, spec: str, subject: Subject, cases: Sequence[Case]
) -> Iterator[tuple[str, partial[Iterator[dict[str, Any]]]]]:
    """Units of rows, by name: every two readers on the films that both of them marked.

    Args:
        work: The experiment.
        spec: Of the criterion beside which they stand.
        subject: Says how different films are paired.
        cases: Each of one film.
    """
    by_pair: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        for two in combinations(_readers(case), 2):
            by_pair.setdefault((min(two), max(two)), []).append(case)
    for two, marked in by_pair.items():
        for population, some in (
            (SAME, marked),
            (DIFFERENT, subject.pairs(different_films, marked)),
        ):
            what = {
                "criterion": spec,
                "data": subject.data,
                "model_a": two[0],
                "model_b": two[1],
                "step": "",
                "draw": -1,
                "population": population,
            }
            comparison = Comparison(what, work.similarities, subject.options.normalize)
            films = [
                (case.finding, film.image_id, film.cluster, annotations_digest(film))
                for case in some
                for film in (case.one, case.other)
            ]
            options = (list(work.similarities), subject.options.normalize, subject.options.side)
            name = digest("readers", list(what.values()), films, options)
            yield name, partial(_rows, comparison, some, two, subject.options.side)


def _readers(case: Case) -> list[str]:
    """Those who marked a film; the consensus only beside a single other."""
    sources = [source for _, source in references_of(case.one, (case.finding,))]
    single = [source for source in sources if source != CONSENSUS]
    return single if len(single) > 1 else sources


def _rows(
    comparison: Comparison, cases: Sequence[Case], two: tuple[str, str], side: int
) -> Iterator[dict[str, Any]]:
    first, second = (_masks(cases, reader, side) for reader in two)
    yield from comparison.rows(cases, [READERS], first, second)


def _masks(cases: Sequence[Case], reader: str, side: int) -> Framed:
    films = {
        (film.image_id, case.finding): film for case in cases for film in (case.one, case.other)
    }
    found = {}
    for (image_id, finding), film in films.items():
        mask = framed_mask(film, finding, reader, side)
        if mask is not None:
            found[READERS, image_id, finding] = mask
    return found


def framed_mask(film: Sample, finding: str, reader: str, side: int) -> StoredMap | None:
    """What a reader marked, over the frame; None where it cannot be read, which scoring tells."""
    try:
        mask = reference_mask(film, finding, reader)
    except (AnnotationError, PixelError):
        return None
    validity = Validity.OK if mask.any() else Validity.ZERO
    return framed(StoredMap(mask.astype("float32"), validity), FILM, film, side)
