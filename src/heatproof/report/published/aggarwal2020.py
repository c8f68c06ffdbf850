"""Aggarwal et al. 2020: WILDCAT and seven methods on RSNA pneumonia."""

from collections.abc import Iterator

from heatproof.report.published.records import SMOOTH_IG, Published, Source

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
_HEADS = {"class_map": "wildcat", "detection": "localizer"}


def numbers() -> Iterator[Published]:
    """Table 1."""
    tables = {"auroc of the classifier": _AUC, "pointwise_ap": _POINTWISE, "auprc": _AUPRC}
    for quantity, rows in tables.items():
        for method, values in rows.items():
            # The study has no detector with the last three backbones.
            for model, value in zip(_BACKBONES, values, strict=False):
                yield Published(
                    WILDCAT_RSNA, "Table 1", quantity, round(value / 100, 4),  # printed in per cent
                    method=method, model=model, data="RSNA", head=_HEADS.get(method, "linear"),
                )  # fmt: skip
