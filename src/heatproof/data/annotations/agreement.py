"""How far two readers agree on the films that both of them marked.

By finding and pair of readers: on how many films both marked it, on how many either did, and the
median Dice coefficient of their masks on the films that both marked, 2 |A and B| / (|A| + |B|)
(Dice 1945, https://doi.org/10.2307/1932409).  A consensus that is made of several readers is not
taken for another one, and two readers of whom no film is marked by both are no pair, since they may
never have seen the same.  Who looked at a film and drew nothing is not known to every data set, so
the films of neither are not counted, and no agreement beyond chance is claimed.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from heatproof.data.annotations.references import reference_mask
from heatproof.errors import AnnotationError, PixelError
from heatproof.types import REFERENCE, Sample


@dataclass(frozen=True)
class Agreement:
    """Two readers and one finding.

    Attributes:
        finding: What they marked.
        reader: One of them, the first by name.
        other: The other one.
        both: Films that both marked.
        either: Films that at least one marked.
        dice: Median over the films that both marked and that can be compared; None where masks were
            not asked for, or cannot be made.
    """

    finding: str
    reader: str
    other: str
    both: int
    either: int
    dice: float | None = None


def agreements(films: Sequence[Sample], *, masks: bool) -> tuple[Agreement, ...]:
    """Every two readers of a finding, in the order of findings and names.

    Args:
        films: The films.
        masks: Whether masks are compared, for which the header of every such film is read.
    """
    marked: defaultdict[str, dict[str, dict[str, Sample]]] = defaultdict(dict)
    pairs: set[tuple[str, ...]] = set()
    for film in films:
        pairs.update(combinations(sorted({mark.source for mark in film.annotations}), 2))
        for mark in film.annotations:
            marked[mark.finding].setdefault(mark.source, {})[film.image_id] = film
    return tuple(
        _agreement(finding, reader, other, by_reader, masks=masks)
        for finding, by_reader in sorted(marked.items())
        for reader, other in combinations(sorted(_single(by_reader)), 2)
        if (reader, other) in pairs
    )


def _single(by_reader: Mapping[str, object]) -> list[str]:
    """The readers, without what several of them agreed on."""
    single = [reader for reader in by_reader if reader != REFERENCE]
    return single if len(single) > 1 else [*by_reader]


def _agreement(
    finding: str,
    reader: str,
    other: str,
    by_reader: Mapping[str, Mapping[str, Sample]],
    *,
    masks: bool,
) -> Agreement:
    first, second = by_reader[reader], by_reader[other]
    both = [film for image_id, film in first.items() if image_id in second]
    scores = [_dice(film, finding, reader, other) for film in both] if masks else []
    known = [score for score in scores if score is not None]
    return Agreement(
        finding,
        reader,
        other,
        len(both),
        len(first) + len(second) - len(both),
        median(known) if known else None,
    )


def _dice(film: Sample, finding: str, reader: str, other: str) -> float | None:
    try:
        one, two = (reference_mask(film, finding, name) for name in (reader, other))
    except (AnnotationError, PixelError):
        return None  # which the check of the data set tells
    size = int(one.sum()) + int(two.sum())
    return 2 * int((one & two).sum()) / size if size else None
