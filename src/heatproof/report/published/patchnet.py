"""MedicalPatchNet 2026: hit rates on CheXlocalize of patch maps and three CAMs."""

from collections.abc import Iterator

from heatproof.report.published.records import Published, Source

PATCHNET = Source(
    "MedicalPatchNet 2026",
    "MedicalPatchNet, Sci Rep 2026;16:7467; numbers of its repository TruhnLab/MedicalPatchNet",
    "https://github.com/TruhnLab/MedicalPatchNet",
    ("No number on localization has an interval, and there is no prior among the rows.",),
)
_METHODS = ("patch, scaled", "patch, raw", "grad_cam", "grad_cam_plus_plus", "eigen_cam")
_HITS = {
    "Airspace Opacity": (0.493, 0.395, 0.424, 0.414, 0.376),
    "Atelectasis": (0.490, 0.389, 0.406, 0.367, 0.373),
    "Cardiomegaly": (0.464, 0.269, 0.376, 0.246, 0.217),
    "Consolidation": (0.540, 0.482, 0.516, 0.401, 0.433),
    "Edema": (0.648, 0.601, 0.650, 0.471, 0.518),
    "Enlarged Cardiomediastinum": (0.419, 0.320, 0.392, 0.349, 0.322),
    "Lung Lesion": (0.281, 0.564, 0.216, 0.284, 0.354),
    "Pleural Effusion": (0.466, 0.372, 0.308, 0.293, 0.207),
    "Pneumothorax": (0.498, 0.794, 0.195, 0.195, 0.097),
    "Support Devices": (0.409, 0.668, 0.272, 0.225, 0.130),
}
_MEAN = (0.471, 0.485, 0.376, 0.325, 0.303)


def numbers() -> Iterator[Published]:
    """Hit rates by finding, and their mean over findings."""
    for finding, values in (_HITS | {"": _MEAN}).items():
        for method, value in zip(_METHODS, values, strict=True):
            yield Published(
                PATCHNET, "README", "hit rate", value, method=method,
                data="CheXlocalize test", finding=finding,
            )  # fmt: skip
