"""Why libraries find another map than heatproof, and the libraries without that reason.

Keyed by method and library.  A reason is a claim; where it can be undone in memory, the error that
is left then says whether it is the whole of it.
"""

import contextlib
import inspect
import textwrap
from collections.abc import Callable
from unittest import mock

import numpy as np
import pytorch_grad_cam
from torch import Tensor

FLOAT32 = "{} holds {} in float32, whatever it is given"
REASONS: dict[tuple[str, str], str] = {
    ("integrated_gradients", "captum"): (
        FLOAT32.format("Captum", "the weights of its steps")
        + "; on a plain VGG that is enough to turn max-pooling windows that nearly tie"
    ),
    ("integrated_gradients", "pair"): FLOAT32.format("PAIR", "the sum over its steps"),
    ("occlusion", "captum"): FLOAT32.format("Captum", "its maps"),
    ("eigen_cam", "pytorch-grad-cam"): (
        FLOAT32.format("pytorch-grad-cam", "its projections")
        + "; an error of 2 is the other sign, which a principal component leaves open:"
        " pytorch-grad-cam has the one that its solver happens to give, heatproof the one that"
        " agrees with the mean of the features"
    ),
    ("ablation_cam", "pytorch-grad-cam"): FLOAT32.format("pytorch-grad-cam", "its logits"),
    ("grad_cam_plus_plus", "pytorch-grad-cam"): (
        "pytorch-grad-cam adds 1e-6 to a denominator that is smaller than that where gradients are;"
        " heatproof evaluates the paper's formula, which is defined without it"
    ),
    ("x_grad_cam", "pytorch-grad-cam"): (
        "pytorch-grad-cam adds 1e-7 to the sum of each channel, which matters for weak channels"
    ),
    ("deep_lift", "captum"): (
        "Captum's maps do not add up to the difference of the logits here: its max-pooling rule lets overlapping windows overwrite each other and is skipped behind"
        " a ReLU, and activations other than modules of a known kind count as linear"
    ),
    ("guided_backprop", "captum"): (
        "Captum replaces modules only; activations that are functions pass the plain gradient"
    ),
    ("deconvnet", "captum"): (
        "Captum replaces modules only; activations that are functions pass the plain gradient"
    ),
    ("guided_grad_cam", "captum"): (
        "Captum replaces modules only; activations that are functions pass the plain gradient"
    ),
    ("guided_integrated_gradients", "pair"): (
        "which pixels are moved next is decided by ranks of gradients: where two are nearly equal,"
        " rounding decides, and the paths part"
    ),
    ("xrai", "pair"): (
        "equal attributions give equal regions to the last bit (tested); here each side computes its"
        " own gradient, and rounding decides between regions of nearly equal gain"
    ),
}


def sources_edited(
    owner: type, method: str, old: str, new: str
) -> contextlib.AbstractContextManager[object]:
    """A method of a library with some words of its source replaced."""
    source = textwrap.dedent(inspect.getsource(getattr(owner, method)))
    assert old in source, f"{owner.__name__}.{method} no longer holds {old!r}"
    scope = dict(vars(inspect.getmodule(owner)))
    exec(source.replace(old, new), scope)
    return mock.patch.object(owner, method, scope[method])


def _zeros_like(values: np.ndarray, dtype: object = None) -> np.ndarray:
    return np.zeros(values.shape, np.float64 if dtype is np.float32 else dtype or values.dtype)


# What is said above, undone in memory; what it leaves of the error is on the page.
MENDED: dict[tuple[str, str], Callable[[], contextlib.AbstractContextManager[object]]] = {
    ("integrated_gradients", "captum"): lambda: mock.patch.object(Tensor, "float", Tensor.double),
    ("occlusion", "captum"): lambda: mock.patch.object(Tensor, "float", Tensor.double),
    ("integrated_gradients", "pair"): lambda: mock.patch.object(np, "zeros_like", _zeros_like),
    ("eigen_cam", "pytorch-grad-cam"): lambda: mock.patch.object(np, "float32", np.float64),
    ("ablation_cam", "pytorch-grad-cam"): lambda: mock.patch.object(np, "float32", np.float64),
    ("grad_cam_plus_plus", "pytorch-grad-cam"): lambda: sources_edited(
        pytorch_grad_cam.GradCAMPlusPlus, "get_cam_weights", "eps = 0.000001", "eps = 0.0"
    ),
    ("x_grad_cam", "pytorch-grad-cam"): lambda: sources_edited(
        pytorch_grad_cam.XGradCAM,
        "get_cam_weights",
        "eps = 1e-7",
        "eps = np.where(sum_activations == 0, 1, 0)",
    ),
}
COMPLETE = {"deep_lift"}  # how far from y(x) - y(0) maps sum is told
SIGNLESS = {"eigen_cam"}  # compared up to the sign of the map, which is open, once mended
