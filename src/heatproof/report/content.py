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
from enum import StrEnum

from heatproof.diagnose.confidence import Confidence
from heatproof.diagnose.effect import Effect
from heatproof.diagnose.subgroups import Subgroup
from heatproof.types import Estimate, Label, Validity, Verdict

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
class SetAside:
    """What could not be used, and why.

    Attributes:
        image_id: Of the image, or the name of a file of maps.
        whole: The image is in no number of the report; False where it is a single map or annotation
            that could not be used.
    """

    dataset: str
    image_id: str
    reason: str
    whole: bool = True


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
class Bin:
    """One point of a calibration curve: mean probability, and share of positives with interval."""

    predicted: float
    observed: Estimate


@dataclass(frozen=True)
class OperatingPoint:
    """The probability from which a film is called positive, where it was chosen, and what it gives.

    Attributes:
        threshold: Called positive from this probability on.
        chosen_on: In words, such as ``"validation split, Youden's index"``.
        sensitivity: nan without positives.
        specificity: nan without negatives.
        ppv: Positive predictive value at this data set's prevalence.
        npv: Negative predictive value at this data set's prevalence.
    """

    threshold: float
    chosen_on: str
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate


@dataclass(frozen=True)
class Classification:
    """How well one model's probabilities tell one finding on one data set.

    Attributes:
        positives: Images (or studies) labelled present; those that are uncertain or unknown are in
            neither count.
        negatives: Labelled absent.
        auroc: nan unless there are both.
        brier: Mean squared distance between probability and label.
        point: None where no operating point was chosen.
        calibration: Empty where it was not computed.
        by: ``"image"``, or ``"study"`` where the views of a study count as one.
    """

    dataset: str
    model: str
    finding: str
    positives: int
    negatives: int
    auroc: Estimate
    brier: Estimate
    point: OperatingPoint | None = None
    calibration: tuple[Bin, ...] = ()
    by: str = "image"


@dataclass(frozen=True)
class Metric:
    """One localization metric, from ``low`` to ``high``.

    Attributes:
        name: For people, such as ``"AUPRC"``.
        undefined: When it is undefined, such as ``"no pixel was marked"``.
        chance: What a map of noise gets, None where that depends on the images.
        per_map: What it sees of each map, such as ``"hit rate"``, where it is one number of all
            films; empty where it is a mean over maps.
        lower_is_better: As of distances; elsewhere higher is.
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
class Control:
    """A map made without the model, judged like the others.

    Attributes:
        spec: Its name in tables, such as ``"mean_mask"``.
        name: For people.
        estimate: Over the same images.
        undefined: Images on which the metric is undefined.
        per_map: As in ``Row``.
        negatives: As in ``Row``.
        knows: In a few words, such as ``"never sees the film"``.
    """

    name: str
    estimate: Estimate
    undefined: int
    per_map: Estimate | None = None
    negatives: int = 0
    spec: str = "mean_mask"
    knows: str = "never sees the film"


@dataclass(frozen=True)
class Row:
    """One method's maps of one model, measured.

    Attributes:
        estimate: Mean over the defined cases, or the metric of the whole data set, with ``cases``
            how many defined ones stand behind it.
        undefined: Cases on which the metric is undefined, or the map not to be scored.
        difference: By how much it is better than the prior, paired by image: this minus the prior,
            or where lower is better the prior minus this; None without a prior.
        per_map: Mean of what a metric of data sets sees of each map (``Metric.per_map``).
        negatives: Films without the finding that such a metric counts besides the cases.
    """

    model: str
    method: str
    estimate: Estimate
    undefined: int
    difference: Estimate | None = None
    per_map: Estimate | None = None
    negatives: int = 0


@dataclass(frozen=True)
class Localization:
    """One forest plot: one finding on one data set by one metric.

    Attributes:
        prior: The mean mask: what every method is compared with.
        model: Whose probabilities the metric and the prior use; empty where they use none.
        controls: What else is measured without the model; nothing is compared with it.
    """

    dataset: str
    finding: str
    metric: str
    rows: tuple[Row, ...]
    prior: Control | None = None
    model: str = ""
    controls: tuple[Control, ...] = ()


@dataclass(frozen=True)
class Spread:
    """How much one feature of a finding's shape varies on one data set: its five-number summary.

    Attributes:
        feature: Of ``diagnose.shape.FEATURES``.
        cases: Films on which it is defined; the numbers are nan without any.
    """

    dataset: str
    finding: str
    feature: str
    cases: int
    least: float
    q1: float
    median: float
    q3: float
    most: float


@dataclass(frozen=True)
class Diagnosis:
    """When the maps of one method and model score high and when low, by one metric of maps.

    Attributes:
        cases: Maps of films on which the finding is marked, with a defined score.
        patients: Behind them; nothing is fitted with fewer than ``enough``.
        enough: Patients that it takes.
        shape: What the shape of the finding does to the score, all findings together.
        confidence: What the model's probability does to it.
        subgroups: Groups of films, by finding.
    """

    dataset: str
    model: str
    method: str
    metric: str
    cases: int
    patients: int
    enough: int
    shape: tuple[Effect, ...] = ()
    confidence: tuple[Confidence, ...] = ()
    subgroups: Mapping[str, tuple[Subgroup, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """When a method passes a criterion of trust.

    Attributes:
        remarks: What is known to be wrong with it, each a sentence.
    """

    spec: str
    name: str
    definition: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trust:
    """The trust grid of one data set and finding under one rule.

    Attributes:
        rule: A ``Rule.spec``.
        verdicts: One per criterion and method.
        measures: Spec of a similarity or metric to its name for people, unless it is one of
            ``Content.metrics``.
        controls: Methods that stand for readers or supervised references, and are no rows.
    """

    dataset: str
    finding: str
    rule: str
    verdicts: tuple[Verdict, ...]
    measures: Mapping[str, str] = field(default_factory=dict)
    controls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """An encoded image, such as ``image/webp``, with its size in pixels."""

    data: bytes
    mime: str
    width: int
    height: int


class Group(StrEnum):
    """Why a case is in the gallery, in the order of the gallery."""

    TRUE_POSITIVE = "True positives"
    FALSE_POSITIVE = "False positives"
    TRUE_NEGATIVE = "True negatives"
    FALSE_NEGATIVE = "False negatives"
    BEST = "Best localized"
    WORST = "Worst localized"
    RANDOM = "Drawn at random"  # where there is no operating point to sort them by


@dataclass(frozen=True)
class CaseMap:
    """One map of one case.

    Attributes:
        overlay: Over the radiograph, with the reference outlines; None when there is no map.
        native: Height and width of the map before it was enlarged.
        validity: Whether it may be read as a map.
        scores: Metric spec to value; nan where undefined.
    """

    method: str
    overlay: Picture | None
    native: tuple[int, int]
    validity: Validity = Validity.OK
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One radiograph and one finding in the gallery.

    Attributes:
        group: The heading it stands under.
        why: Why this one, such as ``"drawn with seed 0 from 12"`` or ``"highest AUPRC of 50"``.
        finding: What the maps explain.
        label: True, False, or None for uncertain or unknown.
        probability: That the model gives; None where unknown.
        threshold: That this image is called at, None where there is none.
        annotations: How many instances the reference standard marks.
    """

    group: Group
    why: str
    dataset: str
    image_id: str
    finding: str
    model: str
    film: Picture
    maps: tuple[CaseMap, ...]
    label: Label = None
    probability: float | None = None
    threshold: float | None = None
    annotations: int = 0


@dataclass(frozen=True)
class Gallery:
    """Cases to look at.

    Attributes:
        cases: In any order; the page groups them.
        drawn: How they were chosen, in a sentence, with the seed.
        legend: What the colours mean, in a sentence.
        scale: The colour scale, low to high.
        signed_scale: That of maps with negative values, against to for.
    """

    cases: tuple[Case, ...] = ()
    drawn: str = ""
    legend: str = ""
    scale: Picture | None = None
    signed_scale: Picture | None = None


@dataclass(frozen=True)
class Stage:
    """One stage of the run: how long it took, and what it did, such as ``"48 maps made"``."""

    name: str
    seconds: float
    note: str = ""


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
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True)
class Content:
    """Everything one report says.

    Attributes:
        set_aside: Every image, map and annotation that could not be used.
        overlaps: One per model and data set it is judged on.
        metrics: How maps were measured; the first is the one the short answer speaks about.
        classification: In the order to be shown.
        localization: In the order to be shown.
        diagnoses: Why maps fail, in the order to be shown.
        spreads: Of the shapes of findings.
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
    diagnoses: tuple[Diagnosis, ...] = ()
    spreads: tuple[Spread, ...] = ()
    rules: tuple[Rule, ...] = ()
    trust: tuple[Trust, ...] = ()
    gallery: Gallery = field(default_factory=Gallery)
    warnings: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
