"""Who was judged, data set by data set."""

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence

from heatproof.experiment.workspace import Workspace
from heatproof.registry import docstring_summary
from heatproof.report.content import CohortCounts, FindingCounts
from heatproof.stages.written import SetAside
from heatproof.types import Sample

# As metadata are called: sex, nih_sex, Patient Gender; age, PatientAge.
SEX = re.compile(r"(.*[_\W])?(patient)?(sex|gender)", re.IGNORECASE)


AGE = re.compile(r"(.*[_\W])?(patient)?age", re.IGNORECASE)


YEARS = re.compile(r"0*(\d{1,3}(\.\d+)?)Y?")  # a number, or an age string of DICOM


def cohorts(work: Workspace, aside: Sequence[SetAside]) -> Iterator[CohortCounts]:
    """Who was judged, of every data set: those that no model judges stand in no number."""
    gone = {(entry.dataset, entry.image_id) for entry in aside if entry.whole}
    judging = [one for one in work.judgings if one.explained and not one.tunes]
    shown = {(one.films.name, sample.image_id) for one in judging for sample in one.samples}
    for maps in work.experiment.maps:
        if maps.data == work.experiment.score.tune:
            continue
        shown |= {(maps.data, sample.image_id) for sample in work.data[maps.data].samples}
    names, judged = {name for name, _ in shown}, shown - gone
    for entry in work.experiment.data:
        if entry.name not in names:
            continue
        films = work.data[entry.name]
        samples = [s for s in films.samples if (entry.name, s.image_id) in judged]
        found = (YEARS.fullmatch(value) for value in _values(samples, AGE))
        ages = [float(years[1]) for years in found if years]
        yield CohortCounts(
            name=entry.name,
            films=len(samples),
            patients=_patients(samples),
            counts=tuple(_counts(samples, finding) for finding in films.findings),
            sexes=_with_unknown(_values(samples, SEX)),
            views=_with_unknown([sample.view for sample in samples]),
            age_median=statistics.median(ages) if ages else None,
            age_range=(min(ages), max(ages)) if ages else None,
            age_unknown=len(samples) - len(ages),
            description=docstring_summary(type(films.dataset).__doc__),
        )


def _values(samples: Sequence[Sample], name: re.Pattern[str]) -> list[str]:
    """One per film, of the first metadata of such a name; empty where it has none."""
    return [
        next((_spelled(value) for key, value in s.metadata.items() if name.fullmatch(key)), "")
        for s in samples
    ]


def _spelled(value: str | float) -> str:
    return f"{value:g}" if isinstance(value, float) else value


def _with_unknown(values: Sequence[str]) -> dict[str, int]:
    """Value to films; those of which nothing is known last, and none where that are all."""
    counts = Counter(values)
    unknown = counts.pop("", 0)
    known = dict(sorted(counts.items()))
    return known | {"unknown": unknown} if known and unknown else known


def _patients(samples: Sequence[Sample]) -> int | None:
    known = {sample.patient_id for sample in samples}
    return None if None in known else len(known)


def _counts(samples: Sequence[Sample], finding: str) -> FindingCounts:
    labels = Counter(s.labels[finding] for s in samples if finding in s.labels)
    marked = sum(any(a.finding == finding for a in s.annotations) for s in samples)
    unknown = len(samples) - sum(labels.values())
    return FindingCounts(finding, labels[True], labels[False], labels[None], unknown, marked)
