"""Who was judged, data set by data set."""

import re
import statistics
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from heatproof.report.content import CohortCounts, FindingCounts
from heatproof.tables.films import Films

# As metadata are called: sex, nih_sex, Patient Gender; age, PatientAge.
SEX = re.compile(r"(.*[_\W])?(patient)?(sex|gender)", re.IGNORECASE)


AGE = re.compile(r"(.*[_\W])?(patient)?age", re.IGNORECASE)


YEARS = re.compile(r"0*(\d{1,3}(\.\d+)?)Y?")  # a number, or an age string of DICOM


def cohorts(
    films: Films,
    judged: Collection[tuple[str, str]],
    findings: Mapping[str, Sequence[str]],
    descriptions: Mapping[str, str],
) -> Iterator[CohortCounts]:
    """Who was judged, of every data set of which a model judges films.

    Args:
        films: Of every data set.
        judged: Data set and film of everything that was judged.
        findings: What each data set looks for; data sets that are not named are left out.
        descriptions: Where each data set comes from, in a sentence.
    """
    for data, names in findings.items():
        rows = films.where(data=data)
        here = [(data, image_id) in judged for image_id in rows.frame["image_id"]]
        known = Films(rows.frame.filter(here))
        metadata = known.attributes()
        found = (YEARS.fullmatch(value) for value in _values(metadata, AGE, len(known)))
        ages = [float(years[1]) for years in found if years]
        yield CohortCounts(
            name=data,
            films=len(known),
            patients=_patients(known),
            counts=tuple(_counts(known, finding) for finding in names),
            sexes=_with_unknown(_values(metadata, SEX, len(known))),
            views=_with_unknown(known.frame["view"].to_list()),
            age_median=statistics.median(ages) if ages else None,
            age_range=(min(ages), max(ages)) if ages else None,
            age_unknown=len(known) - len(ages),
            description=descriptions[data],
        )


def _values(
    metadata: Mapping[str, Sequence[str | float | None]], name: re.Pattern[str], films: int
) -> list[str]:
    """One per film, of the first metadata of such a name; empty where it has none."""
    columns = [column for key, column in metadata.items() if name.fullmatch(key)]
    return [
        next((_spelled(column[film]) for column in columns if column[film] is not None), "")
        for film in range(films)
    ]


def _spelled(value: str | float | None) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _with_unknown(values: Sequence[str]) -> dict[str, int]:
    """Value to films; unknown ones last, and nothing where all are unknown."""
    counts = Counter(values)
    unknown = counts.pop("", 0)
    known = dict(sorted(counts.items()))
    return known | {"unknown": unknown} if known and unknown else known


def _patients(films: Films) -> int | None:
    """How many; None where that of any film is unknown."""
    return None if films.frame["patient"].has_nulls() else films.frame["patient"].n_unique()


def _counts(films: Films, finding: str) -> FindingCounts:
    labels = Counter(label for known, label in films.labels_of(finding) if known)
    marked = sum(
        any(mark["finding"] == finding and not mark["benchmark"] for mark in marks)
        for marks in films.frame["marks"].to_list()
    )
    unknown = len(films) - sum(labels.values())
    return FindingCounts(finding, labels[True], labels[False], labels[None], unknown, marked)
