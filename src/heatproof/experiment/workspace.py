"""One experiment, opened: what its stages share, and where its results lie."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from heatproof.disk import is_file, unsealed
from heatproof.errors import ExperimentError, Gathered, ModelError, near_misses
from heatproof.experiment.assignment import Assignment, assignments
from heatproof.experiment.file import Experiment
from heatproof.experiment.films import OpenedData, open_data, pseudonymous
from heatproof.experiment.guard import check_kept, check_tuning
from heatproof.experiment.pilot import piloted
from heatproof.experiment.sampled import asked_later
from heatproof.fidelity.metrics import FidelityMetric, fidelities
from heatproof.leases import Leases
from heatproof.localize import Metric, metrics, specialize
from heatproof.localize.tuned import TunedMetrics
from heatproof.maps.passing import PassingStore
from heatproof.maps.store import MapStore
from heatproof.maps.tuning import TunedValue
from heatproof.models.prepared import PreparedFilms
from heatproof.registry import Part, files_of, relative_to
from heatproof.saliency import Method, methods
from heatproof.tables.contents import Contents
from heatproof.tables.fidelity import FidelityOfMaps
from heatproof.tables.headers import Headers
from heatproof.tables.maps_made import MapsMade
from heatproof.tables.pairs import Pairs
from heatproof.tables.predictions import Predictions
from heatproof.tables.scores import Scores
from heatproof.tables.shapes import Shapes
from heatproof.tables.structures import OnStructures
from heatproof.tables.units import Units, folder_name
from heatproof.trust.criteria import Criterion, OfCopies, criteria
from heatproof.trust.rules import Rule, rules
from heatproof.trust.similarity import Similarity, similarities

PREPARED = "prepared"  # folder of inputs of films for which there is no room in memory
HISTORY = "history.json"  # beside the weights of a model that was trained here


@dataclass(frozen=True)
class Workspace:
    """One experiment, opened; its parts are parsed before any work starts.

    Attributes:
        experiment: The experiment as it was read.
        folder: Folder of everything that is written.
        data: Every data set by name, checked.
        assignments: Which model sees which films.
        methods: Saliency methods by canonical spec.
        metrics: Localization metrics by canonical spec.
        criteria: Criteria of trust by canonical spec.
        similarities: What compares maps, by canonical spec.
        rules: What makes verdicts of that, by canonical spec.
        fidelity_metrics: Metrics of fidelity by canonical spec.
        tuned: The values that tuning films chose for what metrics leave open.
        prepared: Inputs of films, shared by all models of equal preprocessing.
        leases: Of this worker, where several go through the experiment.
        passing: Maps that do not stay, by data set.
    """

    experiment: Experiment
    folder: Path
    data: Mapping[str, OpenedData]
    assignments: tuple[Assignment, ...]
    methods: Mapping[str, Method]
    metrics: Mapping[str, Metric]
    criteria: Mapping[str, Criterion] = field(default_factory=dict)
    similarities: Mapping[str, Similarity] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    fidelity_metrics: Mapping[str, FidelityMetric] = field(default_factory=dict)
    tuned: tuple[TunedValue, ...] = ()
    prepared: PreparedFilms = field(default_factory=PreparedFilms, repr=False, compare=False)
    leases: Leases | None = None
    passing: dict[str, PassingStore] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def tuned_metrics(self) -> TunedMetrics:
        """The metrics, with the values that tuning films chose."""
        return TunedMetrics(self.metrics, self.tuned)

    @property
    def randomizes(self) -> bool:
        """Whether a criterion compares models with copies of random weights."""
        return any(isinstance(criterion, OfCopies) for criterion in self.criteria.values())

    def store(self, data: str) -> MapStore:
        """The maps of one data set; two data sets may call their films by the same names."""
        path = self.folder / "maps" / folder_name(data, data, digits=6)
        explain = self.experiment.explain
        if explain.keep == "all":
            return MapStore(path, explain.precision)
        if data not in self.passing:
            later = asked_later(self.experiment, self.data[data])
            self.passing[data] = PassingStore(path, explain.precision, later)
        return self.passing[data]

    def clean(self) -> None:
        """Remove the maps that a killed run left half written; to be called where a run begins."""
        for data in self.data:
            self.store(data).clean()

    def settle(self) -> None:
        """Remove the maps that were kept for a later stage; to be called after the last one."""
        for data in self.data:
            store = self.store(data)
            if isinstance(store, PassingStore):
                store.settle()

    @cached_property
    def contents(self) -> Units[Contents]:
        """One row per film: a digest of what it holds."""
        return Units(self.folder, Contents, self.leases)

    @cached_property
    def headers(self) -> Units[Headers]:
        """One row per film: how it is stored."""
        return Units(self.folder, Headers, self.leases)

    @cached_property
    def predictions(self) -> Units[Predictions]:
        """One row per film and finding."""
        return Units(self.folder, Predictions, self.leases)

    @cached_property
    def made(self) -> Units[MapsMade]:
        """One row per map: what the store holds, and whether it may be read as a map."""
        return Units(self.folder, MapsMade, self.leases)

    @cached_property
    def scores(self) -> Units[Scores]:
        """One row per map, reference and metric."""
        return Units(self.folder, Scores, self.leases)

    @cached_property
    def structures(self) -> Units[OnStructures]:
        """One row per map and structure on its film: how much of the map lies there."""
        return Units(self.folder, OnStructures, self.leases)

    @cached_property
    def shapes(self) -> Units[Shapes]:
        """One row per film, finding and reader who marked it: the shape of what was marked."""
        return Units(self.folder, Shapes, self.leases)

    @cached_property
    def trust(self) -> Units[Pairs]:
        """One row per pair of maps and similarity."""
        return Units(self.folder, Pairs, self.leases)

    @cached_property
    def fidelity(self) -> Units[FidelityOfMaps]:
        """One row per map and metric of fidelity."""
        return Units(self.folder, FidelityOfMaps, self.leases)


def read_history(folder: Path) -> dict[str, Any]:
    """Validation AUROC by epoch, which epoch was kept, and why training stopped.

    Args:
        folder: Of a model that was trained here.

    Raises:
        ModelError: It is gone, or not as it was written.
    """
    file = folder / HISTORY
    try:
        return unsealed(file.read_bytes(), required=False)  # of an earlier version
    except (OSError, ValueError) as error:
        raise ModelError(f"{file}: not a history as it was written ({error})") from error


def open_workspace(
    experiment: Experiment, opened: Mapping[str, OpenedData] | None = None
) -> Workspace:
    """Open an experiment, and check everything that can be known before work starts.

    Args:
        experiment: The experiment.
        opened: Its data sets, where they have been opened already.

    Raises:
        HeatproofError: The experiment, its data or its parts are not as described.
    """
    trust = experiment.trust
    gathered = Gathered()
    asked: dict[str, dict[str, Any]] = {}
    for registry, specs in (
        (metrics, experiment.score.metrics),
        (methods, experiment.explain.methods),
        (criteria, trust.criteria if trust else ()),
        (similarities, trust.similarities if trust else ()),
        (rules, trust.rules if trust else ()),
        (fidelities, experiment.fidelity.metrics if experiment.fidelity else ()),
    ):
        with gathered.each():
            asked[registry.kind] = registry.parts(specs)
    gathered.tell()
    scored: Mapping[str, Metric] = asked[metrics.kind]
    rank = experiment.report.rank_by
    if rank is not None and rank not in scored:
        raise ExperimentError(
            f"report.rank_by = {rank!r} is not scored; {near_misses(rank, scored)}"
        )
    scored = _with_files(experiment, scored)
    check_kept(experiment)
    data = piloted(experiment, pseudonymous(experiment, opened or open_data(experiment)))
    _check_findings(experiment, data, scored)
    assigned = assignments(experiment, data)
    check_tuning(experiment, data, assigned, scored)
    return Workspace(
        experiment=experiment,
        folder=experiment.output_folder,
        data=data,
        assignments=assigned,
        methods=asked[methods.kind],
        metrics=scored,
        criteria=asked[criteria.kind],
        similarities=_with_files(experiment, asked[similarities.kind]),
        rules=asked[rules.kind],
        fidelity_metrics=asked[fidelities.kind],
        prepared=PreparedFilms(experiment.output_folder / PREPARED, experiment.prepared_gb),
    )


def _with_files(experiment: Experiment, parts: Mapping[str, Part]) -> dict[str, Part]:
    """The parts, with the files that they name beside the experiment; raises ExperimentError."""
    # A spec keeps the path as it was written, so that it is the same wherever the folder lies.
    located = {spec: relative_to(part, experiment.folder) for spec, part in parts.items()}
    for spec, part in located.items():
        for file in files_of(part):
            if not is_file(file):
                raise ExperimentError(f"{spec}: there is no file {file}")
    return located


def _check_findings(
    experiment: Experiment, data: Mapping[str, OpenedData], scored: Mapping[str, Metric]
) -> None:
    """Raises HeatproofError where a metric has no value for a finding that somebody marked."""
    for entry in experiment.data:
        if not entry.judged:
            continue
        for finding in data[entry.name].marked:
            # A structure is no finding, so metrics need no value for it.
            if finding not in experiment.score.structures:
                for metric in scored.values():
                    specialize(metric, finding)
