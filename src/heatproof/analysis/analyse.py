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
    concluded,
)
from heatproof.analysis.diagnosis import Diagnosis, DiagnosisOptions, Spread, diagnoses, spreads
from heatproof.analysis.failures import Failure, failures
from heatproof.analysis.fidelity import Fidelity, fidelity_of_methods
from heatproof.analysis.filmwise import one_by_one
from heatproof.analysis.intervals import Intervals
from heatproof.analysis.localization import Localization, corrected, localization
from heatproof.analysis.rare import Rare, frequent, rare, trustworthy
from heatproof.analysis.structures import Structure, on_structures
from heatproof.analysis.verdicts import Asked, Network, Trust, untested_grids, verdict_grids
from heatproof.fidelity.metrics import FidelityMetric
from heatproof.localize.tuned import TunedMetrics
from heatproof.tables.fidelity import FidelityOfMaps
from heatproof.tables.films import Films
from heatproof.tables.pairs import Pairs
from heatproof.tables.predictions import Called, Predictions
from heatproof.tables.scores import Scores
from heatproof.tables.shapes import Shapes
from heatproof.tables.structures import OnStructures
from heatproof.trust.rules import Rule

_PLACE = ("data", "finding")


@dataclass(frozen=True)
class Tables:
    """The tables of one run, without the rows that were set aside.

    Attributes:
        films: The films of every data set.
        predictions: The predictions of every model, also on films that only choose thresholds.
        called: The same predictions with thresholds (``classification.with_thresholds``).
        scores: The scores of maps and controls.
        shapes: The shape of everything that was marked.
        structures: How much of the maps lies on structures that are no findings.
        pairs: Similarities of maps by criterion of trust.
        fidelity: How true maps are to the model.
    """

    films: Films
    predictions: Predictions
    called: Called
    scores: Scores
    shapes: Shapes
    structures: OnStructures
    pairs: Pairs
    fidelity: FidelityOfMaps = field(default_factory=lambda: FidelityOfMaps.of_rows([]))


@dataclass(frozen=True)
class Questions:
    """What the tables are asked, besides what they hold.

    Attributes:
        metrics: The metrics that the scores were measured by.
        judged: Pairs of data set and model that are reported.
        intervals: How intervals are made.
        calls: How films are called positive.
        compare: Pairs of models; the first is compared with the second.
        asked: What is asked of trust.
        rules: The rules that make verdicts, by spec.
        measures: What people call similarities and metrics, by spec.
        folds: Names of metadata that say which member judges a film, and so are no subgroups.
        networks: What each member is, by its name.
        fidelities: The metrics of fidelity that maps were measured by.
    """

    metrics: TunedMetrics
    judged: Collection[tuple[str, str]]
    intervals: Intervals = field(default_factory=Intervals)
    calls: Calls = field(default_factory=Calls)
    compare: Sequence[tuple[str, str]] = ()
    asked: Asked = field(default_factory=Asked)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    measures: Mapping[str, str] = field(default_factory=dict)
    folds: Collection[str] = ()
    networks: Mapping[str, Network] = field(default_factory=dict)
    fidelities: Mapping[str, FidelityMetric] = field(default_factory=dict)


@dataclass(frozen=True)
class Analysis:
    """The results of all analyses, each in the order of the report."""

    localization: tuple[Localization, ...]
    classification: tuple[Classification, ...]
    rare: tuple[Rare, ...]
    comparisons: tuple[Comparison, ...]
    failures: tuple[Failure, ...]
    diagnoses: tuple[Diagnosis, ...]
    spreads: tuple[Spread, ...]
    structures: tuple[Structure, ...]
    trust: tuple[Trust, ...]
    fidelity: tuple[Fidelity, ...] = ()


def analyse(
    tables: Tables, questions: Questions, done: Callable[[str], None] = lambda _: None
) -> Analysis:
    """All analyses of the tables of one run.

    Args:
        tables: The tables of the run.
        questions: What the tables are asked.
        done: Called with the name of each part that is finished: three in all.
    """
    films, scores, intervals = tables.films, tables.scores, questions.intervals
    metrics = questions.metrics
    panels = corrected(
        localization(scores, tables.predictions, films, metrics, intervals), intervals
    )
    classified = tuple(
        classification(tables.called, films, questions.judged, questions.calls, intervals)
    )
    # Comparisons, diagnoses and verdicts leave rare findings out, so these are counted first.
    few = rare(scores.of_reader(films.counting()), classified, intervals)
    # Comparisons pair films and diagnoses fit them, so both need one value per film.
    of_films = one_by_one(scores, tables.predictions, films, metrics)
    to_compare = comparable(of_films, films, metrics.parts)
    comparisons = tuple(
        comparison
        for kind in (
            against_readers(to_compare, few, intervals),
            against_models(to_compare, questions.compare, few, intervals),
            against_outlines(to_compare, metrics.parts, few, intervals),
        )
        for comparison in concluded(kind, intervals)
    )
    done("estimates")
    options = DiagnosisOptions(
        metrics.parts, intervals, questions.calls.validation, questions.folds
    )
    to_diagnose = frequent(of_films, few)
    diagnosed = tuple(diagnoses(to_diagnose, tables.predictions, tables.shapes, films, options))
    done("diagnosis")
    # Trust is also tested without marks, so enough films of either kind keep a finding; and where
    # maps of all films are compared, whatever their labels, it rests on no positives.
    too_few = few if questions.asked.present else ()
    pairs = trustworthy(tables.pairs, too_few)
    grids = (
        *verdict_grids(
            pairs, scores, films, questions.rules, questions.measures, questions.networks, intervals
        ),
        *untested_grids(
            questions.asked,
            [
                *((row.dataset, row.finding) for row in classified),
                *((data, finding) for (data, finding), _ in scores.of_models().by(*_PLACE)),
            ],
            {(data, finding) for (data, finding), _ in tables.pairs.by(*_PLACE)},
            too_few,
            questions.rules,
        ),
    )
    done("verdicts")
    return Analysis(
        localization=panels,
        classification=classified,
        rare=few,
        comparisons=comparisons,
        failures=tuple(failures(metrics.parts, tables.called, scores)),
        diagnoses=diagnosed,
        spreads=tuple(spreads(tables.shapes, films)),
        structures=tuple(on_structures(tables.structures, intervals)),
        trust=tuple(grids),
        fidelity=tuple(fidelity_of_methods(tables.fidelity, questions.fidelities, intervals)),
    )
