"""Arun et al. 2021: eight methods on RSNA pneumonia and SIIM-ACR pneumothorax."""

from collections.abc import Iterator

from heatproof.report.published.records import SMOOTH_IG, Published, Source, TrustGrid, randomized

ARUN = Source(
    "Arun 2021",
    "Arun et al., Assessing the Trustworthiness of Saliency Maps, Radiology: AI 2021",
    "https://doi.org/10.1148/ryai.2021200267",
    (
        "SSIM was computed with a data range of 2 for maps in [0, 1], which inflates it.",
        "On SIIM, Grad-CAM and Guided Backprop pass randomization by about .01 or less.",
    ),
)
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


def numbers() -> Iterator[Published]:
    """Those of the figures."""
    for (quantity, data), (values, controls) in _FIGURES.items():
        by_eye = _METHODS_BY_EYE.get((quantity, data), set())
        by_method = dict(zip(_EIGHT, values, strict=True)) | controls
        for method, value in by_method.items():
            yield Published(
                ARUN, "figures", quantity, value, method=method, data=data,
                note=_BY_EYE if method in by_eye else _MEASURED,
            )  # fmt: skip


GRIDS = (
    *(
        TrustGrid(
            ARUN,
            data,
            randomized(passed, failed),
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
