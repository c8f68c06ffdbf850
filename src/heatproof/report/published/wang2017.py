"""Wang et al. 2017: ChestX-ray8's boxes, and the dialect T(IoBB) in which they are reported."""

from collections.abc import Iterator

from heatproof.report.published.records import Published, Source

CHESTXRAY8 = Source(
    "Wang 2017",
    "Wang et al., ChestX-ray8, CVPR 2017",
    "https://arxiv.org/abs/1705.02315",
    (
        "The heat maps were cut at thresholds that are not tied to the findings, and boxes drawn"
        " around what was left; the rule is not stated to the pixel.",
        "A box that lies inside the marked one has an IoBB of 1, however small it is: IoBB rewards"
        " small boxes.",
        "No interval on any number, and no image-independent prior.",
    ),
)
FINDINGS = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia",
    "Pneumothorax",
)  # fmt: skip
_ACCURACY = {
    0.1: (0.7277, 0.9931, 0.7124, 0.7886, 0.4352, 0.1645, 0.7500, 0.4591),
    0.25: (0.5500, 0.9794, 0.5424, 0.5772, 0.2823, 0.0506, 0.5583, 0.3469),
    0.5: (0.2833, 0.8767, 0.3333, 0.4227, 0.1411, 0.0126, 0.3833, 0.1836),
    0.75: (0.1666, 0.7260, 0.2418, 0.3252, 0.1176, 0.0126, 0.2583, 0.1020),
    0.9: (0.1333, 0.6849, 0.2091, 0.2520, 0.0588, 0.0126, 0.2416, 0.0816),
}
_FALSE_POSITIVES = {  # the table prints more; the others are not in the copy at hand
    0.1: (0.8323, 0.3506, 0.7998, 0.5589, 0.6423, 0.6047, 0.9055, 0.4776),
    0.25: (0.9167, 0.4553, 0.8598, 0.6077, 0.6707, 0.6158, 0.9614, 0.5000),
    0.5: (1.0203, 0.5630, 0.9268, 0.6585, 0.6941, 0.6189, 1.0132, 0.5285),
}


def numbers() -> Iterator[Published]:
    """Table 4: accuracy and average false positives by T(IoBB)."""
    tables = {"accuracy": _ACCURACY, "average false positives": _FALSE_POSITIVES}
    for what, rows in tables.items():
        for threshold, values in rows.items():
            for finding, value in zip(FINDINGS, values, strict=True):
                yield Published(
                    CHESTXRAY8, "Table 4", f"{what} at T(IoBB) {threshold}", value,
                    method="class_map", model="resnet50", data="NIH", finding=finding,
                )  # fmt: skip
