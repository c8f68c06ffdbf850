"""A large study made up: 5 models, 15 methods, 10 findings, 668 films, 8 criteria; no run."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from heatproof.analysis.classification import Classification
from heatproof.analysis.diagnosis import Diagnosis, Spread
from heatproof.analysis.localization import ControlRow, Localization, MethodRow
from heatproof.analysis.verdicts import Asked, Trust
from heatproof.diagnose.confidence import Confidence
from heatproof.diagnose.shape import FEATURES
from heatproof.diagnose.subgroups import Subgroup
from heatproof.report.content import (
    CohortCounts,
    Content,
    FindingCounts,
    MapCounts,
    MethodText,
    ModelText,
    PatientOverlap,
    RuleText,
)
from heatproof.report.gallery import CaseMap, Gallery, GalleryCase, Group
from heatproof.types import Outcome, Validity
from tests.report import trial

DATA = "chest_radiographs"
MODELS = tuple(f"densenet121, fold {fold}" for fold in range(5))
FINDINGS = (
    "Airspace Opacity", "Atelectasis", "Cardiomegaly", "Consolidation", "Edema",
    "Enlarged Cardiomediastinum", "Lung Lesion", "Pleural Effusion", "Pneumothorax",
    "Support Devices",
)  # fmt: skip
METHODS = dict(zip(
        (f"method{number}" for number in range(15)),
        (
            "Grad-CAM", "Grad-CAM++", "HiResCAM", "LayerCAM", "Score-CAM", "Eigen-CAM", "XGrad-CAM",
            "Gradient", "Input × gradient", "Integrated gradients", "SmoothGrad of gradient",
            "Guided backpropagation", "Occlusion", "RISE", "Relevance propagation, gamma",
        ),
        strict=True,
    ))  # fmt: skip
CRITERIA = (
    "localization", "randomization", "repeatability", "reproducibility", "compression", "flip",
    "shift", "prevalence",
)  # fmt: skip
METRICS = trial.METRICS[:3]


@cache
def huge(cases: int = 24) -> Content:
    """The whole study, with so many films of each model in the gallery."""
    rng = np.random.default_rng(3)
    outcomes = list(Outcome)
    return Content(
        title="Fifteen saliency methods on five classifiers of chest radiographs",
        question="Which method may be shown to a radiologist, for which finding?",
        provenance=replace(trial.PROVENANCE, by="A. Rossi, University Hospital", date="2026-11-30"),
        cohorts=(
            CohortCounts(
                DATA, 668, 500, tuple(FindingCounts(f, 80, 560, 20, 8, 80) for f in FINDINGS)
            ),
        ),
        overlaps=tuple(PatientOverlap(model, DATA, 0, 0, 500) for model in MODELS),
        models=tuple(
            ModelText(name, "densenet121", "linear", "other films", n, ("2c26b46b68ffc68f",))
            for n, name in enumerate(MODELS)
        ),
        methods=tuple(
            MethodText(
                spec, name, "Gradient of the logit by the last features.",
                tuple(MapCounts(model, DATA, (10, 10), {Validity.OK: 6680}) for model in MODELS),
            )
            for spec, name in METHODS.items()
        ),
        metrics=METRICS,
        classification=tuple(
            Classification(
                DATA, model, finding, 80, 560, trial.est(rng.uniform(0.6, 0.98)), trial.est(0.1),
                trial.usual().classification[0].point, trial.usual().classification[0].calibration,
                roc=tuple((float(x), float(x) ** 0.3) for x in np.linspace(0, 1, 60)),
            )
            for model in MODELS
            for finding in FINDINGS
        ),
        localization=tuple(
            Localization(
                DATA, finding, metric.spec,
                tuple(
                    MethodRow(model, spec, trial.est(rng.uniform(0.1, 0.7)), 0, trial.diff(0.1))
                    for model in MODELS
                    for spec in METHODS
                ),
                ControlRow("mean-mask prior", trial.est(0.35), 0),
            )
            for finding in FINDINGS
            for metric in METRICS
        ),
        diagnoses=tuple(_diagnoses(rng)),
        spreads=tuple(
            Spread(DATA, finding, feature, 80, 0.01, 0.1, 0.2, 0.4, 1.5)
            for finding in FINDINGS
            for feature in FEATURES
        ),
        asked=Asked(CRITERIA[1:], metric="auprc"),
        rules=(RuleText("heatproof", "heatproof", "Passes what is shown."),),
        trust=tuple(
            Trust(
                DATA, finding, "heatproof",
                tuple(
                    trial.cell(
                        criterion, spec, outcomes[rng.choice(4, p=(0.5, 0.2, 0.2, 0.1))],
                        float(rng.uniform(0.1, 0.9)), 0.4, notes=("These are 5 models.",),
                    )
                    for spec in METHODS
                    for criterion in CRITERIA
                ),
                {"ssim": "SSIM"},
            )
            for finding in FINDINGS
        ),
        gallery=Gallery(
            tuple(
                _case(number, model)
                for model in MODELS
                for number in range(cases)
            ),
            "Three of each kind, drawn with seed 0.",
            "Brighter is more relevant; the cyan line is what the reference standard marks.",
            trial.picture(0, side=32),
        ),
    )  # fmt: skip


def _diagnoses(rng: np.random.Generator) -> Iterator[Diagnosis]:
    """Slopes on shape, the confidence of each finding, and groups of patients."""
    groups = {
        finding: tuple(
            Subgroup(name, level, trial.est(0.3), trial.diff(0.01), 0.9)
            for name, levels in (("sex", ("F", "M")), ("view", ("AP", "PA")))
            for level in levels
        )
        for finding in FINDINGS
    }
    for model in MODELS:
        for spec in METHODS:
            for metric in METRICS:
                confidence = tuple(
                    Confidence(
                        finding, of, (trial.effect("probability", 0.1, 0.4),), trial.diff(0.2)
                    )
                    for finding in FINDINGS
                    for of in ("all", "positive")
                )
                yield trial.diagnosis(
                    spec, (float(rng.uniform(-0.4, 0.4)), float(rng.uniform())), dataset=DATA,
                    model=model, metric=metric.spec, confidence=confidence, subgroups=groups,
                )  # fmt: skip


def _case(number: int, model: str) -> GalleryCase:
    groups = [group for group in Group if group is not Group.RANDOM]
    maps = tuple(
        CaseMap(
            spec, trial.picture(place, layer=True), (10, 10),
            scores={"auprc": 0.1 + 0.05 * place},
        )
        for place, spec in enumerate(METHODS)
    )  # fmt: skip
    return GalleryCase(
        groups[number % len(groups)], "drawn from 40", DATA, f"{number:08d}_{number % 7:03d}.png",
        FINDINGS[number % 10], model, trial.picture(number % 24, side=1024), maps,
        number % 3 > 0, 0.1 + 0.03 * number, 0.43, 1, ("M240 300L600 300L600 620L240 620Z",),
    )  # fmt: skip
