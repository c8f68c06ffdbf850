"""Shares of the NIH boxes found at IoU > .1 to .5, as several studies report them."""

from collections.abc import Iterator

from heatproof.report.published.records import Published, Source

NIH_BOXES = Source(
    "NIH boxes",
    "Rows quoted beside the table of CLARiTy, arXiv 2512.16700; each is of the study that it names",
    "https://arxiv.org/abs/2512.16700",
    (
        "Studies differ in how a map becomes a box, in their split, and in whether boxes trained"
        " them; Li 2022 and PCAN had boxes.",
        "No row has an interval, and none stands beside a prior that sees no film.",
    ),
)
ROWS = {
    "Li 2022": (0.64, 0.53, 0.40, 0.31, 0.24),
    "PCAN": (0.78, 0.57, 0.36, 0.21, 0.10),
    "ThoraX-PriorNet": (0.80, 0.63, 0.49, 0.33, 0.22),
    "CLARiTy-S-16-512": (0.81, 0.69, 0.59, 0.47, 0.32),
    "DenseNet-121, Grad-CAM++": (0.62, 0.42, 0.28, 0.18, 0.10),
    "DenseNet-121, CAM": (0.56, 0.36, 0.21, 0.12, 0.07),
    "random map": (0.29, 0.17, 0.10, 0.05, 0.03),
}
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)


def numbers() -> Iterator[Published]:
    """Mean over the eight findings, row by row."""
    for row, values in ROWS.items():
        for threshold, value in zip(THRESHOLDS, values, strict=True):
            yield Published(
                NIH_BOXES, row, f"accuracy at T(IoU) {threshold}", value, data="NIH",
                note="mean of eight findings, as quoted in another study",
            )  # fmt: skip
