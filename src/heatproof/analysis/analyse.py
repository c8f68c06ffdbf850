"""All analyses of one set of tables, in order."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from heatproof.analysis.classification import Calls, Classification, classification
from heatproof.analysis.comparison import (
    Comparison,
    against_models,
    against_outlines,
    against_readers,
    comparable,
)
from heatproof.analysis.diagnosis import Asked, Diagnosis, Spread, diagnoses, spreads
from heatproof.analysis.failures import Failure, failures
from heatproof.analysis.filmwise import one_by_one
from heatproof.analysis.intervals import Intervals
from heatproof.analysis.localization import Localization, localization
from heatproof.analysis.rare import Rare, frequent, rare, trustworthy
from heatproof.analysis.structures import Structure, on_structures
from heatproof.analysis.verdicts import Trust, trust
from heatproof.localize.tuned import TunedMetrics
from heatproof.tables.films import Films
from heatproof.tables.pairs import Pairs
from heatproof.tables.predictions import Called, Predictions
from heatproof.tables.scores import Scores
from heatproof.tables.shapes import Shapes
from heatproof.tables.structures import OnStructures
from heatproof.trust.rules import Rule


@dataclass(frozen=True)
class Tables:
    """What is analysed.

    Attributes:
        films: Of every data set.
        predictions: Of every model, those that only choose thresholds included.
        called: The same, with the threshold that each film is called at.
        scores: Of maps and controls.
        shapes: Of everything that was marked.
        structures: What of the maps lies on things that are no findings.
        pairs: Maps that criteria of trust compared.
    """

    films: Films
    predictions: Predictions
    called: Called
    scores: Scores
    shapes: Shapes
    structures: OnStructures
    pairs: Pairs


@dataclass(frozen=True)
class Questions:
    """What is asked of the tables.

    Attributes:
        metrics: By which maps were scored.
        judged: Data sets and models to report.
        intervals: How they are made.
        calls: How films are called positive.
        compare: Pairs of models: the first is compared with the second.
        rules: That make verdicts, by spec.
        measures: Names of similarities for people, by spec.
        folds: Metadata that say which model judges which film, and are no groups of patients.
    """

    metrics: TunedMetrics
    judged: Collection[tuple[str, str]]
    intervals: Intervals = field(default_factory=Intervals)
    calls: Calls = field(default_factory=Calls)
    compare: Sequence[tuple[str, str]] = ()
    rules: Mapping[str, Rule] = field(default_factory=dict)
    measures: Mapping[str, str] = field(default_factory=dict)
    folds: Collection[str] = ()


@dataclass(frozen=True)
class Analysis:
    """What the tables say; each field in the order to be shown."""

    localization: tuple[Localization, ...]
    classification: tuple[Classification, ...]
    rare: tuple[Rare, ...]
    comparisons: tuple[Comparison, ...]
    failures: tuple[Failure, ...]
    diagnoses: tuple[Diagnosis, ...]
    spreads: tuple[Spread, ...]
    structures: tuple[Structure, ...]
    trust: tuple[Trust, ...]


def analyse(
    tables: Tables, questions: Questions, done: Callable[[str], None] = lambda _: None
) -> Analysis:
    """Ask everything.

    Args:
        tables: What is analysed.
        questions: What is asked.
        done: Hears the name of each part that is finished.
    """
    films, scores, intervals = tables.films, tables.scores, questions.intervals
    metrics = questions.metrics
    panels = tuple(localization(scores, tables.predictions, films, metrics, intervals))
    classified = tuple(
        classification(tables.called, films, questions.judged, questions.calls, intervals)
    )
    few = rare(scores, classified, intervals)
    of_films = one_by_one(scores, tables.predictions, films, metrics)
    beside = comparable(of_films, films, metrics.parts)
    comparisons = (
        *against_readers(beside, few, intervals),
        *against_models(beside, questions.compare, few, intervals),
        *against_outlines(beside, metrics.parts, few, intervals),
    )
    done("estimates")
    asked = Asked(metrics.parts, intervals, questions.calls.validation, questions.folds)
    enough = frequent(of_films, few)
    reasons = tuple(diagnoses(enough, tables.predictions, tables.shapes, films, asked))
    done("diagnosis")
    pairs = trustworthy(tables.pairs, few)
    grids = tuple(trust(pairs, scores, films, questions.rules, questions.measures))
    done("verdicts")
    return Analysis(
        localization=panels,
        classification=classified,
        rare=few,
        comparisons=comparisons,
        failures=tuple(failures(metrics.parts, tables.called, scores)),
        diagnoses=reasons,
        spreads=tuple(spreads(tables.shapes, films)),
        structures=tuple(on_structures(tables.structures, intervals)),
        trust=grids,
    )
