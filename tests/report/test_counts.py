"""Every count in every sentence is that of the films, patients, findings and methods it names.

Experiments are made up in memory (``trials_in_memory``) with unknown patients, one model, rare
findings, one film, several films of a patient, several findings and readers.  What a sentence
counts is counted again here, from what was drawn.  A sentence with a number that no rule below
knows fails, so that new sentences are counted, too.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache

import numpy as np
import pytest

from heatproof.report.against_prior import AgainstPrior, against_prior
from heatproof.report.facts.doubts import _chosen_on_the_judged
from heatproof.report.page.html import render
from heatproof.report.prose.answers import answers
from heatproof.report.prose.cautions import cautions
from heatproof.report.prose.why_maps_fail import diagnosis_texts
from heatproof.tables.films import Films
from heatproof.types import Sample, Validity
from tests.report.page.test_html import Page
from tests.report.trials_in_memory import Drawn, drawn

SEEDS = (0, 1, 2, 3, 4, 7, 8, 11, 13, 14, 15, 22, 23, 26, 35, 41, 48, 53, 55, 69)
"""Of each kind some; see the last test."""
FEW, TO_CONCLUDE, TO_RANK, TO_FIT = 30, 20, 10, 20


@cache
def trial(seed: int) -> Drawn:
    return drawn(seed)


# What was drawn, counted.


def counting(made: Drawn, finding: str) -> str:
    """The reference standard, or the reader who marked the finding on the most films."""
    films = Counter(
        reader
        for film in made.films
        for reader in {a.source for a in film.annotations if a.finding == finding}
    )
    if "reference" in films:
        return "reference"
    return min(films, key=lambda name: (-films[name], name), default="")


def of_model(made: Drawn, model: str) -> list[str]:
    return [member for member, (name, _) in made.members.items() if name == model]


def values(made: Drawn, model: str, method: str, finding: str) -> dict[str, float]:
    """The scores of one method by film, against the reader who counts."""
    reader = counting(made, finding)
    return {
        film: value
        for (member, name, found, by, film), value in made.scores.items()
        if member in of_model(made, model) and (name, found, by) == (method, finding, reader)
    }


def defined(numbers: Iterable[float]) -> int:
    return sum(math.isfinite(number) for number in numbers)


def measured(made: Drawn, model: str) -> list[str]:
    """The findings that a map of the model was scored for."""
    return [
        finding
        for finding in made.findings
        if any(values(made, model, method, finding) for method in made.methods)
    ]


def marked_on(made: Drawn, finding: str) -> int:
    """The films with a map on which the reader who counts marked the finding."""
    models = {model for model, _ in made.members.values()}
    return len({f for m in models for way in made.methods for f in values(made, m, way, finding)})


def patients(films: Iterable[Sample]) -> tuple[int, int]:
    """Known patients, and films of unknown ones."""
    every = list(films)
    return (
        len({film.patient_id for film in every} - {None}),
        sum(film.patient_id is None for film in every),
    )


def nouns(number: int, noun: str, plural: str = "") -> str:
    return f"1 {noun}" if number == 1 else f"{number or 'no'} {plural or noun + 's'}"


def whom(known: int, lone: int) -> str:
    films = f"{nouns(lone, 'film')} of {'an unknown patient' if lone == 1 else 'unknown patients'}"
    if not lone:
        return nouns(known, "patient")
    return f"{nouns(known, 'patient')} and {films}" if known else films


def span(numbers: Iterable[int]) -> str:
    low, high = min(every := list(numbers)), max(every)
    return nouns(low, "case") if low == high else f"{low} to {high} cases"


# What may be said: each rule is a pattern and the text that must stand there.

Rule = Callable[[Drawn, re.Match[str]], object]
MODEL = r"On films,(?: for (?P<model>\w+),)? "


def model_in(made: Drawn, found: re.Match[str]) -> str:
    return found["model"] or next(model for model, _ in made.members.values())


def panel_rows(made: Drawn, model: str) -> Iterator[tuple[str, str, AgainstPrior]]:
    """Finding, method, and what the paired difference shows, of the reader who counts."""
    for panel in made.content.localization:
        finding, _, reader = panel.finding.partition(" (")
        if not reader or reader == f"{counting(made, finding)})":
            for row in panel.rows:
                if row.model == model:
                    yield finding, row.method, against_prior(row)


def of_pairs(made: Drawn, found: re.Match[str]) -> str:
    """Pairs that can be compared: enough films on which map and prior are defined."""
    model = model_in(made, found)
    better = total = 0
    for finding, method, kind in panel_rows(made, model):
        reader = counting(made, finding)
        both = [
            film
            for film, value in values(made, model, method, finding).items()
            if math.isfinite(value) and (finding, reader, film) in made.prior
        ]
        by_name = {film.image_id: film for film in made.films}
        units = {name if made.intervals.by == "image" else by_name[name].cluster for name in both}
        enough = len(units) >= TO_CONCLUDE
        # Too rare for an interval is decided by the films that the panel's maps were scored on.
        frequent = marked_on(made, finding) >= made.intervals.min_positives
        assert (kind not in (AgainstPrior.NONE, AgainstPrior.TOO_FEW)) == (enough and frequent)
        total += enough and frequent
        better += kind is AgainstPrior.BETTER
    return f"{better or 'none'} of {total} pairs"


def methods_of(made: Drawn, found: re.Match[str]) -> str:
    return f"all {len(made.methods)} methods"


def few_cases(made: Drawn, text: str, model: str) -> str:
    every = [
        defined(values(made, model, method, finding).values())
        for finding in measured(made, model)
        for method in made.methods
    ]
    return f"Only {span(number for number in every if number)}: take this as a hint"


def rare_counts(made: Drawn, found: re.Match[str]) -> str:
    """The films on which it is marked, or those that the model with the fewest finds labelled."""
    said = []
    for finding, number in re.findall(r"(\w+) \((\d+)\)", found["findings"]):
        if "classifier" in found["what"]:
            labelled = [
                sum(film.labels.get(finding) is True for film in films)
                for films in by_model(made).values()
            ]
            assert int(number) == min(labelled)
        if "maps" in found["what"]:
            assert int(number) == marked_on(made, finding)
        assert int(number) < made.intervals.min_positives
        said.append(f"{finding} ({number})")
    assert len(said) == found["findings"].count("(")
    return found["findings"]


def by_model(made: Drawn) -> dict[str, list[Sample]]:
    films: dict[str, list[Sample]] = {}
    for model, judged in made.members.values():
        films.setdefault(model, []).extend(judged)
    return films


def few_on(made: Drawn, found: re.Match[str]) -> str:
    for finding, reader, number in re.findall(r"(\w+)(?: \((\w+)\))? (\d+)", found["findings"]):
        by = reader or counting(made, finding)
        cases = []
        for model in by_model(made):
            for method in made.methods:
                scored = [
                    value
                    for (member, name, what, who, _), value in made.scores.items()
                    if member in of_model(made, model)
                    and (name, what, who) == (method, finding, by)
                ]
                cases.append(defined(scored))
        # Those without an interval (one patient, or no value) are no intervals that are narrow.
        assert int(number) in cases
        assert int(number) < FEW
    return found["findings"]


def aside(made: Drawn, whole: bool) -> int:
    return len({entry.image_id for entry in made.aside if entry.whole is whole})


def seen(made: Drawn, found: re.Match[str]) -> str:
    """Patients, not films, that any member judges and has seen; each once."""
    model = found["model"]
    said = []
    for verb, part in (("trained on", made.seen[:5]), ("tuned on", made.seen[5:])):
        cohorts = [made.cards[m] for m in of_model(made, model)]
        cohort = [c.trained_on if verb == "trained on" else c.tuned_on for c in cohorts if c]
        if all(one.patients for one in cohort):
            names = {film.cluster for film in part}
            there = {film.cluster for film in by_model(made)[model]} & names
            said += [f"{verb} {len(there)}"] if there else []
    total = whom(*patients(by_model(made)[model]))
    return f"{model} was {' and '.join(said)} of the {total} of films on which"


def behind(made: Drawn, model: str, method: str) -> tuple[list[str], list[Sample]]:
    """The findings with a defined score, one for each map, and the films of these maps."""
    often = [
        finding
        for finding in made.findings
        if marked_on(made, finding) >= made.intervals.min_positives
    ]
    maps = [
        (finding, film)
        for finding in often
        for film, value in values(made, model, method, finding).items()
        if math.isfinite(value)
    ]
    names = {film for _, film in maps}
    return [finding for finding, _ in maps], [f for f in made.films if f.image_id in names]


def units(made: Drawn, films: list[Sample]) -> int:
    known, lone = patients(films)
    return len(films) if made.intervals.by == "image" else known + lone


def whose_cases(made: Drawn, model: str) -> str:
    """The words beside the table of trends, for the method with the most."""
    every = {method: behind(made, model, method) for method in made.methods}
    judged = {m: b for m, b in every.items() if units(made, b[1]) >= TO_FIT}
    pool = list((judged or every).values())
    maps, films = max(pool, key=lambda b: (units(made, b[1]), len(b[0])))
    known, lone = patients(films)
    start = nouns(len(films), "marked film")
    if len(maps) != len(films):
        start = f"{nouns(len(maps), 'finding')} marked on {nouns(len(films), 'film')}"
    if judged and len({len(b[0]) for b in pool}) > 1:
        start = f"up to {start}"
    if made.intervals.by == "image" and lone < len(films):
        return f"{start}, each of which counts as one"
    if not lone:
        return f"{start} of {nouns(known, 'patient')}"
    if not known:
        return f"{start}; their patients are unknown, so each film counts as one"
    alone = (
        "1 of an unknown patient, which counts as one"
        if lone == 1
        else f"{lone} of unknown patients, each of which counts as one"
    )
    return f"{start}: {len(films) - lone} of {nouns(known, 'patient')}, and {alone}"


def without_estimates(text: str) -> str:
    """The text without values, their intervals and names that hold digits."""
    text = re.sub(r"\[[^\]]*\]", "", text)
    return re.sub(r"[<>+−]*\d+\.\d+", "", text)


def counts_in(text: str) -> list[str]:
    return re.findall(r"\d[\d,]*", without_estimates(text))


def check(made: Drawn, text: str, rules: dict[str, Rule]) -> None:
    """Every number of the text stands where a rule knows what is counted."""
    rest = without_estimates(text)
    for pattern, rule in rules.items():
        for found in re.finditer(pattern, text):
            expected = rule(made, found)
            assert str(expected) in found[0], (made.seed, text, expected)
            rest = rest.replace(without_estimates(found[0]), "", 1)
    assert not re.search(r"\d", rest), (made.seed, text, rest)


ANSWERS: dict[str, Rule] = {
    MODEL + r"IoU was measured for \d+ findings?,": lambda made, found: nouns(
        len(measured(made, model_in(made, found))), "finding"
    ),
    MODEL + r"maps were shown .* in (?:\d+|none) of \d+ pairs": of_pairs,
    MODEL + r"all \d+ methods find": methods_of,
}


def details(made: Drawn, model: str) -> dict[str, Rule]:
    def over(made: Drawn, found: re.Match[str]) -> str:
        scored = [values(made, model, found["method"], f) for f in measured(made, model)]
        return f"over {nouns(sum(defined(one.values()) > 0 for one in scored), 'finding')}"

    def every(made: Drawn, found: re.Match[str]) -> str:
        return f"the {len(measured(made, model))} findings"

    def alone(made: Drawn, found: re.Match[str]) -> str:
        [finding] = measured(made, model)
        number = defined(values(made, model, found["method"], finding).values())
        return f", {nouns(number, 'case')}"

    return {
        r"^(?P<method>\w+): IoU from .* over \d+ findings?\.": over,
        r"any of the \d+ findings": every,
        r"for all \d+ findings": lambda made, _: f"all {len(measured(made, model))} findings",
        r"^(?P<method>\w+): IoU .*, \d+ cases?$": alone,
        r"^Only .*: take this as a hint": lambda made, found: few_cases(made, found[0], model),
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_the_short_answer_counts_what_it_says(seed: int) -> None:
    made = trial(seed)
    for answer in answers(made.content):
        if "beside that of" in answer.headline:
            for line in answer.details:
                check(made, line, compared(made, line))
        elif answer.headline.startswith("As a classifier"):
            check(made, answer.headline, classified(made))
        else:
            check(made, answer.headline, ANSWERS)
            found = re.match(MODEL, answer.headline)
            assert found
            for line in answer.details:
                check(made, line, details(made, model_in(made, found)))


def compared(made: Drawn, line: str) -> dict[str, Rule]:
    """Findings that both models have on enough films, with at least one film of both."""
    first, *_, last = [model for model, _ in made.members.values()]
    method, _, _ = line.partition(":")
    both = [
        finding
        for finding in made.findings
        if marked_on(made, finding) >= made.intervals.min_positives
        and values(made, first, method, finding)
        and values(made, last, method, finding)
    ]

    def number(made: Drawn, found: re.Match[str]) -> str:
        for count, names in re.findall(r"(\d+) \(([^)]*)\)", found[0]):
            assert int(count) == len(re.findall(r"\w+", names.replace(" and ", ", ")))
        return f"of {nouns(len(both), 'finding')};"

    return {r"shown to be worse in .* findings?;": number}


def classified(made: Drawn) -> dict[str, Rule]:
    def labelled(model: str, finding: str) -> tuple[int, int]:
        kinds = Counter(film.labels.get(finding, "unknown") for film in by_model(made)[model])
        return kinds[True], kinds[False]

    def patients(model: str, finding: str) -> int:
        """Those of the class that has fewer."""
        of_class: dict[bool, set[str]] = {True: set(), False: set()}
        for film in by_model(made)[model]:
            if (label := film.labels.get(finding)) is not None:
                by_image = made.intervals.by == "image"
                of_class[bool(label)].add(film.image_id if by_image else film.cluster)
        return min(len(units) for units in of_class.values())

    def enough(model: str) -> list[int]:
        """The smaller class of each finding that an AUROC is said for."""
        said = [
            row.finding
            for row in made.content.classification
            if row.model == model and not math.isnan(row.auroc.low)
        ]
        return [
            min(labelled(model, finding))
            for finding in made.findings
            if finding in said and patients(model, finding) >= TO_RANK
        ]

    def over(_: Drawn, found: re.Match[str]) -> str:
        return f"over {nouns(len(enough(found['model'])), 'finding')}."

    def smallest(_: Drawn, found: re.Match[str]) -> str:
        model = found.string.removeprefix("As a classifier on films, ").partition(" ")[0]
        return f"Only {nouns(min(enough(model)), 'case')} in"

    return {
        r"films, (?P<model>\w+) reaches AUROC from .* over \d+ findings?\.": over,
        r"Only \d+ cases? in": smallest,
    }


CAUTIONS: dict[str, Rule] = {
    r"concluded about (?P<what>[\w ]+) on films for (?P<findings>.*): too few": rare_counts,
    r"Few cases on films: (?P<findings>.*)\. (?=Fewer)": few_on,
    r"Fewer than 30 cases": lambda *_: FEW,
    r"\d+ films? w\w+ set aside": lambda made, _: nouns(aside(made, True), "film"),
    r"Of \d+ films? or files?": lambda made, _: nouns(
        aside(made, False), "film or file", "films or files"
    ),
    r"Not every map of (?P<method>\w+) is valid: of .*": lambda made, found: (
        f"of {sum(made.counts[found['method']].values())},"
        f" {made.counts[found['method']][Validity.ZERO]} zero."
    ),
    r"(?P<model>\w+) was (?:trained|tuned) on \d.* of films on which": seen,
}


@pytest.mark.parametrize("seed", SEEDS)
def test_warnings_count_what_they_say(seed: int) -> None:
    made = trial(seed)
    for caution in cautions(made.content):
        check(made, caution.text, CAUTIONS)


Behind = dict[str, tuple[list[str], list[Sample]]]
"""By method, the findings of its maps with a score, and their films."""


def reasons(every: Behind, asked: Behind) -> dict[str, Rule]:
    few = {method: len(maps) for method, (maps, _) in asked.items() if len(maps) < FEW}

    def names(text: str) -> list[str]:
        return re.findall(r"\w+", text.replace(" and ", " "))

    def hint(_: Drawn, found: re.Match[str]) -> str:
        assert set(names(found["whose"] or "")) in (set(), set(few))
        return f"are {span(few.values())}: take it as a hint"

    def others(_: Drawn, found: re.Match[str]) -> str:
        return f"the other {len(asked) - len(names(found['whose']))} methods"

    def short(made: Drawn, _: re.Match[str]) -> str:
        films = max((films for _, films in every.values()), key=lambda films: units(made, films))
        known, lone = patients(films)
        if made.intervals.by == "image" or not (known and lone):
            return f": {units(made, films)}"
        return f": {known + lone}, of which {lone} are films of unknown patients,"

    return {
        r"maps of all \d+ methods do": lambda *_: f"all {len(asked)} methods",
        r"maps of (?P<whose>.*) do \w+; not shown for the other \d+ methods": others,
        r"(?:These|Those of (?P<whose>.*)) are .*: take it as a hint": hint,
        r"There are too few \w+ to say why maps fail: .* that has a score": short,
        r"at least 20 are needed": lambda *_: TO_FIT,
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_reasons_for_failure_count_what_they_say(seed: int) -> None:
    made = trial(seed)
    for text in diagnosis_texts(made.content):
        model = text.heading.partition(", ")[2] or next(iter(by_model(made)))
        every = {method: behind(made, model, method) for method in made.methods}
        asked = {m: b for m, b in every.items() if units(made, b[1]) >= TO_FIT}
        assert text.cases == whose_cases(made, model)
        assert set(text.methods) == set(asked)
        for sentence in text.sentences:
            if not sentence.startswith("On films of"):  # the name of a group may be a number
                check(made, sentence, reasons(every, asked))


def test_training_films_of_unknown_patients_are_no_patients() -> None:
    for seed in SEEDS:
        made = trial(seed)
        for text in made.content.models:
            cards = [made.cards[member] for member in of_model(made, text.name)]
            if text.trained_on and all(card and card.trained_on.patients for card in cards):
                assert text.trained_on == f"seen ({whom(*patients(made.seen[:5]))})"


@pytest.mark.parametrize("seed", [0, 1, 2, 4])
def test_the_page_counts_films_patients_labels_and_marks(seed: int) -> None:
    made = trial(seed)
    [cohort] = made.content.cohorts
    text = " ".join(Page(render(made.content)).text.split())
    known, lone = patients(made.films)
    number = "patients unknown" if lone else nouns(known, "patient")
    assert f"films {nouns(len(made.films), 'film')}, {number}" in text
    for row in cohort.counts:
        labels = Counter(film.labels.get(row.finding, "unknown") for film in made.films)
        drawn_on = sum(
            any(a.finding == row.finding and a.instances for a in film.annotations)
            for film in made.films
        )
        expected = (labels[True], labels[False], labels[None], labels["unknown"], drawn_on)
        found = (row.positive, row.negative, row.uncertain, row.unknown, row.annotated)
        assert found == expected
        assert sum(expected[:4]) == len(made.films)
        assert f"{row.finding} {' '.join(str(n) for n in expected)}" in text


def test_the_experiments_are_of_every_kind() -> None:
    """Or the tests above would compare nothing with nothing."""
    every = [trial(seed) for seed in SEEDS]
    said = " ".join(
        text
        for made in every
        for text in (
            *(
                line
                for answer in answers(made.content)
                for line in (answer.headline, *answer.details)
            ),
            *(caution.text for caution in cautions(made.content)),
            *(
                t
                for story in diagnosis_texts(made.content)
                for t in (*story.sentences, story.cases)
            ),
        )
    )
    for kind in (
        "pairs of method and finding", "was measured for", "take this as a hint",
        "beside that of", "in the smallest class", "Nothing is concluded about", "Few cases on",
        "set aside", "films or files", "Not every map", "films of unknown patients of films",
        "There are too few patients", "There are too few films", "their patients are unknown",
        "each of which counts as one", "marked films of", "marked on", "take it as a hint",
        "up to", "Nothing was asked of",
    ):  # fmt: skip
        assert kind in said, kind
    assert np.isfinite(
        [panel.rows[0].estimate.value for panel in every[0].content.localization]
    ).any()


def test_an_operating_point_chosen_on_films_of_unknown_patients_counts_films() -> None:
    """Two data sets name their films alike; only a known patient is certain to be the same."""
    for seed in SEEDS:
        made = trial(seed)
        films = Films.of({"films": made.films, "seen": made.seen})
        said = " ".join(_chosen_on_the_judged("seen", films, made.judged))
        judged = [film for _, some in made.members.values() for film in some]
        known = {film.patient_id for film in judged} & {film.patient_id for film in made.seen}
        lone = [
            {film.image_id for film in some if film.patient_id is None}
            for some in (judged, made.seen)
        ]
        expected = [len(known - {None}), len(lone[0] & lone[1])]
        found = [re.search(rf"(\d+) {noun}", said) for noun in ("patients? of", "films? of")]
        assert [int(one[1]) if one else 0 for one in found] == expected


def test_halves_are_of_patients_or_of_films() -> None:
    said = set()
    for seed in SEEDS:
        made = trial(seed)
        for row in made.content.classification:
            judged = by_model(made)[row.model]
            known, lone = patients(
                film for film in judged if film.labels.get(row.finding) is not None
            )
            if row.point:
                whom = "patients and films of unknown patients" if known else "films"
                whom = whom if lone else "patients"
                assert f"each half of the {whom} judged" in row.point.chosen_on, seed
                said.add(whom)
    assert len(said) == 3
