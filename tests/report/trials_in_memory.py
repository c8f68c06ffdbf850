"""Small experiments made up in memory: films, marks, scores and what the report says of them.

What was drawn stays as plain lists, so that a test can count it without the tables.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from heatproof.analysis.analyse import Questions, Tables, analyse
from heatproof.analysis.classification import Calls, with_thresholds
from heatproof.analysis.intervals import Intervals
from heatproof.data.annotations import Boxes
from heatproof.data.geometry import Squash
from heatproof.experiment.assignment import Assignment
from heatproof.experiment.films import OpenedData
from heatproof.localize.controls import PRIOR
from heatproof.models.card import Cohort, ModelCard
from heatproof.models.preprocessing import Preprocessing
from heatproof.report.content import Content, MapCounts, MethodText, MetricText
from heatproof.report.facts.cohorts import cohorts
from heatproof.report.facts.models import clusters_by_hash, models, patient_overlaps
from heatproof.stages.blocks import Judged
from heatproof.stages.written import SetAside
from heatproof.tables.pairs import Pairs
from heatproof.tables.predictions import Predictions
from heatproof.tables.scores import Scores
from heatproof.tables.shapes import Shapes
from heatproof.tables.structures import OnStructures
from heatproof.types import Annotation, ModelId, Sample, Validity
from tests.analysis.made_up import Films, measures
from tests.report import trial
from tests.train.toys import Listed
from tests.trust.unread import Unread

FINDINGS = ("Edema", "Mass", "Nodule")
METHODS = ("cam", "gradient", "noise")
PREPROCESSING = Preprocessing(Squash(8, 8), channels=1, mean=(0.5,), std=(0.25,))
NAN = float("nan")


@dataclass
class Drawn:
    """One experiment.

    Attributes:
        films: The films of the data set ``films``, with what is known and marked.
        seen: Films of another data set, on which models were trained and tuned.
        members: By name, its model and the films that it judges.
        scores: By member, method, finding, reader and film; nan where undefined.
        prior: By finding, reader and film.
        aside: What was set aside.
        counts: How many maps of each validity each method made.
    """

    seed: int
    findings: tuple[str, ...]
    methods: tuple[str, ...]
    intervals: Intervals
    films: list[Sample]
    seen: list[Sample]
    members: dict[str, tuple[str, list[Sample]]]
    scores: dict[tuple[str, str, str, str, str], float] = field(default_factory=dict)
    prior: dict[tuple[str, str, str], float] = field(default_factory=dict)
    aside: list[SetAside] = field(default_factory=list)
    counts: dict[str, dict[Validity, int]] = field(default_factory=dict)
    cards: dict[str, ModelCard | None] = field(default_factory=dict)

    @cached_property
    def content(self) -> Content:
        """What the report holds."""
        known = Films.of({"films": self.films, "seen": self.seen})
        told = Predictions.of_rows(self._predictions())
        calls, judged = Calls(), {("films", model) for model, _ in self.members.values()}
        tables = Tables(
            known, told, with_thresholds(told, known, calls), Scores.of_rows(self._scores()),
            Shapes.of_rows(self._shapes()), OnStructures.of_rows([]), Pairs.of_rows([]),
        )  # fmt: skip
        names = [model for model, _ in self.members.values()]
        compare = [(names[0], names[-1])] if names[0] != names[-1] else []
        questions = Questions(measures("iou"), judged, self.intervals, calls, compare)
        gone = {(entry.dataset, entry.image_id) for entry in self.aside if entry.whole}
        judged_films = {("films", film.image_id) for film in self.films} - gone
        return Content(
            "t", "", trial.PROVENANCE,
            cohorts=tuple(cohorts(known, judged_films, {"films": self.findings}, {"films": ""})),
            set_aside=tuple(self.aside),
            overlaps=tuple(patient_overlaps(self.judged, gone)),
            models=tuple(models(self.judged, clusters_by_hash([*self.films, *self.seen]))),
            methods=tuple(
                MethodText(method, method, "", (MapCounts("net", "films", None, counts),))
                for method, counts in self.counts.items()
            ),
            metrics=(MetricText("iou", "IoU", "", ""),),
            **vars(analyse(tables, questions)),
        )  # fmt: skip

    @cached_property
    def judged(self) -> list[Judged]:
        opened = OpenedData("films", Listed(self.films, self.findings), {})
        return [
            Judged(
                Assignment(member, model, opened, tuple(films)),
                ModelId("toy"),
                self.cards[member],
                (),
                self.methods,
            )
            for member, (model, films) in self.members.items()
        ]

    def _scores(self) -> Iterator[dict[str, Any]]:
        by_name = {film.image_id: film for film in self.films}
        for (member, method, finding, reader, name), value in self.scores.items():
            model = self.members[member][0]
            yield _score(by_name[name], finding, reader, value, (model, member, method))
        for (finding, reader, name), value in self.prior.items():
            yield _score(by_name[name], finding, reader, value, ("", "", PRIOR))

    def _predictions(self) -> Iterator[dict[str, Any]]:
        rng = np.random.default_rng(self.seed)
        for member, (model, films) in self.members.items():
            for film in films:
                for finding in self.findings:
                    yield {
                        "data": "films", "model": model, "member": member,
                        "image_id": film.image_id, "cluster": film.cluster, "finding": finding,
                        "label": film.labels.get(finding), "probability": float(rng.random()),
                    }  # fmt: skip

    def _shapes(self) -> Iterator[dict[str, Any]]:
        rng = np.random.default_rng(self.seed)
        for film in self.films:
            for mark in film.annotations:
                if mark.instances:
                    yield {
                        "data": "films", "image_id": film.image_id, "finding": mark.finding,
                        "reader": mark.source, "instances": mark.instances,
                        "area_ratio": float(rng.random()), "elongation": 1 + float(rng.random()),
                        "irrectangularity": float(rng.random()), "box_coverage": 0.5,
                    }  # fmt: skip


def _score(
    film: Sample, finding: str, reader: str, value: float, made: tuple[str, str, str]
) -> dict[str, Any]:
    regions = sum(
        a.instances for a in film.annotations if (a.finding, a.source) == (finding, reader)
    )
    return {
        "data": "films", "model": made[0], "member": made[1], "image_id": film.image_id,
        "cluster": film.cluster, "finding": finding, "reader": reader, "method": made[2],
        "regions": regions, "metric": "iou", "value": value, "seen": None, "validity": "ok",
    }  # fmt: skip


MANY = (7, 11, 35, 53)
"""Seeds of experiments with three times as many films."""


def drawn(seed: int) -> Drawn:
    """One experiment: patients known, unknown or some of each; one model or several; and so on."""
    rng = np.random.default_rng(seed)
    findings = FINDINGS[: int(rng.integers(1, 4))]
    methods = METHODS[: int(rng.integers(1, 4))]
    count = int(rng.choice([1, 2, 6, 13, 30, 36]))
    # Enough films that something is concluded.
    count = 3 * count if seed in MANY else count
    films = [_film(rng, f"f{number}", count, findings, seed % 3) for number in range(count)]
    seen = [_film(rng, f"f{number}", 9, findings, seed % 3) for number in range(0, 60, 7)]
    members = _members(rng, films)
    chosen = Intervals(
        by="image" if rng.random() < 0.2 else "patient",
        resamples=20,
        min_positives=int(rng.choice([1, 1, 5, 10])),
    )
    made = Drawn(seed, findings, methods, chosen, films, seen, members)
    quality = {method: float(rng.uniform(0.1, 0.9)) for method in methods}
    for film in films:
        for mark in film.annotations:
            if mark.instances:
                place = (mark.finding, mark.source, film.image_id)
                if seed % 4:  # else there is no prior
                    made.prior[place] = float(rng.uniform(0.3, 0.5))
                for member, (_, judged) in members.items():
                    for method in methods if film in judged else ():
                        value = float(np.clip(rng.normal(quality[method], 0.1), 0, 1))
                        lost = rng.random() < 0.1
                        made.scores[member, method, *place] = NAN if lost else value
    for method in methods:
        made.counts[method] = {Validity.OK: 40, Validity.ZERO: int(rng.integers(3))}
    for member in members:
        trained, tuned = (
            Cohort() if rng.random() < 0.3 else Cohort.of("seen", part)
            for part in (seen[:5], seen[5:])
        )
        made.cards[member] = ModelCard(
            ModelId("toy"), findings, PREPROCESSING, trained_on=trained, tuned_on=tuned
        )
    for number in range(int(rng.integers(6))):
        # Each is listed with two reasons.
        name, whole = f"broken {number // 2}", number // 2 == 1
        made.aside.append(SetAside("films", name, f"reason {number}", whole))
    return made


def _film(
    rng: np.random.Generator, name: str, patients: int, findings: tuple[str, ...], known: int
) -> Sample:
    """A film; ``known``: 0 the patients of all are known, 1 of none, 2 of some."""
    unknown = (False, True, rng.random() < 0.3)[known]
    patient = f"p{int(rng.integers(max(1, 2 * patients // 3)))}"
    labels, marks = {}, []
    for finding, often in zip(findings, (0.8, 0.5, 0.1), strict=False):
        kind = rng.random()
        if kind > 0.1:
            labels[finding] = None if kind < 0.2 else bool(rng.random() < often)
        for reader in ("reference", "second")[: 1 + int(rng.random() < 0.3)]:
            if rng.random() < often:
                instances = int(rng.integers(0, 3))
                boxes = tuple((0.0, 0.0, 1.0 + n, 1.0) for n in range(instances))
                marks.append(Annotation(finding, reader, Boxes(boxes)))
    return Sample(name, Unread(), None if unknown else patient, labels, tuple(marks))


def _members(rng: np.random.Generator, films: list[Sample]) -> dict[str, tuple[str, list[Sample]]]:
    """One model, one whose two members judge half of the films each, or two models."""
    half = len(films) // 2
    kinds = [
        {"net": ("net", films)},
        {"fold 0": ("net", films[:half]), "fold 1": ("net", films[half:])},
        {"net": ("net", films), "other": ("other", films[half:])},
    ]
    return kinds[int(rng.integers(3))] if half else kinds[0]
