"""Who was judged, data set by data set."""

import re
import statistics
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from heatproof.report.content import CohortCounts, FindingCounts
from heatproof.tables.films import Films
from heatproof.words import spelled

# How data sets name the metadata: sex, nih_sex, Patient Gender; age, PatientAge.
SEX = re.compile(r"(.*[_\W])?(patient)?(sex|gender)", re.IGNORECASE)
# What precedes the name must end in a separator, since image and dosage end in age, too.
AGE = re.compile(r"(.*[_\W])?(patient)?age", re.IGNORECASE)
# Ages in months, weeks or days (M, W, D) do not match, and count as unknown.
YEARS = re.compile(r"0*(\d{1,3}(\.\d+)?)Y?")  # a number, or an age string of DICOM


def cohorts(
    films: Films,
    judged: Collection[tuple[str, str]],
    findings: Mapping[str, Sequence[str]],
    descriptions: Mapping[str, str],
) -> Iterator[CohortCounts]:
    """The films that were judged, data set by data set.

    Args:
        films: The films of every data set.
        judged: Data set and ``image_id`` of every film that was judged.
        findings: The findings of each data set; data sets that are not named are left out.
        descriptions: Where each data set comes from, in a sentence.
    """
    for data, names in findings.items():
        rows = films.where(data=data)
        is_judged = [(data, image_id) in judged for image_id in rows.frame["image_id"]]
        cohort = Films(rows.frame.filter(is_judged))
        metadata = cohort.attributes()
        matches = (YEARS.fullmatch(value) for value in _values(metadata, AGE, len(cohort)))
        ages = [float(years[1]) for years in matches if years]
        yield CohortCounts(
            name=data,
            films=len(cohort),
            patients=_patients(cohort),
            counts=tuple(_counts(cohort, finding) for finding in names),
            sexes=_with_unknown(_values(metadata, SEX, len(cohort))),
            views=_with_unknown(cohort.frame["view"].to_list()),
            age_median=statistics.median(ages) if ages else None,
            age_range=(min(ages), max(ages)) if ages else None,
            age_unknown=len(cohort) - len(ages),
            description=descriptions[data],
        )


def _values(
    metadata: Mapping[str, Sequence[str | float | None]], name: re.Pattern[str], films: int
) -> list[str]:
    """The value of each film, from the first column of such a name that has one; else empty."""
    columns = [column for key, column in metadata.items() if name.fullmatch(key)]
    return [
        next((spelled(column[film]) for column in columns if column[film] is not None), "")
        for film in range(films)
    ]


def _with_unknown(values: Sequence[str]) -> dict[str, int]:
    """Value to number of films, unknown ones last; empty where all are unknown."""
    counts = Counter(values)
    unknown = counts.pop("", 0)
    by_value = dict(sorted(counts.items()))
    return by_value | {"unknown": unknown} if by_value and unknown else by_value


def _patients(films: Films) -> int | None:
    """The number of patients; None where the patient of any film is unknown."""
    return None if films.frame["patient"].has_nulls() else films.frame["patient"].n_unique()


def _counts(films: Films, finding: str) -> FindingCounts:
    labels = Counter(label for labelled, label in films.labels_of(finding) if labelled)
    marked = sum(
        any(
            # An annotation may be there in which nothing is drawn.
            mark["finding"] == finding and mark["instances"] and not mark["benchmark"]
            for mark in marks
        )
        for marks in films.frame["marks"].to_list()
    )
    unknown = len(films) - sum(labels.values())
    return FindingCounts(finding, labels[True], labels[False], labels[None], unknown, marked)
