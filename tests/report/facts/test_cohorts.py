"""Who was judged, counted from a table of films."""

from heatproof.report.facts.cohorts import cohorts
from heatproof.tables.films import Films
from tests.analysis.made_up import films

NAMES = "abcdef"
LABELS = {  # of the finding; "e" has none
    "a": [True], "b": [True], "c": [False], "d": [None], "e": [], "f": [True],
}  # fmt: skip
COLUMNS = {
    "labels": {
        name: [{"finding": "Edema", "label": label} for label in labels]
        for name, labels in LABELS.items()
    },
    "patient": {name: f"p{place // 2}" for place, name in enumerate(NAMES)},
    "view": dict(zip(NAMES, ("PA", "AP", "PA", "", "", "PA"), strict=True)),
    "metadata_Patient Gender": {"a": "F", "b": "M", "c": "F", "d": "F"},
    "metadata_PatientAge": {"a": "061Y", "b": 40, "c": "unknown", "f": 5},
}
MARKS = {name: [("Edema", "reference")] if name in "af" else [] for name in NAMES}
MARKS["b"] = [("Mass", "reference")]


def counted(judged=NAMES[:5], **changes):
    table = Films.of_rows([*films(MARKS, **(COLUMNS | changes)), *films({"a": []}, data="other")])
    found = list(
        cohorts(table, {("films", name) for name in judged}, {"films": ["Edema"]}, {"films": "x"})
    )
    assert len(found) == 1
    return found[0]


def test_films_that_were_judged_are_counted():
    cohort = counted()
    assert (cohort.name, cohort.description) == ("films", "x")
    assert (cohort.films, cohort.patients) == (5, 3)
    [edema] = cohort.counts
    assert (edema.finding, edema.positive, edema.negative) == ("Edema", 2, 1)
    assert (edema.uncertain, edema.unknown, edema.annotated) == (1, 1, 1)


def test_sexes_views_and_ages_are_read_from_what_is_known():
    cohort = counted()
    assert cohort.sexes == {"F": 3, "M": 1, "unknown": 1}
    assert list(cohort.sexes)[-1] == "unknown"
    assert cohort.views == {"AP": 1, "PA": 2, "unknown": 2}
    assert (cohort.age_median, cohort.age_range, cohort.age_unknown) == (50.5, (40, 61), 3)


def test_what_is_unknown_of_all_is_not_said():
    unknown = {"patient": COLUMNS["patient"] | {"b": None}, "view": dict.fromkeys(NAMES, "")}
    nothing = {"metadata_Patient Gender": {}, "metadata_PatientAge": {}}
    cohort = counted(**unknown, **nothing)
    assert cohort.patients is None
    assert cohort.views == cohort.sexes == {}
    assert (cohort.age_median, cohort.age_range, cohort.age_unknown) == (None, None, 5)
