"""Which reader counts, where several marked one finding.

Results that compare methods (verdicts, comparisons, reasons for failure, the mean-mask prior) rest
on the marks of one reader for each finding of a data set: the reference standard where there is
one; else the reader who marked the finding on the most films, and of several such the first by
name.  The order in which a data set lists its readers decides nothing.  What takes one mask of
each film (the prior, structures) takes that of the first in this order who marked the film.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from heatproof.types import REFERENCE, Annotation

_Place = TypeVar("_Place", bound=Hashable)


def ranked(films: Mapping[str, int]) -> tuple[str, ...]:
    """Readers in the order in which they count.

    Args:
        films: On how many films each reader marked the finding.
    """
    return tuple(sorted(films, key=lambda name: (name != REFERENCE, -films[name], name)))


def ranked_readers(films: Iterable[Sequence[Annotation]]) -> dict[str, tuple[str, ...]]:
    """The readers of a data set in the order in which they count, by finding.

    Args:
        films: The annotations of each film.
    """
    # A set counts a film once, however many marks a reader made on it.
    return ranked_by_place({(mark.finding, mark.source) for mark in film} for film in films)


def ranked_by_place(
    films: Iterable[Collection[tuple[_Place, str]]],
) -> dict[_Place, tuple[str, ...]]:
    """By finding, or by data set and finding, the readers in the order in which they count.

    Args:
        films: Of each film, the pairs of finding and reader of its marks, each once.
    """
    counts: dict[_Place, Counter[str]] = {}
    for pairs in films:
        for place, reader in pairs:
            counts.setdefault(place, Counter())[reader] += 1
    return {place: ranked(films_of) for place, films_of in counts.items()}


def first_of(
    ranking: Mapping[str, Sequence[str]], film: Sequence[Annotation], finding: str
) -> str | None:
    """The reader who counts on one film; None where nobody marked the finding.

    Args:
        ranking: What ``ranked_readers`` returns.
        film: Annotations of the film.
        finding: What was marked.
    """
    marked = {mark.source for mark in film if mark.finding == finding}
    return next((reader for reader in ranking.get(finding, ()) if reader in marked), None)


def shared(
    ranking: Mapping[str, Sequence[str]], films: Iterable[Sequence[Annotation]]
) -> dict[str, tuple[str, ...]]:
    """The ranking of the findings that several readers marked on one film, sorted by finding.

    Elsewhere the ranking decides nothing, so it is no input of what is made.
    """
    findings = set()
    for film in films:
        readers = Counter(finding for finding, _ in {(mark.finding, mark.source) for mark in film})
        findings |= {finding for finding in ranking if readers[finding] > 1}
    return {finding: tuple(ranking[finding]) for finding in sorted(findings)}
