"""What a report says: records of numbers, names and pictures, and nothing about how they look.

Whoever fills them decides what is shown; ``html.render`` decides how.  The short answer and the
standard warnings are *not* fields: they follow mechanically from these records (``answers.py``,
``cautions.py``), so that no report can say in words what its numbers do not.

Names join the records: ``dataset`` of every record is a ``Cohort.name``, ``model`` a
``Model.name``, ``method`` a ``Method.spec``, ``metric`` a ``Metric.spec``.  Undefined is ``nan``,
unknown is ``None``; both are shown in words.  Every string is shown as text, never as markup.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from heatproof.analysis.classification import Classification
from heatproof.analysis.comparison import Comparison
from heatproof.analysis.diagnosis import Diagnosis, Spread
from heatproof.analysis.failures import Failure
from heatproof.analysis.localization import Localization
from heatproof.analysis.rare import Rare
from heatproof.analysis.structures import Structure
from heatproof.analysis.verdicts import Trust
from heatproof.maps.tuning import Tuned
from heatproof.report.described import Metric, Rule
from heatproof.report.gallery import Gallery
from heatproof.stages.written import SetAside
from heatproof.types import Validity

Facts = tuple[tuple[str, str], ...]
"""Name and value, shown in this order."""


@dataclass(frozen=True)
class FindingCounts:
    """How many images of one data set have which label (unknown: none) for one finding.

    Attributes:
        uncertain: Labelled, but neither.
        annotated: With at least one annotation of the reference standard.
    """

    finding: str
    positive: int
    negative: int
    uncertain: int
    unknown: int
    annotated: int


@dataclass(frozen=True)
class Cohort:
    """Whom one data set holds, after images were set aside.

    Attributes:
        name: Of the data set, as the experiment names it.
        patients: None where patients are unknown; intervals are then by image.
        counts: One per finding, in the order of the data set.
        sexes: Category to images; empty where unknown.
        views: The same for projections.
        age_median: In years, None where unknown.
        age_range: Youngest and oldest.
        description: Where it comes from, in a sentence.
        age_unknown: Images without an age, where others have one.
    """

    name: str
    images: int
    patients: int | None
    counts: tuple[FindingCounts, ...]
    sexes: Mapping[str, int] = field(default_factory=dict)
    views: Mapping[str, int] = field(default_factory=dict)
    age_median: float | None = None
    age_range: tuple[float, float] | None = None
    description: str = ""
    age_unknown: int = 0


@dataclass(frozen=True)
class Overlap:
    """How many patients of one data set one model has seen before.

    Attributes:
        trained: Patients it was trained on, None where that is not known.
        tuned: Patients it was tuned or selected on, None where that is not known.
    """

    model: str
    dataset: str
    trained: int | None
    tuned: int | None


@dataclass(frozen=True)
class Model:
    """One model that was judged.

    Attributes:
        name: Short and unique in the report.
        trained_on: In words; empty where unknown.
        weights: SHA-256 of each file of weights; empty where maps were imported without a model.
        preprocessing: In words, such as ``"squashed to 320 × 320, ImageNet mean and deviation"``.
        history: Validation AUROC after each epoch, where it was trained in this experiment.
        best: Index in ``history`` of the weights kept, None where there is no history.
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
    """How many maps one method made of one model, and how many may be read as maps.

    Attributes:
        native: Height and width of the map as the method returns it, before it is enlarged to the
            radiograph; None where it varies or is unknown.
        counts: Maps by validity; absent is none.
    """

    model: str
    dataset: str
    native: tuple[int, int] | None
    counts: Mapping[Validity, int]


@dataclass(frozen=True)
class Method:
    """One saliency method.

    Attributes:
        name: For people, such as ``"Grad-CAM"``; the spec is shown where two share a name.
        maps: What it made, per model and data set.
    """

    spec: str
    name: str
    definition: str
    maps: tuple[MapCounts, ...] = ()


@dataclass(frozen=True)
class Provenance:
    """Where the numbers come from, enough to make them again.

    Attributes:
        versions: Of heatproof, Python and the libraries that matter.
        hashes: Of the data sets and of the experiment file.
        seeds: Of everything drawn.
    """

    command: str
    versions: Facts = ()
    hashes: Facts = ()
    seeds: Facts = ()
    machine: str = ""
    experiment: str = ""


@dataclass(frozen=True)
class Content:
    """Everything one report says.

    Attributes:
        set_aside: Every image, map and annotation that could not be used.
        overlaps: One per model and data set it is judged on.
        metrics: How maps were measured; the first is the one the short answer speaks about.
        classification: In the order to be shown.
        localization: In the order to be shown.
        tuned: What tuning films chose.
        rare: Findings of which nothing is concluded.
        comparisons: Methods beside readers and other models, in the order to be shown.
        failures: Of single films, in the order to be shown.
        diagnoses: Why maps fail, in the order to be shown.
        spreads: Of the shapes of findings.
        structures: What of the maps lies on things that are no findings.
        rules: Of trust; the first is the one the short answer speaks about.
        trust: In the order to be shown.
        warnings: Beyond the standard ones of ``cautions.py``, most important first.
        limits: Beyond the standard ones of the page.
    """

    title: str
    question: str
    provenance: Provenance
    cohorts: tuple[Cohort, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    models: tuple[Model, ...] = ()
    methods: tuple[Method, ...] = ()
    metrics: tuple[Metric, ...] = ()
    classification: tuple[Classification, ...] = ()
    localization: tuple[Localization, ...] = ()
    tuned: tuple[Tuned, ...] = ()
    rare: tuple[Rare, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    failures: tuple[Failure, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    spreads: tuple[Spread, ...] = ()
    structures: tuple[Structure, ...] = ()
    rules: tuple[Rule, ...] = ()
    trust: tuple[Trust, ...] = ()
    gallery: Gallery = field(default_factory=Gallery)
    warnings: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
