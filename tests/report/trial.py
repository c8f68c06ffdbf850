"""Contents to try a report on: a usual, a large, an empty and a troubled one, and their parts."""

import io
import math
from dataclasses import replace
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from PIL import Image

from heatproof.analysis.classification import CalibrationBin, Classification, OperatingPoint
from heatproof.analysis.comparison import Comparison
from heatproof.analysis.diagnosis import Diagnosis, Spread
from heatproof.analysis.failures import Failure
from heatproof.analysis.fidelity import Fidelity
from heatproof.analysis.localization import ControlRow, Localization, MethodRow
from heatproof.analysis.rare import Rare
from heatproof.analysis.structures import Structure
from heatproof.analysis.verdicts import Asked, High, Trust
from heatproof.diagnose.confidence import Confidence
from heatproof.diagnose.effect import Effect
from heatproof.diagnose.prior import UsualPlace
from heatproof.diagnose.shape import FEATURES
from heatproof.diagnose.subgroups import Subgroup
from heatproof.fidelity.truth import Reliability
from heatproof.maps.tuning import TunedValue
from heatproof.report.content import (
    CohortCounts,
    Content,
    FindingCounts,
    MapCounts,
    MethodText,
    MetricText,
    ModelText,
    PatientOverlap,
    Provenance,
    RuleText,
    StoredFilms,
)
from heatproof.report.gallery import CaseMap, Gallery, GalleryCase, Group, Picture
from heatproof.stages.written import SetAside
from heatproof.stats.estimates import TO_CONCLUDE
from heatproof.stats.margin import Conclusion
from heatproof.stats.power import SampleSize as NeededCases
from heatproof.stats.regression import Slope
from heatproof.types import Estimate, Needed, Outcome, Validity, Verdict

NAN = math.nan
MODEL, NIH, RSNA, OPACITY = (
    "mobilenet, fold 0", "nih_rsna_1024", "rsna_pneumonia_320", "Lung Opacity",
)  # fmt: skip
NAMES = {
    "grad_cam": "Grad-CAM",
    "integrated_gradients(steps=25)": "Integrated gradients",
    "occlusion(patch=32, stride=16)": "Occlusion",
    "gradient": "Gradient",
    "wildcat": "WILDCAT class map",
}
METRICS = (
    MetricText("auprc", "AUPRC", "Average precision of the pixels.", "no pixel was marked"),
    MetricText("auroc", "AUROC per image", "Ranks pixels.", "every pixel was marked", chance=0.5),
    MetricText("iou(binarize=otsu)", "IoU", "Overlap over union.", "the map is constant"),
    MetricText("hit_rate", "Hit rate", "Whether the peak is inside.", "no pixel was marked"),
)


HOW = "skewness-corrected t of 50 clusters"


def est(value: float, half: float = 0.05, cases: int = 50) -> Estimate:
    low, high = max(value - half, 0.0), min(value + half, 1.0)
    return Estimate(value, low, high, 0.95, cases, HOW)


def diff(value: float, half: float = 0.05, cases: int = 50) -> Estimate:
    """A difference, with the p that belongs to its interval; of as many patients as cases."""
    few = f"{cases} of the {TO_CONCLUDE} patients that a conclusion needs"
    return Estimate(
        value, value - half, value + half, 0.95, cases, HOW,
        p=2 * NormalDist().cdf(-1.96 * abs(value) / half),
        hindrance=few if cases < TO_CONCLUDE else "",
    )  # fmt: skip


def beside_prior(method: str, estimate: Estimate, difference: Estimate, **others: Any) -> MethodRow:
    """A row whose difference is the only one of its report, so that its p is that of the family."""
    p = NAN if difference.hindrance else difference.p
    row = MethodRow(MODEL, method, estimate, 2, difference, corrected=p)
    return replace(row, **others)


UNDEFINED = Estimate(NAN, NAN, NAN, 0.95, 0, HOW)


def effect(feature: str, value: float, p: float, model: str = "linear_by_cluster") -> Effect:
    """A slope with p corrected."""
    slope = Slope(Estimate(value, value - 0.2, value + 0.2, 0.95, 50, model), p / 4, 0.1)
    return Effect("auprc", feature, "marked by the reference", model, slope, p)


def diagnosis(method: str, size: tuple[float, float], **changes: Any) -> Diagnosis:
    """Scores that depend on the size of the finding, with this slope and p, and on nothing else."""
    shape = tuple(
        effect(feature, *(size if feature == "area_ratio" else (0.05, 0.8)), model)
        for feature in FEATURES
        for model in ("linear", "linear_by_cluster", "mixed")
    )
    confidence = tuple(
        Confidence(OPACITY, rows, (effect("probability", 0.1, 0.4),), diff(0.2))
        for rows in ("all", "positive")
    )
    groups = (
        Subgroup("sex", "F", est(0.3), diff(0.01), 0.9),
        Subgroup("sex", "M", est(0.29), diff(-0.01), 0.9),
        Subgroup("view", "AP", est(0.1, cases=4), None, NAN),
    )
    made = Diagnosis(
        RSNA, MODEL, method, "auprc", 50, 48, 10, 50,
        shape=shape, confidence=confidence, subgroups={OPACITY: groups},
    )  # fmt: skip
    return replace(made, **changes)


@cache
def picture(seed: int, layer: bool = False, side: int = 320) -> Picture:
    """A dark spot on noise, or a red map of it to lie over it; no radiograph."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    spot = np.exp(-((x - rng.uniform(-0.5, 0.5)) ** 2 + y**2) / 0.1)[..., None]
    pixels = (0.7 - 0.4 * spot + rng.normal(0, 0.02, spot.shape)) * np.ones(3)
    if layer:
        pixels = np.concatenate([np.array([0.9, 0.3, 0.2]) * np.ones(pixels.shape), spot], axis=2)
    buffer = io.BytesIO()
    Image.fromarray((255 * pixels.clip(0, 1)).astype(np.uint8)).save(buffer, "WEBP", quality=80)
    return Picture(buffer.getvalue(), "image/webp", side, side)


def native(spec: str) -> tuple[int, int]:
    return (10, 10) if "cam" in spec else (320, 320)


def case(group: Group, seed: int, methods: tuple[str, ...], **changes: Any) -> GalleryCase:
    rng = np.random.default_rng(seed)
    maps = tuple(
        CaseMap(
            method,
            picture(seed, layer=True),
            native(method),
            scores={"auprc": float(rng.uniform()), "iou(binarize=otsu)": float(rng.uniform())},
        )
        for method in methods
    )
    made = GalleryCase(
        group, "drawn with seed 0 from 12", NIH, f"0000{seed}_00{seed}.png", OPACITY, MODEL,
        picture(seed), maps, group in (Group.TRUE_POSITIVE, Group.FALSE_NEGATIVE),
        float(rng.uniform()), 0.5, 2, (f"M{80 + seed} 90L200 90L200 210L{80 + seed} 210Z",),
    )  # fmt: skip
    return replace(made, **changes)


def panel(
    dataset: str, finding: str, metric: str, values: dict[str, float], prior: float, cases: int = 50
) -> Localization:
    rows = tuple(
        beside_prior(method, est(value, cases=cases), diff(value - prior, cases=cases))
        for method, value in values.items()
    )
    control = ControlRow("mean-mask prior", est(prior, cases=cases), 0)
    return Localization(dataset, finding, metric, rows, control)


def method(spec: str, counts: dict[Validity, int] | None = None) -> MethodText:
    maps = MapCounts(MODEL, NIH, native(spec), counts or {Validity.OK: 67})
    return MethodText(spec, NAMES[spec], "Gradient of the logit by the last features.", (maps,))


PROVENANCE = Provenance(
    command="heatproof run experiments/real_classifier.toml",
    versions=(("heatproof", "0.1.0"), ("Python", "3.11.2"), ("torch", "2.15.0")),
    hashes=(("nih_rsna_1024", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),),
    seeds=(("statistics", "0"), ("gallery", "0")),
    machine="2 cores, 8 GB",
    experiment='name = "Opacity classifiers"\n[[datasets]]\nname = "nih_rsna_1024"',
)


@cache
def usual() -> Content:
    """Two data sets, one model, four methods, four metrics; one data set has no negatives."""
    four = tuple(NAMES)[:4]
    values = dict(zip(four, (0.31, 0.22, 0.46, 0.12), strict=True))
    shift = {"auprc": 0.0, "auroc": 0.4, "iou(binarize=otsu)": -0.05, "hit_rate": 0.1}
    localization = tuple(
        panel(
            dataset,
            OPACITY,
            metric,
            {method: max(value + shift[metric], 0.01) for method, value in values.items()},
            prior + shift[metric],
            cases,
        )
        for dataset, prior, cases in ((NIH, 0.38, 15), (RSNA, 0.46, 50))
        for metric in shift
    )
    bins = tuple(
        CalibrationBin(p, est(min(p + d, 1.0), 0.12, n))
        for p, d, n in ((0.08, 0.02, 20), (0.3, -0.05, 12), (0.52, 0.1, 9), (0.93, -0.08, 17))
    )
    how = "validation split, Youden's index"
    point = OperatingPoint(
        0.43, how, est(0.8, 0.2, 15), est(0.73, 0.12, 52), est(0.46, 0.18, 26), est(0.93, 0.07, 41)
    )
    one_sided = OperatingPoint(0.43, how, est(0.82), UNDEFINED, est(1.0, 0.0, 41), UNDEFINED)
    invalid = {Validity.OK: 60, Validity.ZERO: 5, Validity.CONSTANT: 2}
    groups = [group for group in Group if group is not Group.RANDOM for _ in range(2)]
    return Content(
        title="Opacity classifiers on real films",
        question="Do the maps of two small opacity classifiers find what radiologists marked?",
        provenance=PROVENANCE,
        cohorts=(
            CohortCounts(
                NIH, 67, 61, (FindingCounts(OPACITY, 15, 52, 0, 0, 15),),
                {"F": 30, "M": 37}, {"PA": 40, "AP": 27}, 49.0, (12.0, 88.0), "NIH films.",
                stored=(
                    StoredFilms(65, "DICOM", 12, "MONOCHROME1", "window", "1,024 × 1,024",
                                "centre 2,048, width 4,096"),
                    StoredFilms(2, "PNG", 8, "grey", "0 to 255", "1,024 × 1,024",
                                names=("00000211_019.png", "00000550_000.png")),
                ),
            ),
            CohortCounts(RSNA, 50, 47, (FindingCounts(OPACITY, 50, 0, 0, 0, 50),)),
        ),
        set_aside=(SetAside(NIH, "00000211_019.png", "truncated PNG: 3 blocks are missing"),),
        overlaps=(
            PatientOverlap(MODEL, NIH, 0, 0, 61), PatientOverlap(MODEL, RSNA, 12, 3, 47)
        ),
        models=(
            ModelText(
                MODEL, "mobilenet_v2_035", "linear", "films of fold 0", 0, ("2c26b46b68ffc68f",),
                "squashed to 320 by 320, ImageNet mean and deviation",
                (0.5, 0.61, 0.74, 0.951, 0.962), 4, (("Stopped", "AUROC 0.96 reached after 41 s"),),
            ),
        ),
        methods=(*(method(spec) for spec in four[1:]), method("grad_cam", invalid)),
        metrics=METRICS,
        classification=(
            Classification(NIH, MODEL, OPACITY, 15, 52, est(0.812, 0.09, 67), est(0.14, 0.03, 67),
                           point, bins, roc=((0.0, 0.0), (0.1, 0.6), (0.4, 0.9), (1.0, 1.0))),
            Classification(RSNA, MODEL, OPACITY, 50, 0, UNDEFINED, est(0.09, 0.03), one_sided),
        ),
        localization=localization,
        diagnoses=(
            *(diagnosis(spec, (0.4, 0.001)) for spec in four[:3]),
            diagnosis(four[3], (0.1, 0.6)),
            diagnosis(four[0], (NAN, NAN), dataset=NIH, patients=4, cases=5, films=5,
                      shape=(), confidence=(), subgroups={}),
        ),
        spreads=tuple(
            Spread(RSNA, OPACITY, feature, 50, 0.01, 0.1, 0.2, 0.4, 1.5) for feature in FEATURES
        ),
        gallery=Gallery(
            tuple(case(group, seed, four) for seed, group in enumerate(groups)),
            "Two of each kind, drawn with seed 0; best and worst by AUPRC of Grad-CAM.",
            "Brighter is more relevant; the cyan line is what the reference standard marks.",
            picture(0, side=32),
        ),
    )  # fmt: skip


@cache
def large() -> Content:
    """Ten findings, five methods, long names, 100 films set aside."""
    findings = (
        "Airspace Opacity", "Atelectasis", "Cardiomegaly", "Consolidation", "Edema",
        "Enlarged Cardiomediastinum", "Lung Lesion", "Pleural Effusion", "Pneumothorax",
        "Support Devices (any tube, line, pacemaker or prosthesis that crosses the lungs)",
    )  # fmt: skip
    rng = np.random.default_rng(7)
    name = "chexlocalize_validation_with_a_long_name_that_never_ends_v2_2026"
    point = OperatingPoint(0.5, "validation split", *(est(v, 0.08) for v in (0.3, 0.5, 0.7, 0.9)))
    bins = tuple(CalibrationBin(p, est(p, 0.1, 20)) for p in (0.1, 0.3, 0.5, 0.7, 0.9))
    return Content(
        title="Ten findings, five methods",
        question="Which method finds which finding?",
        provenance=PROVENANCE,
        cohorts=(
            CohortCounts(
                name, 187, None, tuple(FindingCounts(f, 40, 120, 20, 7, 40) for f in findings)
            ),
        ),
        set_aside=tuple(
            SetAside(name, f"patient{i:05d}/study1/view1_frontal_{'x' * 30}.jpg", "truncated JPEG")
            for i in range(100)
        ),
        overlaps=(PatientOverlap(MODEL, name, None, None),),
        models=(ModelText(MODEL, "mobilenet_v2_035", "linear"),),
        methods=tuple(method(spec) for spec in NAMES),
        metrics=METRICS,
        classification=tuple(
            Classification(
                name, MODEL, finding, 40, 147, est(float(rng.uniform(0.6, 0.99))), est(0.12),
                point, bins,
            )
            for finding in findings
        ),
        localization=tuple(
            panel(name, finding, metric.spec, {m: rng.uniform(0.05, 0.7) for m in NAMES}, 0.35)
            for finding in findings
            for metric in METRICS
        ),
        gallery=Gallery(
            tuple(case(Group.RANDOM, i, tuple(NAMES)) for i in range(3)), "By seed 1.", ""
        ),
    )  # fmt: skip


@cache
def detection() -> Content:
    """A metric of maps, and one of data sets for two models."""
    whole = MetricText(
        "pointwise_ap", "Pointwise AP", "Both together.", "the map is flat", per_map="hit rate"
    )
    localization = tuple(
        Localization(
            "rsna", OPACITY, "pointwise_ap",
            (
                beside_prior(
                    "grad_cam", est(0.25), diff(-0.1),
                    model=model, undefined=3, per_map=est(0.52), negatives=885,
                ),
                MethodRow(model, "gradient", UNDEFINED, 53, UNDEFINED, UNDEFINED, 885),
            ),
            ControlRow("mean-mask prior", est(prior), 0, est(0.57), 885),
            model,
        )
        for model, prior in (("first", 0.35), ("second", 0.36))
    )  # fmt: skip
    scores = {"auprc": 0.4, "pointwise_ap": 1.0}
    shown = CaseMap("grad_cam", picture(1, layer=True), (10, 10), scores=scores)
    return Content(
        title="Detection",
        question="Do probability and map find the lesion together?",
        provenance=PROVENANCE,
        methods=(method("grad_cam"), method("gradient")),
        metrics=(METRICS[0], whole),
        localization=(panel("rsna", OPACITY, "auprc", {"grad_cam": 0.3}, 0.4), *localization),
        gallery=Gallery((case(Group.RANDOM, 1, (), maps=(shown,)),)),
    )


@cache
def true_to_the_model(metric: str, method: str, gain: Estimate | None) -> Fidelity:
    wins = None if gain is None else est(0.8)
    told = None if gain is None else Reliability(0.65, 0.6, 0.7)
    return Fidelity(
        RSNA, MODEL, "Edema", method, metric, "lower", est(0.3), gain, wins, told
    )  # fmt: skip


def compared() -> Content:
    """The usual one with everything else that an experiment may measure."""
    needed = NeededCases(120, 100, 0.8, 0.05)
    comparisons = tuple(
        Comparison(
            RSNA, MODEL, spec, "iou(binarize=otsu)", other, finding, est(0.3), est(0.5),
            diff(difference), p, holm, holm, 0.05, conclusion, needed, decrease,
        )
        for other, decrease in (("human benchmark", diff(0.2)), ("another model", None))
        for spec in ("grad_cam", "gradient")
        for finding, difference, p, holm, conclusion in (
            ("Edema", -0.2, 0.01, 0.02, Conclusion.INFERIOR),
            (OPACITY, 0.1, 0.02, 0.03, Conclusion.SUPERIOR),
            ("Lung Lesion", 0.0, 0.6, 0.6, Conclusion.UNDECIDED),
            ("", 0.05, 0.3, NAN, Conclusion.UNDECIDED),
        )
    )  # fmt: skip
    place = UsualPlace((effect("prior", 0.3, 0.2),), diff(0.2), est(0.4), est(0.2), est(0.5))
    beside_prior = diagnosis("grad_cam", (0.4, 0.001), usual=place, common={"prior": diff(0.3)})
    return replace(
        usual(),
        comparisons=comparisons,
        tuned=(TunedValue("tuning", MODEL, "grad_cam", "auprc", OPACITY, 0.25, 0.4, 7),),
        failures=(Failure("false positive", RSNA, MODEL, "Edema", "a.png", 0.9, 0.5),),
        structures=(Structure(RSNA, MODEL, "Edema", "tube", "grad_cam", est(0.4), est(0.3), 0.05),),
        fidelity=(
            *(true_to_the_model("deletion", method, diff(0.1)) for method in ("grad_cam", "noise")),
            true_to_the_model("max_sensitivity", "grad_cam", None),
        ),
        rare=(Rare(RSNA, "Edema", "maps", 3, 10), Rare(RSNA, "Edema", "classifier", 3, 10)),
        diagnoses=(beside_prior, *usual().diagnoses),
    )


def cell(
    criterion: str, method: str, passed: Outcome, value: float, threshold: float, **changes: Any
) -> Verdict:
    made = Verdict(
        criterion, method, passed, est(value, cases=30), threshold, "heatproof",
        above=criterion != "randomization",
        measure="auprc" if criterion == "localization" else "ssim",
    )  # fmt: skip
    return replace(made, **changes)


@cache
def trusted() -> Content:
    """Two rules; every outcome, a strong pass, an open question with and without an answer."""
    good, bad, unsure, none = Outcome
    these = "This is about these 3 models."
    open_, lone = Needed(0.15, 140), Estimate(0.6, NAN, NAN, 0.95, 1, "")
    more = Needed(0.1, 90, models=5, draws=12)
    verdicts = (
        cell("localization", "grad_cam", good, 0.61, 0.45, strong=good),
        cell("localization", "gradient", unsure, 0.47, 0.45, needed=open_),
        cell("randomization", "grad_cam", good, 0.08, 0.31, notes=(these,)),
        cell("randomization", "gradient", unsure, 0.3, 0.31, needed=more),
        cell("repeatability", "grad_cam", good, 0.83, 0.6, notes=(these, "Another.")),
        cell("repeatability", "gradient", bad, 0.22, 0.53, notes=("Another.",)),
        cell("reproducibility", "grad_cam", good, 0.79, 0.6),
        cell("reproducibility", "gradient", none, NAN, NAN, evidence=UNDEFINED),
        cell("compression", "grad_cam", good, 0.95, 0.6),
        cell("compression", "gradient", unsure, 0.6, 0.6, evidence=lone),
    )  # fmt: skip
    other = tuple(replace(one, rule="arun2021", passed=bad, notes=()) for one in verdicts)
    high = (
        High("localization", "readers", "auprc", 0.66),
        High("repeatability", "readers", "ssim", 0.9),
    )
    return Content(
        title="Trust",
        question="May the maps be trusted?",
        provenance=PROVENANCE,
        methods=(method("grad_cam"), method("gradient")),
        metrics=METRICS[:1],
        asked=Asked(
            tuple(dict.fromkeys(one.criterion for one in verdicts[2:])), images=100, metric="auprc"
        ),
        rules=(
            RuleText("heatproof", "heatproof", "Passes what is shown."),
            RuleText(
                "arun2021", "Arun et al. 2021", "Compares means.", ("No interval.", "No test.")
            ),
        ),
        trust=tuple(
            Trust("rsna", "Lung Opacity", spec, found, {"ssim": "SSIM"}, ("readers",), high)
            for spec, found in (("heatproof", verdicts), ("arun2021", other))
        ),
    )


@cache
def empty() -> Content:
    """Nothing but a title."""
    return Content("Nothing yet", "", Provenance("heatproof run nothing.toml"))


def troubled(hostile: str = "<script>alert(1)</script>\"'&{{ 7*7 }}") -> Content:
    """Everything undefined, every name hostile."""
    lone = Estimate(0.4, NAN, NAN, 0.95, 1, hostile)
    rows = (
        MethodRow(hostile, hostile, UNDEFINED, 3, UNDEFINED),
        MethodRow(hostile, "other", lone, 2, Estimate(-0.1, NAN, NAN, 0.95, 1, "")),
        MethodRow(hostile, "third", est(0.2, cases=4), 2, None, UNDEFINED, 1),
    )
    point = OperatingPoint(0.5, hostile, UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED)
    pair = ((hostile, hostile),)
    made = MapCounts(hostile, hostile, None, {Validity.NOT_FINITE: 3, Validity.INCOMPLETE: 1})
    bad = CaseMap(hostile, None, (1, 1), Validity.NOT_FINITE, {hostile: NAN})
    place = {"dataset": hostile, "model": hostile}
    verdicts = (
        cell(hostile, hostile, Outcome.FAIL, 0.1, NAN, measure=hostile),
        cell("repeatability", hostile, Outcome.INCONCLUSIVE, NAN, 0.5, evidence=lone),
        cell("repeatability", "other", Outcome.PASS, 0.9, 1.02, notes=(hostile,)),
    )
    return Content(
        title=hostile,
        question=hostile,
        provenance=Provenance(hostile, pair, pair, pair, hostile, hostile),
        cohorts=(
            CohortCounts(
                hostile, 0, 0, (FindingCounts(hostile, 0, 0, 0, 0, 0),), {hostile: 1}, {hostile: 1},
                description=hostile,
                stored=(
                    StoredFilms(9, hostile, 8, *[hostile] * 4, (hostile,), (hostile,)),
                ) * 2,
            ),
        ),
        set_aside=(SetAside(hostile, hostile, hostile),),
        overlaps=(PatientOverlap(hostile, hostile, 5, None),),
        models=(
            ModelText(
                hostile, hostile, hostile, hostile, None, (hostile,), hostile, (NAN, NAN), 1, pair
            ),
        ),
        methods=(MethodText(hostile, hostile, hostile, (made,)), MethodText("b", hostile, "")),
        metrics=(MetricText(hostile, hostile, hostile, hostile, per_map=hostile),),
        classification=(
            Classification(
                *(hostile, hostile, hostile, 0, 0, UNDEFINED, UNDEFINED, point),
                (CalibrationBin(NAN, UNDEFINED),),
            ),
            Classification(hostile, hostile, hostile, 3, 2, UNDEFINED, UNDEFINED, point),
        ),
        localization=(
            Localization(hostile, hostile, hostile, rows, ControlRow(hostile, UNDEFINED, 3)),
            Localization(hostile, hostile, "undescribed", rows, ControlRow(hostile, lone, 3)),
            Localization(hostile, hostile, hostile, (), None, hostile),
        ),
        diagnoses=(
            diagnosis(hostile, (NAN, NAN), metric=hostile, **place,
                      confidence=(Confidence(hostile, "all", (), UNDEFINED),),
                      subgroups={hostile: (Subgroup(hostile, hostile, UNDEFINED, None, NAN),)}),
            diagnosis("other", (0.4, 0.001), metric=hostile, **place,
                      shape=(effect("area_ratio", NAN, NAN),)),
            diagnosis("other", (0.4, 0.001), dataset=hostile, model="b", metric="undescribed"),
        ),
        spreads=(Spread(hostile, hostile, "elongation", 0, NAN, NAN, NAN, NAN, NAN),),
        rules=(RuleText(hostile, hostile, hostile, (hostile,)),),
        trust=(Trust(hostile, hostile, hostile, verdicts, {hostile: hostile}),),
        gallery=Gallery(
            (
                case(Group.BEST, 1, (hostile,), image_id=hostile, why=hostile, finding=hostile,
                     probability=NAN, threshold=None, **place),
                case(Group.WORST, 2, (), image_id=hostile, maps=(bad,), label=None,
                     probability=None),
            ),
            hostile,
            hostile,
        ),
        warnings=(hostile,),
        limits=(hostile,),
    )  # fmt: skip
