"""What a report says was measured: classification, localization, why maps fail, and trust.

Undefined is ``nan``, unknown is ``None``; names join the records as ``content`` tells.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from heatproof.diagnose.confidence import Confidence
from heatproof.diagnose.effect import Effect
from heatproof.diagnose.prior import UsualPlace
from heatproof.diagnose.subgroups import Subgroup
from heatproof.stats.margin import Conclusion
from heatproof.stats.power import Needed
from heatproof.types import Estimate, Verdict


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
class Rare:
    """A finding with too few positives to conclude from: its numbers are shown without intervals.

    Attributes:
        what: ``"maps"``: marked on few films; ``"classifier"``: few are labelled with it.
        positives: How many those are.
        least: How many it takes.
    """

    dataset: str
    finding: str
    what: str
    positives: int
    least: int


@dataclass(frozen=True)
class Tuned:
    """What tuning films chose for one metric, model, method and finding.

    Attributes:
        dataset: The tuning films.
        model: Empty of controls.
        value: That was chosen.
        score: What the metric reaches with it there.
        cases: Tuning films on which the finding is marked.
    """

    dataset: str
    model: str
    method: str
    metric: str
    finding: str
    value: float
    score: float
    cases: int


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
class Comparison:
    """One method beside readers, or beside another model, on the same films.

    Films count on which both are defined.  p-values are those of paired permutations by patient,
    corrected over the findings that this method was compared in, by this metric, on this data set.

    Attributes:
        other: ``"human benchmark"``, or the name of the other model.
        finding: Empty for the macro average over findings.
        difference: The method minus the other; higher is better.
        p: Uncorrected.
        holm: Corrected by Holm; nan for the macro average, as ``bonferroni``.
        bonferroni: Corrected by Bonferroni.
        margin: The largest loss that would not matter, as declared.
        conclusion: What the interval of the difference says of that margin.
        needed: How many cases it takes to conclude "non-inferior" where both are equal.
        decrease: (other - method) / other; None against another model.
        published: The same with the published arithmetic (``stats.chexlocalize``).
    """

    dataset: str
    model: str
    method: str
    metric: str
    other: str
    finding: str
    ours: Estimate
    theirs: Estimate
    difference: Estimate
    p: float
    holm: float
    bonferroni: float
    margin: float
    conclusion: Conclusion
    needed: Needed
    decrease: Estimate | None = None
    published: Estimate | None = None


@dataclass(frozen=True)
class Failure:
    """A film on which the model, or a map of it, fails.

    Attributes:
        kind: In words, such as ``"false positive"``.
        threshold: Called from this probability on.
        method: Whose map it is; empty where it is the model alone.
    """

    kind: str
    dataset: str
    model: str
    finding: str
    image_id: str
    probability: float
    threshold: float
    method: str = ""


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
        gap: What the shape does to how far the score is below that of the human benchmark; empty
            without one.
        calibrated: What the probability does after temperature calibration.
        usual: The score beside that of the mean-mask prior; None where too few have both.
        common: Over findings: rank correlation of the mean score with what each is like; empty
            with few findings.
        points: What a feature of the shape is, or the probability, and the score, of single maps;
            of the first metric of maps alone.
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
    gap: tuple[Effect, ...] = ()
    calibrated: tuple[Confidence, ...] = ()
    usual: UsualPlace | None = None
    common: Mapping[str, Estimate] = field(default_factory=dict)
    points: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)


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
class Structure:
    """How much of the maps of one method lies on something that is no finding.

    Attributes:
        finding: What is explained.
        structure: What else was marked.
        share: Of the positive relevance, the mean over films.
        peak: Share of films on which the peak of the map lies there.
        area: Share of the film that it takes.
    """

    dataset: str
    model: str
    finding: str
    structure: str
    method: str
    share: Estimate
    peak: Estimate
    area: float


@dataclass(frozen=True)
class High:
    """What readers or a supervised reference reach by a criterion, in the measure of its verdicts.

    Attributes:
        control: Its name in tables, such as ``"readers"``.
        value: The mean over films.
    """

    criterion: str
    control: str
    measure: str
    value: float


@dataclass(frozen=True)
class Trust:
    """The trust grid of one data set and finding under one rule.

    Attributes:
        rule: A ``Rule.spec``.
        verdicts: One per criterion and method.
        measures: Spec of a similarity or metric to its name for people, unless it is one of
            ``Content.metrics``.
        controls: Methods that stand for readers or supervised references, and are no rows.
        high: What these reach, as far as it was measured.
    """

    dataset: str
    finding: str
    rule: str
    verdicts: tuple[Verdict, ...]
    measures: Mapping[str, str] = field(default_factory=dict)
    controls: tuple[str, ...] = ()
    high: tuple[High, ...] = ()
