"""What lies in a data set: counts of films, patients, labels, views, marks and missing
files, and the agreement of readers.
"""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from heatproof.data.annotations.agreement import Agreement, agreements
from heatproof.data.check import check
from heatproof.data.pixels import ImageFile
from heatproof.disk import is_file
from heatproof.types import Dataset


@dataclass(frozen=True)
class Labelled:
    """How many films have a finding; ``prevalence`` is of films with a certain label.

    Attributes:
        present: Films with it.
        absent: Films without it.
        uncertain: Films of which it is uncertain.
        unknown: Films without a label of it.
        prevalence: Share of the present among present and absent; None where there are neither.
    """

    present: int
    absent: int
    uncertain: int
    unknown: int
    prevalence: float | None


@dataclass(frozen=True)
class Marked:
    """What one reader marked of one finding.

    Attributes:
        finding: What was marked.
        reader: Who marked it.
        films: Films that are marked.
        instances: Things on them.
    """

    finding: str
    reader: str
    films: int
    instances: int


@dataclass(frozen=True)
class Overview:
    """What lies in a data set.

    Attributes:
        films: Number of films.
        patients: Number of patients; None where any is unknown, so that films count by themselves.
        studies: Number of examinations; None likewise.
        missing: Files of films that are not there.
        labels: By finding.
        views: Films of each view, the most frequent first; empty text is unknown.
        marks: By finding and reader.
        agreement: By finding, of every two readers; their masks are compared where headers are
            read.
        problems: Marks that do not fit their film, and films that cannot be read, each in words;
            asked for apart, since every header is read.
    """

    films: int
    patients: int | None
    studies: int | None
    missing: tuple[str, ...]
    labels: dict[str, Labelled]
    views: dict[str, int]
    marks: tuple[Marked, ...]
    agreement: tuple[Agreement, ...] = ()
    problems: tuple[str, ...] | None = None

    def plain(self) -> dict[str, Any]:
        """As values of JSON."""
        return asdict(self)


def overview(dataset: Dataset, *, headers: bool = False) -> Overview:
    """Count what lies in a data set.

    Args:
        dataset: The data set.
        headers: Whether the header of every film is read, too, to find films that cannot be read
            and marks that do not fit, and to compare the masks of readers.
    """
    films = [dataset[index] for index in range(len(dataset))]
    patients = {film.patient_id for film in films}
    studies = {film.study_id for film in films}
    on_films: Counter[tuple[str, str]] = Counter()
    instances: Counter[tuple[str, str]] = Counter()
    for film in films:
        on_films.update({(mark.finding, mark.source) for mark in film.annotations})
        for mark in film.annotations:
            instances[mark.finding, mark.source] += mark.instances
    missing = tuple(
        str(film.pixels.path)
        for film in films
        if isinstance(film.pixels, ImageFile) and not is_file(film.pixels.path)
    )
    problems = None
    if headers:
        problems = tuple(f"{p.image_id}: {p.reason}" for p in check(dataset) if not p.missing)
    return Overview(
        films=len(films),
        patients=None if None in patients else len(patients),
        studies=None if "" in studies else len(studies),
        missing=missing,
        labels={
            finding: _labelled(Counter(film.labels.get(finding, "unknown") for film in films))
            for finding in dataset.findings
        },
        views=dict(Counter(film.view for film in films).most_common()),
        marks=tuple(
            Marked(finding, reader, count, instances[finding, reader])
            for (finding, reader), count in sorted(on_films.items())
        ),
        agreement=agreements(films, masks=headers),
        problems=problems,
    )


def _labelled(counts: "Counter[bool | str | None]") -> Labelled:
    present, absent = counts[True], counts[False]
    known = present + absent
    prevalence = present / known if known else None
    return Labelled(present, absent, counts[None], counts["unknown"], prevalence)
