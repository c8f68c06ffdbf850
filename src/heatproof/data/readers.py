"""Which reader counts, where several marked one finding.

Results that compare methods (verdicts, comparisons, reasons for failure, the mean-mask prior) rest
on the marks of one reader for each finding of a data set: the reference standard where there is
one; else the reader who marked the finding on the most films, and of several such the first by
name.  The order in which a data set lists its readers decides nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from heatproof.types import Annotation

REFERENCE = "reference"
"""Name of the reference standard among the readers."""


def ranked(films: Mapping[str, int]) -> tuple[str, ...]:
    """Readers in the order in which they count.

    Args:
        films: On how many films each reader marked the finding.
    """
    return tuple(sorted(films, key=lambda name: (name != REFERENCE, -films[name], name)))


def ranked_readers(films: Iterable[Sequence[Annotation]]) -> dict[str, tuple[str, ...]]:
    """By finding, the readers of a data set in the order in which they count.

    Args:
        films: The annotations of each film.
    """
    counts: dict[str, Counter[str]] = {}
    for annotations in films:
        for finding, reader in {(mark.finding, mark.source) for mark in annotations}:
            counts.setdefault(finding, Counter())[reader] += 1
    return {finding: ranked(films_of) for finding, films_of in counts.items()}
