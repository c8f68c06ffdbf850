"""Contents to try a report on: a usual one, a large one, an empty one, and one full of trouble."""

import io
import math
from dataclasses import replace
from functools import cache

import numpy as np
from PIL import Image

from heatproof.analysis.classification import Bin, Classification, OperatingPoint
from heatproof.analysis.diagnosis import Diagnosis, Spread
from heatproof.analysis.localization import Control, Localization, Row
from heatproof.analysis.verdicts import High, Trust
from heatproof.diagnose.confidence import Confidence
from heatproof.diagnose.effect import Effect
from heatproof.diagnose.shape import FEATURES
from heatproof.diagnose.subgroups import Subgroup
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
)
from heatproof.report.gallery import CaseMap, Gallery, GalleryCase, Group, Picture
from heatproof.stages.written import SetAside
from heatproof.stats.regression import Slope
from heatproof.types import Estimate, Needed, Outcome, Validity, Verdict

NAN = math.nan
NAMES = {
    "grad_cam": "Grad-CAM",
    "integrated_gradients(steps=25)": "Integrated gradients",
    "occlusion(patch=32, stride=16)": "Occlusion",
    "gradient": "Gradient",
    "wildcat": "WILDCAT class map",
}
METRICS = (
    MetricText(
        "auprc",
        "AUPRC",
        "Average precision of the map's pixels at finding the marked ones.",
        "no pixel was marked",
    ),
    MetricText(
        "auroc",
        "AUROC per image",
        "How often a marked pixel is brighter than an unmarked one.",
        "no or every pixel was marked",
        chance=0.5,
    ),
    MetricText(
        "iou(binarize=otsu)",
        "IoU",
        "Overlap of the binarized map with the marked region over their union.",
        "no pixel was marked or the map is constant",
    ),
    MetricText(
        "hit_rate",
        "Hit rate",
        "Whether the map's peak lies inside the marked region.",
        "no pixel was marked",
    ),
)


def est(value: float, half: float = 0.05, cases: int = 50) -> Estimate:
    return Estimate(
        value,
        max(value - half, 0.0),
        min(value + half, 1.0),
        0.95,
        cases,
        "percentile bootstrap of patients, 1000 resamples, seed 0",
    )


def diff(value: float, half: float = 0.05, cases: int = 50) -> Estimate:
    return Estimate(value, value - half, value + half, 0.95, cases, "paired bootstrap")


UNDEFINED = Estimate(NAN, NAN, NAN, 0.95, 0, "percentile bootstrap")


def effect(feature: str, value: float, p: float, model: str = "linear_by_cluster") -> Effect:
    """A slope with p corrected."""
    slope = Slope(Estimate(value, value - 0.2, value + 0.2, 0.95, 50, model), p / 4, 0.1)
    return Effect("auprc", feature, "marked by the reference", model, slope, p)


def diagnosis(method: str, size: tuple[float, float], **changes: object) -> Diagnosis:
    """Scores that hang on the size of the finding, by this slope and p, and on nothing else."""
    shape = tuple(
        effect(feature, *(size if feature == "area_ratio" else (0.05, 0.8)), model)
        for feature in FEATURES
        for model in ("linear", "linear_by_cluster", "mixed")
    )
    sure = tuple(
        Confidence("Lung Opacity", rows, (effect("probability", 0.1, 0.4),), diff(0.2))
        for rows in ("all", "positive")
    )
    groups = (
        Subgroup("sex", "F", est(0.3), diff(0.01), 0.9),
        Subgroup("sex", "M", est(0.29), diff(-0.01), 0.9),
        Subgroup("view", "AP", est(0.1, cases=4), None, NAN),
    )
    fields: dict[str, object] = {
        "dataset": "rsna_pneumonia_320",
        "model": "mobilenet, fold 0",
        "method": method,
        "metric": "auprc",
        "cases": 50,
        "patients": 48,
        "enough": 10,
        "shape": shape,
        "confidence": sure,
        "subgroups": {"Lung Opacity": groups},
    }
    return Diagnosis(**(fields | changes))  # type: ignore[arg-type]


@cache
def picture(seed: int, overlay: bool = False, side: int = 320) -> Picture:
    """A gradient that looks a little like a chest; no radiograph."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    film = 0.75 - 0.5 * np.exp(-((((np.abs(x) - 0.42) / 0.26) ** 2 + (y / 0.6) ** 2) ** 2))
    film = film + 0.04 * np.sin(14 * y + 4 * x**2) + rng.normal(0, 0.02, film.shape)
    cx, cy = rng.uniform(-0.5, 0.5, 2)
    spot = np.exp(-(((x - cx) / 0.2) ** 2 + ((y - cy) / 0.16) ** 2))
    grey = np.clip(film + 0.2 * spot, 0, 1)[..., None] * np.ones(3)
    if overlay:
        a, b = rng.uniform(-0.5, 0.5, 2)
        heat = np.exp(-(((x - a) / 0.3) ** 2 + ((y - b) / 0.3) ** 2))[..., None]
        grey = grey * (1 - 0.6 * heat) + 0.6 * heat * np.array([0.95, 0.85 - 0.4, 0.2])
        ring = np.abs(spot - 0.4) < 0.04
        grey[ring] = (0.2, 0.95, 0.95)
    buffer = io.BytesIO()
    Image.fromarray((grey * 255).astype(np.uint8)).save(buffer, "WEBP", quality=80)
    return Picture(buffer.getvalue(), "image/webp", side, side)


def case(group: Group, seed: int, methods: tuple[str, ...], **changes: object) -> GalleryCase:
    rng = np.random.default_rng(seed)
    maps = tuple(
        CaseMap(
            method,
            picture(seed, overlay=True),
            (10, 10) if "cam" in method else (320, 320),
            scores={"auprc": float(rng.uniform()), "iou(binarize=otsu)": float(rng.uniform())},
        )
        for method in methods
    )
    fields: dict[str, object] = {
        "group": group,
        "why": "drawn with seed 0 from 12",
        "dataset": "nih_rsna_1024",
        "image_id": f"0000{seed}_00{seed}.png",
        "finding": "Lung Opacity",
        "model": "mobilenet, fold 0",
        "film": picture(seed),
        "maps": maps,
        "label": group in (Group.TRUE_POSITIVE, Group.FALSE_NEGATIVE),
        "probability": float(rng.uniform()),
        "threshold": 0.5,
        "annotations": 2,
    }
    return GalleryCase(**(fields | changes))  # type: ignore[arg-type]


def panel(
    dataset: str, finding: str, metric: str, values: dict[str, float], prior: float, cases: int = 50
) -> Localization:
    rows = tuple(
        Row(
            "mobilenet, fold 0",
            method,
            est(value, cases=cases),
            2,
            diff(value - prior, cases=cases),
        )
        for method, value in values.items()
    )
    return Localization(
        dataset, finding, metric, rows, Control("mean-mask prior", est(prior, cases=cases), 0)
    )


def method(spec: str, counts: dict[Validity, int] | None = None) -> MethodText:
    return MethodText(
        spec,
        NAMES[spec],
        "Gradient of the logit with respect to the last features, averaged, weights their sum.",
        (
            MapCounts(
                "mobilenet, fold 0",
                "nih_rsna_1024",
                (10, 10) if "cam" in spec else (320, 320),
                counts or {Validity.OK: 67},
            ),
        ),
    )


PROVENANCE = Provenance(
    command="heatproof run experiments/real_classifier.toml",
    versions=(("heatproof", "0.1.0"), ("Python", "3.11.2"), ("torch", "2.15.0")),
    hashes=(("nih_rsna_1024", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),),
    seeds=(("bootstrap", "0"), ("gallery", "0")),
    machine="2 cores, 8 GB",
    experiment='name = "Opacity classifiers"\n[[datasets]]\nname = "nih_rsna_1024"',
)


@cache
def usual() -> Content:
    """Two data sets, two models, four methods, four metrics; one data set has no negatives."""
    four = tuple(NAMES)[:4]
    values = dict(zip(four, (0.31, 0.22, 0.46, 0.12), strict=True))
    shift = {"auprc": 0.0, "auroc": 0.4, "iou(binarize=otsu)": -0.05, "hit_rate": 0.1}
    localization = tuple(
        panel(
            dataset,
            "Lung Opacity",
            metric.spec,
            {k: max(v + shift[metric.spec], 0.01) for k, v in values.items()},
            prior + shift[metric.spec],
            cases,
        )
        for dataset, prior, cases in (("nih_rsna_1024", 0.38, 15), ("rsna_pneumonia_320", 0.46, 50))
        for metric in METRICS
    )
    bins = tuple(
        Bin(p, est(min(max(p + d, 0.0), 1.0), 0.12, n))
        for p, d, n in (
            (0.08, 0.02, 20),
            (0.3, -0.05, 12),
            (0.52, 0.1, 9),
            (0.71, 0.02, 9),
            (0.93, -0.08, 17),
        )
    )
    point = OperatingPoint(
        0.43, "validation split, Youden's index", est(0.8, 0.2, 15), est(0.73, 0.12, 52),
        est(0.46, 0.18, 26), est(0.93, 0.07, 41),
    )  # fmt: skip
    sided = OperatingPoint(
        0.43,
        "validation split, Youden's index",
        est(0.82, 0.1, 50),
        UNDEFINED,
        est(1.0, 0.0, 41),
        UNDEFINED,
    )
    maps = {Validity.OK: 60, Validity.ZERO: 5, Validity.CONSTANT: 2}
    groups = [
        (g, i) for i, g in enumerate(g for g in Group if g is not Group.RANDOM for _ in range(2))
    ]
    return Content(
        title="Opacity classifiers on real films",
        question="Do the maps of two small opacity classifiers find what radiologists marked?",
        provenance=PROVENANCE,
        cohorts=(
            CohortCounts(
                "nih_rsna_1024", 67, 61,
                (FindingCounts("Lung Opacity", 15, 52, 0, 0, 15),),
                {"F": 30, "M": 37}, {"PA": 40, "AP": 27}, 49.0, (12.0, 88.0),
                "NIH films at 1,024 pixels that are cases of the RSNA pneumonia challenge.",
            ),
            CohortCounts("rsna_pneumonia_320", 50, 47, (FindingCounts("Lung Opacity", 50, 0, 0, 0, 50),)),
        ),
        set_aside=(
            SetAside("nih_rsna_1024", "00000211_019.png", "truncated PNG: 3 blocks are missing"),
        ),
        overlaps=(
            PatientOverlap("mobilenet, fold 0", "nih_rsna_1024", 0, 0),
            PatientOverlap("mobilenet, fold 0", "rsna_pneumonia_320", 12, 3),
        ),
        models=(
            ModelText(
                "mobilenet, fold 0", "mobilenet_v2_035", "linear", "films of fold 0", 0,
                ("2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",),
                "squashed to 320 by 320, ImageNet mean and deviation",
                (0.5, 0.61, 0.74, 0.83, 0.88, 0.93, 0.955, 0.951, 0.962), 8,
                (("Stopped", "AUROC 0.96 reached after 41 s"), ("Held-out AUROC", "0.957")),
            ),
        ),
        methods=(*(method(spec) for spec in four[1:]), method("grad_cam", maps)),
        metrics=METRICS,
        classification=(
            Classification("nih_rsna_1024", "mobilenet, fold 0", "Lung Opacity", 15, 52,
                           est(0.812, 0.09, 67), est(0.14, 0.03, 67), point, bins),
            Classification("rsna_pneumonia_320", "mobilenet, fold 0", "Lung Opacity", 50, 0,
                           UNDEFINED, est(0.09, 0.03, 50), sided),
        ),
        localization=localization,
        diagnoses=(
            *(diagnosis(method, (0.4, 0.001)) for method in four[:3]),
            diagnosis(four[3], (0.1, 0.6)),
            diagnosis(four[0], (NAN, NAN), dataset="nih_rsna_1024", patients=4, cases=5,
                      shape=(), confidence=(), subgroups={}),
        ),
        spreads=tuple(
            Spread("rsna_pneumonia_320", "Lung Opacity", feature, 50, 0.01, 0.1, 0.2, 0.4, 1.5)
            for feature in FEATURES
        ),
        gallery=Gallery(
            tuple(case(group, seed, four) for group, seed in groups),
            "Two of each kind, drawn with seed 0; best and worst by AUPRC of Grad-CAM.",
            "Brighter is more relevant; the cyan line is what the reference standard marks.",
            picture(0, side=32),
        ),
    )  # fmt: skip


@cache
def large() -> Content:
    """Ten findings, five methods, long names, 100 images set aside."""
    findings = (
        "Airspace Opacity", "Atelectasis", "Cardiomegaly", "Consolidation", "Edema",
        "Enlarged Cardiomediastinum", "Lung Lesion", "Pleural Effusion", "Pneumothorax",
        "Support Devices (any tube, line, pacemaker or prosthesis that crosses the lungs)",
    )  # fmt: skip
    rng = np.random.default_rng(7)
    name = "chexlocalize_validation_with_a_long_name_that_never_ends_v2_2026"
    localization = tuple(
        panel(
            name, finding, metric.spec, {m: float(rng.uniform(0.05, 0.7)) for m in NAMES}, 0.35, 40
        )
        for finding in findings
        for metric in METRICS
    )
    classification = tuple(
        Classification(
            name, "mobilenet, fold 0", finding, 40, 147,
            est(float(rng.uniform(0.6, 0.99)), 0.05, 187), est(0.12, 0.02, 187),
            OperatingPoint(
                0.5,
                "validation split",
                *(est(v, 0.08, 100) for v in rng.uniform(0.3, 0.95, 4).tolist()),
            ),
            tuple(Bin(p, est(p, 0.1, 20)) for p in (0.1, 0.3, 0.5, 0.7, 0.9)),
        )
        for finding in findings
    )  # fmt: skip
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
        overlaps=(PatientOverlap("mobilenet, fold 0", name, None, None),),
        models=(ModelText("mobilenet, fold 0", "mobilenet_v2_035", "linear"),),
        methods=tuple(method(spec) for spec in NAMES),
        metrics=METRICS,
        classification=classification,
        localization=localization,
        gallery=Gallery(
            tuple(case(Group.RANDOM, i, tuple(NAMES)) for i in range(3)), "By seed 1.", ""
        ),
    )


@cache
def detection() -> Content:
    """A metric of maps, and one of data sets for two models."""
    whole = MetricText(
        "pointwise_ap", "Pointwise AP", "Both together.", "the map is flat", per_map="hit rate"
    )
    localization = tuple(
        Localization(
            "rsna",
            "Lung Opacity",
            "pointwise_ap",
            (
                Row(model, "grad_cam", est(0.25), 3, diff(-0.1), est(0.52), 885),
                Row(model, "gradient", UNDEFINED, 53, UNDEFINED, UNDEFINED, 885),
            ),
            Control("mean-mask prior", est(prior), 0, est(0.57), 885),
            model,
        )
        for model, prior in (("first", 0.35), ("second", 0.36))
    )
    return Content(
        title="Detection",
        question="Do probability and map find the lesion together?",
        provenance=PROVENANCE,
        methods=(method("grad_cam"), method("gradient")),
        metrics=(METRICS[0], whole),
        localization=(
            panel("rsna", "Lung Opacity", "auprc", {"grad_cam": 0.3}, 0.4),
            *localization,
        ),
        gallery=Gallery(
            (
                case(
                    Group.RANDOM,
                    1,
                    (),
                    maps=(
                        CaseMap(
                            "grad_cam",
                            picture(1, overlay=True),
                            (10, 10),
                            scores={"auprc": 0.4, "pointwise_ap": 1.0},
                        ),
                    ),
                ),
            )
        ),
    )


def cell(
    criterion: str, method: str, passed: Outcome, value: float, threshold: float, **more: object
) -> Verdict:
    fields: dict[str, object] = {
        "evidence": est(value, cases=30),
        "rule": "heatproof",
        "above": criterion != "randomization",
        "measure": "auprc" if criterion == "localization" else "ssim",
    }
    return Verdict(criterion, method, passed, threshold=threshold, **(fields | more))  # type: ignore[arg-type]


@cache
def trusted() -> Content:
    """Two rules; every outcome, a strong pass, an open question with and without an answer."""
    good, bad, unsure, none = Outcome
    these = "This is about these 3 models."
    open_, lone = Needed(0.15, 140), Estimate(0.6, NAN, NAN, 0.95, 1, "")
    verdicts = (
        cell("localization", "grad_cam", good, 0.61, 0.45, strong=good),
        cell("localization", "gradient", unsure, 0.47, 0.45, needed=open_),
        cell("randomization", "grad_cam", good, 0.08, 0.31, notes=(these,)),
        cell("randomization", "gradient", unsure, 0.3, 0.31, needed=Needed(0.1, 90, 12)),
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
    one = Estimate(0.4, NAN, NAN, 0.95, 1, hostile)
    rows = (
        Row(hostile, hostile, UNDEFINED, 3, UNDEFINED),
        Row(hostile, "other", one, 2, Estimate(-0.1, NAN, NAN, 0.95, 1, "")),
        Row(hostile, "third", est(0.2, cases=4), 2, None, UNDEFINED, 1),
    )
    point = OperatingPoint(0.5, hostile, UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED)
    pair = ((hostile, hostile),)
    made = MapCounts(hostile, hostile, None, {Validity.NOT_FINITE: 3, Validity.INCOMPLETE: 1})
    bad = CaseMap(hostile, None, (1, 1), Validity.NOT_FINITE, {hostile: NAN})
    return Content(
        title=hostile,
        question=hostile,
        provenance=Provenance(
            hostile, pair, pair, pair, hostile, hostile, 
        ),
        cohorts=(
            CohortCounts(
                hostile, 0, 0, (FindingCounts(hostile, 0, 0, 0, 0, 0),), {hostile: 1}, {hostile: 1},
                description=hostile,
            ),
        ),
        set_aside=(SetAside(hostile, hostile, hostile),),
        overlaps=(PatientOverlap(hostile, hostile, 5, None),),
        models=(
            ModelText(
                hostile, hostile, hostile, hostile, None, (hostile,), hostile, (NAN, NAN), 1, pair
            ),
        ),
        methods=(MethodText(hostile, hostile, hostile, (made,)), MethodText("b", hostile, "", ())),
        metrics=(MetricText(hostile, hostile, hostile, hostile, per_map=hostile),),
        classification=(
            Classification(
                hostile, hostile, hostile, 0, 0, UNDEFINED, UNDEFINED, point, (Bin(NAN, UNDEFINED),)
            ),
            Classification(hostile, hostile, hostile, 3, 2, UNDEFINED, UNDEFINED, point),
        ),
        localization=(
            Localization(hostile, hostile, hostile, rows, Control(hostile, UNDEFINED, 3)),
            Localization(hostile, hostile, "undescribed", rows, Control(hostile, one, 3)),
            Localization(hostile, hostile, hostile, (), None, hostile),
        ),
        diagnoses=(
            diagnosis(hostile, (NAN, NAN), dataset=hostile, model=hostile, metric=hostile,
                      confidence=(Confidence(hostile, "all", (), UNDEFINED),),
                      subgroups={hostile: (Subgroup(hostile, hostile, UNDEFINED, None, NAN),)}),
            diagnosis("other", (0.4, 0.001), dataset=hostile, model=hostile, metric=hostile,
                      shape=(effect("area_ratio", NAN, NAN),)),
            diagnosis("other", (0.4, 0.001), dataset=hostile, model="b", metric="undescribed"),
        ),
        spreads=(Spread(hostile, hostile, "elongation", 0, NAN, NAN, NAN, NAN, NAN),),
        rules=(RuleText(hostile, hostile, hostile, (hostile,)),),
        trust=(
            Trust(
                hostile,
                hostile,
                hostile,
                (
                    cell(hostile, hostile, Outcome.FAIL, 0.1, NAN, measure=hostile),
                    cell("repeatability", hostile, Outcome.INCONCLUSIVE, NAN, 0.5, evidence=one),
                    cell("repeatability", "other", Outcome.PASS, 0.9, 1.02, notes=(hostile,)),
                ),
                {hostile: hostile},
            ),
        ),
        gallery=Gallery(
            (
                case(
                    Group.BEST, 1, (hostile,), image_id=hostile, why=hostile, dataset=hostile,
                    finding=hostile, model=hostile, probability=NAN, threshold=None,
                ),
                case(
                    Group.WORST, 2, (), image_id=hostile, maps=(bad,), label=None, probability=None
                ),
            ),
            hostile,
            hostile,
        ),
        warnings=(hostile,),
        limits=(hostile,),
    )  # fmt: skip
