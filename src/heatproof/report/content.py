"""What a report says: records of numbers, names and pictures, and nothing about how they look.

The package ``facts`` fills these records, so it decides what is shown; ``page`` and ``paper``
decide how.  The short answer and the standard warnings are *not* fields: they follow mechanically
from these records (``prose.answers``, ``prose.cautions``), so no report can say in words what its
numbers do not say.

Names join the records: ``dataset`` of every record is a ``CohortCounts.name``, ``model`` a
``ModelText.name``, ``method`` a ``MethodText.spec`` and ``metric`` a ``MetricText.spec``.
Undefined is ``nan``, unknown is ``None``; the page shows both in words.  It shows every string as
text, never as markup.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from heatproof.analysis.classification import Classification
from heatproof.analysis.comparison import Comparison
from heatproof.analysis.diagnosis import Diagnosis, Spread
from heatproof.analysis.failures import Failure
from heatproof.analysis.fidelity import Fidelity
from heatproof.analysis.localization import Localization
from heatproof.analysis.rare import Rare
from heatproof.analysis.structures import Structure
from heatproof.analysis.verdicts import Asked, Trust
from heatproof.experiment.study import Study
from heatproof.maps.tuning import TunedValue
from heatproof.report.gallery import Gallery
from heatproof.stages.written import SetAside
from heatproof.types import Validity

Facts = tuple[tuple[str, str], ...]
"""Pairs of name and value, in the order in which they are shown."""


@dataclass(frozen=True)
class FindingCounts:
    """How many films of one data set have which label for one finding.

    Attributes:
        positive: Films on which the finding is present.
        negative: Films on which it is absent.
        uncertain: Films that are labelled as neither.
        unknown: Films without a label.
        annotated: Films on which any reader marked the finding at least once.
    """

    finding: str
    positive: int
    negative: int
    uncertain: int
    unknown: int
    annotated: int


@dataclass(frozen=True)
class StoredFilms:
    """Films of one data set that are stored, and so read, in the same way.

    Attributes:
        films: Number of films.
        format: Such as ``"DICOM"``.
        bits: Bits of a stored value.
        photometric: What stored values mean, such as ``"MONOCHROME1"``.
        levels: Which of them become black and white, such as ``"window"``.
        sizes: Height and width, or their ranges.
        windows: Centre and width of the windows, or their ranges; empty without windows.
        names: The films, where they are few beside others; else empty.
        outliers: Films whose size or window is unlike that of the others, each in words.
    """

    films: int
    format: str
    bits: int
    photometric: str
    levels: str
    sizes: str
    windows: str = ""
    names: tuple[str, ...] = ()
    outliers: tuple[str, ...] = ()


@dataclass(frozen=True)
class CohortCounts:
    """The films and patients of one data set, without those that were set aside.

    Attributes:
        name: The data set, as the experiment names it.
        films: Number of films.
        patients: Number of patients; None where they are unknown, and intervals are by film.
        counts: One record per finding, in the order of the data set.
        sexes: Category to number of films; empty where unknown.
        views: Projection to number of films; empty where unknown.
        age_median: The median age, in years; None where unknown.
        age_range: The youngest and the oldest age, in years.
        description: Where the data set comes from, in a sentence.
        age_unknown: Films without an age, where others have one.
        stored: How the films are stored and read, the usual way first; empty where no file tells.
    """

    name: str
    films: int
    patients: int | None
    counts: tuple[FindingCounts, ...]
    sexes: Mapping[str, int] = field(default_factory=dict)
    views: Mapping[str, int] = field(default_factory=dict)
    age_median: float | None = None
    age_range: tuple[float, float] | None = None
    description: str = ""
    age_unknown: int = 0
    stored: tuple[StoredFilms, ...] = ()


@dataclass(frozen=True)
class PatientOverlap:
    """How many of the patients that one model judges in one data set it has seen before.

    A film whose patient is unknown counts as one, and was seen where a film of its name was.

    Attributes:
        trained: How many of them the model was trained on; None where that is unknown.
        tuned: How many it was tuned or selected on; None where that is unknown.
        patients: Number of known patients that it judges there.
        lone: Number of films of unknown patients that it judges there.
    """

    model: str
    dataset: str
    trained: int | None
    tuned: int | None
    patients: int = 0
    lone: int = 0

    @property
    def what(self) -> str:
        """What is counted, in the plural."""
        if not self.lone:
            return "patients"
        return "patients and films of unknown patients" if self.patients else "films"


@dataclass(frozen=True)
class ModelText:
    """What the report says of one model.

    Attributes:
        name: Short and unique in the report.
        trained_on: The training data in words; empty where unknown.
        weights: SHA-256 of each file of weights; empty where maps were imported without a model.
        preprocessing: The preprocessing in words, such as ``"squash to 320 × 320,
            1 channel, mean 0.5, deviation 0.25"``.
        history: Validation AUROC after each epoch, where this experiment trained the model.
        best: Index in ``history`` of the weights that were kept; None without a history.
        facts: What else is worth a line, such as where training stopped and why.
    """

    name: str
    architecture: str
    head: str
    trained_on: str = ""
    seed: int | None = None
    weights: tuple[str, ...] = ()
    preprocessing: str = ""
    history: tuple[float, ...] = ()
    best: int | None = None
    facts: Facts = ()


@dataclass(frozen=True)
class MapCounts:
    """How many maps one method made of one model on one data set, and how many of them are valid.

    Attributes:
        native: Height and width of the map as the method returns it, before it is enlarged to the
            film; None where the size varies or is unknown.
        counts: Validity to number of maps; a validity that is absent counts none.
    """

    model: str
    dataset: str
    native: tuple[int, int] | None
    counts: Mapping[Validity, int]


@dataclass(frozen=True)
class MethodText:
    """What the report says of one saliency method.

    Attributes:
        name: The name for people, such as ``"Grad-CAM"``; where two methods share a name, the
            report shows their specs instead.
        maps: The number of its maps, per model and data set.
    """

    spec: str
    name: str
    definition: str
    maps: tuple[MapCounts, ...] = ()


@dataclass(frozen=True)
class MetricText:
    """What the report says of one localization metric.

    Attributes:
        name: The name for people, such as ``"AUPRC"``.
        undefined: When the metric is undefined, such as ``"no pixel was marked"``.
        low: The least value that it can take.
        high: The largest value that it can take, or that was measured where there is no largest.
        chance: The value of a map of noise; None where that depends on the films.
        per_map: What a metric of data sets measures of each map, such as ``"hit rate"``; empty for
            a metric of maps, whose value is a mean over maps.
        lower_is_better: True for distances.
    """

    spec: str
    name: str
    definition: str
    undefined: str
    low: float = 0.0
    high: float = 1.0
    chance: float | None = None
    per_map: str = ""
    lower_is_better: bool = False


@dataclass(frozen=True)
class RuleText:
    """What the report says of one rule of trust: when a method passes a criterion.

    Attributes:
        remarks: What is known to be wrong with the rule, each in a sentence.
    """

    spec: str
    name: str
    definition: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Provenance:
    """Where the numbers come from, enough to make them again.

    Attributes:
        versions: heatproof, Python and the libraries that the numbers depend on.
        hashes: The data sets and the experiment file.
        seeds: Every seed that the numbers depend on.
        experiment: The text of the experiment file.
        by: Who made the report, as the experiment says; empty where it does not.
        date: When, as the experiment says; empty where it does not.  The clock is not asked, so
            that equal runs give equal pages.
    """

    command: str
    versions: Facts = ()
    hashes: Facts = ()
    seeds: Facts = ()
    machine: str = ""
    experiment: str = ""
    by: str = ""
    date: str = ""


@dataclass(frozen=True)
class Content:
    """Everything that one report says, each field in the order in which the page shows its records.

    Attributes:
        set_aside: Every film, map and annotation that could not be used.
        overlaps: One record per model and data set that it is judged on.
        metrics: The short answer is about the first one.
        tuned: The values that the tuning films chose.
        rare: Findings with too few positives to conclude anything from.
        comparisons: Methods against readers and against other models.
        failures: Single films on which a model or a map fails.
        diagnoses: Why maps fail.
        spreads: How much the shapes of findings vary.
        structures: How much of the maps lies on things that are no findings.
        fidelity: How true the maps are to the model.
        asked: What the experiment asks of trust.
        rules: Rules of trust; the short answer is about the first one.
        family: Which conclusions share one correction: all of a kind, or those of one grid.
        warnings: Warnings beyond the standard ones of ``prose.cautions``, most important first.
        limits: Limits beyond the standard ones of the page.
        study: The published study that the experiment repeats; None where it repeats none.
    """

    title: str
    question: str
    provenance: Provenance
    cohorts: tuple[CohortCounts, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    overlaps: tuple[PatientOverlap, ...] = ()
    models: tuple[ModelText, ...] = ()
    methods: tuple[MethodText, ...] = ()
    metrics: tuple[MetricText, ...] = ()
    classification: tuple[Classification, ...] = ()
    localization: tuple[Localization, ...] = ()
    tuned: tuple[TunedValue, ...] = ()
    rare: tuple[Rare, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    failures: tuple[Failure, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    spreads: tuple[Spread, ...] = ()
    structures: tuple[Structure, ...] = ()
    fidelity: tuple[Fidelity, ...] = ()
    asked: Asked = field(default_factory=Asked)
    rules: tuple[RuleText, ...] = ()
    trust: tuple[Trust, ...] = ()
    gallery: Gallery = field(default_factory=Gallery)
    family: Literal["report", "grid"] = "report"
    warnings: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    study: Study | None = None
