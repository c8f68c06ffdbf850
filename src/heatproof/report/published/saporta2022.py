"""Saporta et al. 2022: CheXlocalize, seven methods against a human benchmark."""

from collections.abc import Iterator
from functools import partial

from heatproof.report.published.records import Published, Source

_NAN = float("nan")

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
        "Table 1 (seven methods by ten findings) and the values of Figure 2 and of extended figures"
        " are not in the text that these numbers were read from; their cells are absent.",
        "Confidence was regressed on the full set, where IoU is 0 by construction in false"
        " positives and negatives, so that the slope largely measures classification.",
    ),
)
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
    ("findings alike to the human benchmark by mIoU", "", 3.0, _NAN, _NAN, 10),
    ("findings worse than the human benchmark by hit rate", "", 7.0, _NAN, _NAN, 10),
    ("findings better than the human benchmark by hit rate", "", 0.0, _NAN, _NAN, 10),
    ("findings alike to the human benchmark by hit rate", "", 3.0, _NAN, _NAN, 10),
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


_EXTENDED = (  # Extended Data Figure 1: maps cut at tuned thresholds
    ("findings worse than the human benchmark by mIoU, tuned thresholds", 5.0),
    ("findings better than the human benchmark by mIoU, tuned thresholds", 2.0),
    ("findings alike to the human benchmark by mIoU, tuned thresholds", 3.0),
)
_OTHERWISE = {"one checkpoint": "Extended Data Figure 7"}


def numbers() -> Iterator[Published]:
    """Those of the text, of Table 3 and of an earlier version."""
    number = partial(
        Published, CHEXLOCALIZE,
        method="grad_cam", model="densenet121", data="CheXlocalize test",
    )  # fmt: skip
    for quantity, finding, value, low, high, cases in _TEXT:
        places = [where for words, where in _OTHERWISE.items() if words in quantity]
        where = places[0] if places else "text"
        yield number(where, quantity, value, low, high, cases, finding=finding)
    for quantity, value in _EXTENDED:
        yield number("Extended Data Figure 1", quantity, value, cases=10)
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
