"""Venkatesh et al. 2022 and 2024: four criteria of trust on MURA."""

from collections.abc import Iterator

from heatproof.report.published.records import (
    SMOOTH_IG,
    Published,
    Source,
    TrustGrid,
    randomized,
    row,
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


def numbers() -> Iterator[Published]:
    """Those of the text and of the abstract."""
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


GRIDS = (
    TrustGrid(
        MURA_2022,
        "MURA",
        {
            "grad_cam": row(True, False, True, True),
            "gradient": row(True, True, False, False),
            "integrated_gradients": row(True, True, True, True),
            "smooth_grad": row(True, False, False, False),
            SMOOTH_IG: row(True, True, True, False),
            "xrai": row(True, False, True, True),
        },
        "not stated; localization: 'reasonable', AUROC .755 (Grad-CAM) to .863 (XRAI)",
        "The text says that no method met all four criteria; by its own lists Integrated Gradients"
        " does.",
    ),
    TrustGrid(
        MURA_2024,
        "MURA",
        randomized("grad_cam gradient integrated_gradients smooth_grad xrai", SMOOTH_IG),
        "mean SSIM after randomization significantly below that of pairs of films",
        "No method met all four criteria; the abstract gives no other cell.",
    ),
)
