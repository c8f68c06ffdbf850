"""The numbers of published studies, as data, to be printed beside what is measured here.

Every number keeps its source, and its place in the source.  Shares are fractions, although the
papers print per cent.  A positive percentage decrease means that a method is worse than the
readers.  Methods are written as heatproof's specs and models as timm's names.  What a paper does
not print is absent.  The remarks of a source say what does not add up in it, or what its numbers
depend on.

A number stands in the paper's text or tables, except where its ``note`` says otherwise.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from heatproof.trust.evidence import CRITERIA

_NAN = float("nan")


@dataclass(frozen=True)
class Source:
    """A study.

    Attributes:
        tag: A short name, for a column.
        citation: Authors, title, venue and year.
        url: Address of the study; empty where it is not on the web.
        remarks: What one should know before comparing with it.
    """

    tag: str
    citation: str
    url: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Published:
    """One number as a study prints it.

    Attributes:
        source: The study.
        where: The place in the study, such as ``"Table 1"``.
        quantity: What was measured, such as ``"auprc"``.
        value: The number.
        low: The lower end of its 95% interval; nan where the study gives no interval, as ``high``.
        high: The upper end of its 95% interval.
        cases: The number of cases; None where the study does not say it.
        method: Spec of the saliency method, or the control; empty where it is about neither.
        model: The backbone; empty where there are several or none.
        data: The data set.
        finding: The finding; empty where the data set has one, or the number is about all.
        note: What is special about this number.
    """

    source: Source
    where: str
    quantity: str
    value: float
    low: float = _NAN
    high: float = _NAN
    cases: int | None = None
    method: str = ""
    model: str = ""
    data: str = ""
    finding: str = ""
    note: str = ""


@dataclass(frozen=True)
class TrustGrid:
    """Which method passed which criterion of trust.

    Attributes:
        passed: Method, then criterion (one of ``CRITERIA``), to whether the method passed;
            absent where the study does not say.
        rule: When a method passed, in words.
        note: What does not add up.
    """

    source: Source
    data: str
    passed: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    rule: str = ""
    note: str = ""


WILDCAT_RSNA = Source(
    "Aggarwal 2020",
    "Aggarwal et al., Towards Trainable Saliency Maps in Medical Imaging, ML4H 2020",
    "https://arxiv.org/abs/2011.07482",
    (
        "Guided Backprop equals Gradient on every backbone but VGG-19, and SmoothGrad equals"
        " Smooth Integrated Gradients on DenseNet-121: its override of ReLU was most likely not"
        " applied.",
        "Grad-CAM on ResNet-50 (.4866) is above the modified network (.4816), and RetinaNet is"
        " above it by pointwise detection on four of five ResNets.",
        "No image-independent prior is among the comparators. The mean mask of the same split"
        " scores AUPRC .466: above the modified network on ResNet-34, DenseNet-121 and"
        " DenseNet-169, and 1.5 points below its mean.",
    ),
)
MURA_2022 = Source(
    "Venkatesh 2022",
    "Venkatesh et al., Can We Trust Saliency Maps (musculoskeletal radiographs), SIIM 2022",
    remarks=(
        "'All methods showed reasonable localization' and 'none met all four criteria' exclude"
        " each other: by the lists of the text Integrated Gradients passes all four.",
        "An AUROC of .76 to .86 cannot be read without the mean-mask prior of the same films.",
    ),
)
MURA_2024 = Source(
    "Venkatesh 2024",
    "Venkatesh et al., Gradient-Based Saliency Maps Are Not Trustworthy, J Imaging Inform Med 2024",
    "https://doi.org/10.1007/s10278-024-01136-4",
    (
        "AUPRC was integrated by trapezoids, which gives an empty map (1 + prevalence) / 2.",
        "Final models were selected on the test set, and Inception's maps were computed on inputs"
        " scaled differently from those it was trained on (read in the public code).",
    ),
)
ARUN = Source(
    "Arun 2021",
    "Arun et al., Assessing the Trustworthiness of Saliency Maps, Radiology: AI 2021",
    "https://doi.org/10.1148/ryai.2021200267",
    (
        "SSIM was computed with a data range of 2 for maps in [0, 1], which inflates it.",
        "On SIIM, Grad-CAM and Guided Backprop pass randomization by about .01 or less.",
    ),
)
CHEXLOCALIZE = Source(
    "Saporta 2022",
    "Saporta et al., Benchmarking saliency methods for chest X-ray interpretation,"
    " Nat Mach Intell 2022",
    "https://doi.org/10.1038/s42256-022-00536-x",
    (
        "Spearman's interval used n = 1,534 of another table; with the n of its pairs, 2,365, it"
        " is .248 to .322.",
        "The interval of hit rate on instances, -.364 to .244, is not centred on its coefficient"
        " -.051.",
        "The text says z-scores and min-max; the regressions are on min-max features.",
        "Confidence was regressed on the full set, where IoU is 0 by construction in false"
        " positives and negatives, so that the slope largely measures classification.",
    ),
)
SOURCES = (WILDCAT_RSNA, MURA_2022, MURA_2024, ARUN, CHEXLOCALIZE)

SMOOTH_IG = "smooth_grad(base=integrated_gradients)"
_BACKBONES = (
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
    "densenet121", "densenet169", "vgg19",
)  # fmt: skip
_AUC = {
    "": (98.39, 98.17, 98.32, 98.45, 97.14, 96.65, 97.39, 98.72),
    "class_map": (98.77, 98.94, 98.92, 98.80, 98.97, 97.90, 98.10, 98.90),
    "detection": (98.81, 98.16, 97.08, 97.88, 98.25),
}
_POINTWISE = {
    "class_map": (32.74, 24.35, 31.45, 24.17, 43.84, 30.40, 30.25, 33.08),
    "detection": (38.75, 35.14, 32.40, 37.01, 36.16),
}
_AUPRC = {
    "gradient": (38.26, 31.37, 31.36, 37.71, 33.21, 27.88, 31.92, 25.09),
    "smooth_grad": (26.05, 29.21, 30.41, 36.27, 31.55, 29.76, 30.34, 18.55),
    "integrated_gradients": (41.19, 34.09, 29.46, 38.73, 34.16, 28.47, 30.54, 22.58),
    SMOOTH_IG: (31.07, 34.98, 30.10, 39.11, 31.79, 29.76, 30.41, 18.60),
    "grad_cam": (32.83, 45.91, 48.66, 45.71, 24.67, 29.57, 37.27, 24.69),
    "guided_backprop": (38.26, 31.37, 31.36, 37.71, 33.21, 27.88, 31.92, 28.27),
    "guided_grad_cam": (44.76, 39.55, 39.49, 45.22, 32.30, 34.66, 37.05, 32.80),
    "class_map": (48.04, 46.18, 48.16, 48.43, 50.27, 42.87, 45.56, 54.84),
    "detection": (57.55, 54.99, 52.91, 54.56, 56.13),
}

_MEASURED = "measured on the published figure, ± .003"
_BY_EYE = "read off the published figure, ± .01"
_EIGHT = (
    "gradient", "smooth_grad", "integrated_gradients", SMOOTH_IG, "grad_cam", "xrai",
    "guided_backprop", "guided_grad_cam",
)  # fmt: skip
_FIGURES = {
    ("auprc", "SIIM-ACR"): (
        (0.099, 0.037, 0.082, 0.024, 0.141, 0.224, 0.134, 0.150),
        {"mean_mask": 0.142, "U-Net": 0.401},
    ),
    ("auprc", "RSNA"): (
        (0.339, 0.169, 0.320, 0.160, 0.403, 0.519, 0.173, 0.315),
        {"mean_mask": 0.465, "RetinaNet": 0.595},
    ),
    ("repeatability ssim", "SIIM-ACR"): (
        (0.222, 0.178, 0.218, 0.221, 0.426, 0.642, 0.318, 0.576),
        {"U-Net": 0.976},
    ),
    ("reproducibility ssim", "SIIM-ACR"): (
        (0.17, 0.34, 0.17, 0.35, 0.37, 0.49, 0.285, 0.44),
        {},
    ),
    ("repeatability ssim", "RSNA"): (
        (0.296, 0.27, 0.360, 0.381, 0.680, 0.835, 0.556, 0.707),
        {"RetinaNet": 0.802},
    ),
    ("reproducibility ssim", "RSNA"): (
        (0.24, 0.18, 0.27, 0.27, 0.595, 0.755, 0.325, 0.636),
        {},
    ),
}
_METHODS_BY_EYE = {
    ("reproducibility ssim", "SIIM-ACR"): set(_EIGHT),
    ("repeatability ssim", "RSNA"): {"smooth_grad"},
    ("reproducibility ssim", "RSNA"): set(_EIGHT) - {"guided_grad_cam"},
}

_TEXT: tuple[tuple[str, str, float, float, float, int | None], ...] = (
    # quantity, finding, value, low, high, cases
    ("auroc of the classifier", "Support Devices", 0.969, _NAN, _NAN, None),
    ("mIoU", "Support Devices", 0.163, 0.154, 0.172, None),
    ("hit rate", "Support Devices", 0.357, 0.303, 0.408, None),
    ("mIoU of the human benchmark", "Cardiomegaly", 0.720, _NAN, _NAN, None),
    ("decrease of mIoU", "", 0.266, 0.181, 0.350, None),
    ("decrease of mIoU", "Lung Lesion", 0.762, 0.591, 0.875, None),
    ("decrease of mIoU", "Consolidation", -0.561, -0.694, -0.427, None),
    ("decrease of hit rate", "", 0.294, 0.150, 0.432, None),
    ("decrease of hit rate", "Lung Lesion", 0.659, 0.353, 0.917, None),
    ("findings worse than the human benchmark by mIoU", "", 5.0, _NAN, _NAN, 10),
    ("findings better than the human benchmark by mIoU", "", 2.0, _NAN, _NAN, 10),
    ("findings worse than the human benchmark by hit rate", "", 7.0, _NAN, _NAN, 10),
    ("findings better than the human benchmark by hit rate", "", 0.0, _NAN, _NAN, 10),
    ("findings on which one checkpoint is below the ensemble by mIoU", "", 10.0, _NAN, _NAN, 10),
    ("findings on which one checkpoint is below the ensemble by hit rate", "", 6.0, _NAN, _NAN, 10),
    ("slope of IoU on area ratio", "", 0.566, 0.526, 0.606, 1534),
    ("slope of IoU on elongation", "", -0.425, -0.497, -0.354, 1534),
    ("slope of IoU on irrectangularity", "", -0.256, -0.292, -0.219, 1534),
    ("slope of IoU on instances", "", -0.115, -0.220, -0.009, 1534),
    ("slope of hit rate on instances", "", -0.051, -0.364, 0.244, 1534),
    ("slope of the hit-rate gap on instances", "", 0.470, 0.114, 0.825, 1534),
    ("slope of IoU on confidence", "", 0.109, 0.083, 0.135, 2365),
    ("Spearman of IoU and confidence", "", 0.285, 0.239, 0.331, 2365),
)
_CONFIDENCE = {  # slope of IoU, Spearman's coefficient, n: the notebooks behind Table 3
    "Enlarged Cardiomediastinum": (1.974, 0.428, 668),
    "Cardiomegaly": (0.679, 0.592, 229),
    "Lung Lesion": (0.218, 0.509, 50),
    "Airspace Opacity": (0.714, 0.577, 381),
    "Edema": (0.642, 0.548, 124),
    "Consolidation": (1.155, 0.384, 120),
    "Atelectasis": (0.489, 0.348, 296),
    "Pneumothorax": (0.446, 0.734, 11),
    "Pleural Effusion": (0.632, 0.690, 159),
    "Support Devices": (0.211, 0.468, 327),
}
_EARLIER = {  # full-data mIoU with cut-offs: Grad-CAM, human benchmark
    "Lung Lesion": (0.027, 0.424),
    "Enlarged Cardiomediastinum": (0.169, 0.564),
    "Pneumothorax": (0.124, 0.393),
    "Support Devices": (0.143, 0.438),
    "Cardiomegaly": (0.275, 0.712),
    "Edema": (0.174, 0.307),
    "Consolidation": (0.087, 0.148),
    "Pleural Effusion": (0.158, 0.213),
    "Airspace Opacity": (0.193, 0.232),
    "Atelectasis": (0.145, 0.122),
}


def _rsna_table() -> Iterator[Published]:
    tables = {"auroc of the classifier": _AUC, "pointwise_ap": _POINTWISE, "auprc": _AUPRC}
    for quantity, rows in tables.items():
        for method, values in rows.items():
            # The study has no detector with the last three backbones.
            for model, value in zip(_BACKBONES, values, strict=False):
                yield Published(
                    WILDCAT_RSNA, "Table 1", quantity, round(value / 100, 4),  # printed in per cent
                    method=method, model=model, data="RSNA",
                )  # fmt: skip


def _mura() -> Iterator[Published]:
    for method, value in (("grad_cam", 0.755), ("xrai", 0.863)):
        yield Published(MURA_2022, "text", "auroc", value, method=method, data="MURA")
    tables = (
        ("auprc", {"smooth_grad": 0.438, "xrai": 0.590, "readers": 0.816}),
        ("repeatability iou", {"smooth_grad": 0.427, "integrated_gradients": 0.551}),
        ("reproducibility iou", {"smooth_grad": 0.250, "integrated_gradients": 0.502}),
        ("iou", {"readers": 0.613}),
    )
    for quantity, values in tables:
        for method, value in values.items():
            ends = "" if method == "readers" else "the lowest or highest of the methods"
            yield Published(
                MURA_2024, "abstract", quantity, value, method=method, data="MURA", note=ends
            )


def _arun() -> Iterator[Published]:
    for (quantity, data), (values, controls) in _FIGURES.items():
        by_eye = _METHODS_BY_EYE.get((quantity, data), set())
        by_method = dict(zip(_EIGHT, values, strict=True)) | controls
        for method, value in by_method.items():
            yield Published(
                ARUN, "figures", quantity, value, method=method, data=data,
                note=_BY_EYE if method in by_eye else _MEASURED,
            )  # fmt: skip


def _chexlocalize() -> Iterator[Published]:
    number = partial(
        Published, CHEXLOCALIZE,
        method="grad_cam", model="densenet121", data="CheXlocalize test",
    )  # fmt: skip
    for quantity, finding, value, low, high, cases in _TEXT:
        yield number("text", quantity, value, low, high, cases, finding=finding)
    for finding, (slope, spearman, cases) in _CONFIDENCE.items():
        row = partial(
            number, "Table 3", cases=cases, finding=finding,
            note="from the authors' executed notebook",
        )  # fmt: skip
        yield row("slope of IoU on confidence", slope)
        yield row("Spearman of IoU and confidence", spearman)
    for finding, (saliency, human) in _EARLIER.items():
        row = partial(
            number, "earlier version", finding=finding,
            note="full set with cut-offs, March 2021; superseded",
        )  # fmt: skip
        yield row("mIoU", saliency)
        yield row("mIoU of the human benchmark", human)


PUBLISHED: tuple[Published, ...] = (*_rsna_table(), *_mura(), *_arun(), *_chexlocalize())


def _randomized(passed: str, failed: str) -> dict[str, dict[str, bool]]:
    """A grid of one criterion, from the methods that passed it and those that failed."""
    by_method = dict.fromkeys(passed.split(), True) | dict.fromkeys(failed.split(), False)
    return {method: {"randomization": verdict} for method, verdict in by_method.items()}


def _row(*passed: bool) -> dict[str, bool]:
    """Whether one method passed, criterion by criterion."""
    return dict(zip(CRITERIA, passed, strict=True))


TRUST_GRIDS: tuple[TrustGrid, ...] = (
    TrustGrid(
        MURA_2022,
        "MURA",
        {
            "grad_cam": _row(True, False, True, True),
            "gradient": _row(True, True, False, False),
            "integrated_gradients": _row(True, True, True, True),
            "smooth_grad": _row(True, False, False, False),
            SMOOTH_IG: _row(True, True, True, False),
            "xrai": _row(True, False, True, True),
        },
        "not stated; localization: 'reasonable', AUROC .755 (Grad-CAM) to .863 (XRAI)",
        "The text says that no method met all four criteria; by its own lists Integrated Gradients"
        " does.",
    ),
    TrustGrid(
        MURA_2024,
        "MURA",
        _randomized("grad_cam gradient integrated_gradients smooth_grad xrai", SMOOTH_IG),
        "mean SSIM after randomization significantly below that of pairs of films",
        "No method met all four criteria; the abstract gives no other cell.",
    ),
    *(
        TrustGrid(
            ARUN,
            data,
            _randomized(passed, failed),
            "mean SSIM after full randomization below that of 50 pairs of films",
            "Read off the published figure; the counts are those of the text.",
        )
        for data, passed, failed in (
            (
                "SIIM-ACR",
                "grad_cam guided_backprop guided_grad_cam",
                f"gradient smooth_grad integrated_gradients {SMOOTH_IG} xrai",
            ),
            (
                "RSNA",
                f"grad_cam guided_backprop guided_grad_cam gradient smooth_grad {SMOOTH_IG}",
                "integrated_gradients xrai",
            ),
        )
    ),
)


def published_numbers(**wanted: object) -> tuple[Published, ...]:
    """The numbers whose fields have these values, in the order of the papers.

    >>> [number.value for number in published_numbers(quantity="iou", method="readers")]
    [0.613]
    """
    return tuple(
        number
        for number in PUBLISHED
        if all(getattr(number, name) == value for name, value in wanted.items())
    )
