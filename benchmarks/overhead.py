"""What Python takes around the passes: one film of 32 x 32, where the passes themselves take least.

    python -m benchmarks.overhead [--device cuda] [--side 32] [--repetitions 31] [--networks NAME ...]

A gradient of one finding beside Captum's ``Saliency``, and Grad-CAM beside its ``LayerGradCam`` and
pytorch-grad-cam, on the same network with random weights and one thread.  The yardstick of a CAM is
one forward pass that records nothing.  Peers and that pass have the network in the contiguous
format, as most code runs it; the same pass in channels_last, which heatproof prefers, and a bare
gradient in it, with nothing around it, are what no method can fall below.  All go in turn;
medians are of the seconds of CPU of this process, on a GPU of the wall.
"""

import argparse
import copy
import os
import warnings
from collections.abc import Callable

import torch
from captum.attr import LayerGradCam, Saliency
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from benchmarks.side_by_side import by_clock, keep, machine
from heatproof.data.geometry import Squash
from heatproof.models.classifier import Classifier, build
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods

NETWORKS = (
    "densenet121",
    "resnet18",
    "resnet50",
    "efficientnet_b0",
    "vgg19_bn",
    "convnext_tiny",
    "vit_small",
    "timm(name='mobilenetv3_small_100')",
)
PACKAGES = ("torch", "timm", "captum", "grad-cam")
RATIOS = {
    "gradient / captum's": ("gradient", "captum gradient"),
    "gradient / bare gradient": ("gradient", "bare gradient"),
    "captum's gradient / bare gradient": ("captum gradient", "bare gradient"),
    "grad_cam / captum's": ("grad_cam", "captum grad_cam"),
    "grad_cam / pytorch-grad-cam's": ("grad_cam", "pytorch-grad-cam grad_cam"),
    "grad_cam / forward pass": ("grad_cam", "forward pass"),
    "grad_cam / channels_last forward pass": ("grad_cam", "channels_last forward pass"),
}


def runs(model: Classifier, image: Tensor) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    plain = copy.deepcopy(model).to(memory_format=torch.contiguous_format)
    for module in plain.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # Captum's hooks refuse others; heatproof does not mind
    frozen = copy.deepcopy(model).requires_grad_(False)
    reordered = image.contiguous(memory_format=torch.channels_last)
    ours = {name: methods.parts([name]) for name in ("gradient", "grad_cam")}
    # Theirs see the output of a layer, which for a transformer is the grid that its norm gives.
    layer = plain.backbone[-1]
    gradients, cams = Saliency(plain), LayerGradCam(plain, layer)

    def forward(network: nn.Module, x: Tensor) -> Tensor:
        with torch.no_grad():
            found: Tensor = network(x)
            return found

    def bare() -> Tensor:
        x = reordered.clone().requires_grad_()
        return torch.autograd.grad(frozen(x)[:, 0].sum(), x)[0]

    def grad_cam_library() -> object:
        with GradCAM(plain, [layer]) as cam:
            return cam(image, [ClassifierOutputTarget(0)])

    return {
        "forward pass": lambda: forward(plain, image),
        "channels_last forward pass": lambda: forward(frozen, reordered),
        "bare gradient": bare,
        "gradient": lambda: explain(ours["gradient"], model, image, [0]),
        "captum gradient": lambda: gradients.attribute(image.clone().requires_grad_(), 0),
        "grad_cam": lambda: explain(ours["grad_cam"], model, image, [0]),
        "captum grad_cam": lambda: cams.attribute(image.clone(), 0),
        "pytorch-grad-cam grad_cam": grad_cam_library,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--repetitions", type=int, default=31)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    device, side = arguments.device, arguments.side
    suffix = "" if device == "cpu" else f"_{device}"
    for name in arguments.networks:
        model = build(name, "linear", ["a"], Preprocessing(Squash(side, side))).to(device)
        image = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
        clocks = by_clock(runs(model, image.to(device)), arguments.repetitions, device)
        seconds = clocks[1] if device == "cpu" else clocks[0]
        result = {
            "side": side,
            "repetitions": arguments.repetitions,
            "median milliseconds": {k: round(1000 * v, 2) for k, v in seconds.items()},
            "ratios": {k: round(seconds[a] / seconds[b], 2) for k, (a, b) in RATIOS.items()},
        }
        print(name, result["ratios"], flush=True)
        keep(f"overhead{suffix}.json", {name: result, "machine": machine(PACKAGES, device)})


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()
