"""``heatproof.attribute`` beside Captum's ``attribute``: the same call on the same network.

    python -m benchmarks.attribute

Two images of 128 x 128, ResNet-18 with random weights, one output, one thread, seconds of CPU, in
turn; Captum has its own defaults but for what heatproof's method has, too (steps, windows, how many
images go through at once).  The first call of a network is told apart: heatproof tries it then.
"""

import json
import os
import time
from collections.abc import Callable

import captum.attr
import torch
from torchvision.models import resnet18

import heatproof
from benchmarks.side_by_side import by_clock, keep, machine

SIDE, IMAGES, TARGET = 128, 2, 1
STEPS, WINDOW = 20, 32
REPETITIONS = 5


def pairs(network: torch.nn.Module, images: torch.Tensor) -> dict[str, Callable[[], object]]:
    """Each method, ours and Captum's, by name."""
    attr = captum.attr
    theirs = {
        "gradient": (attr.Saliency(network), {}),
        "input_x_gradient": (attr.InputXGradient(network), {}),
        f"integrated_gradients(steps={STEPS})": (
            attr.IntegratedGradients(network),
            {"n_steps": STEPS, "method": "riemann_middle"},
        ),
        "guided_backprop": (attr.GuidedBackprop(network), {}),
        "deconvnet": (attr.Deconvolution(network), {}),
        "grad_cam": (attr.LayerGradCam(network, network.layer4), {}),
        f"occlusion(window={WINDOW}, stride={WINDOW})": (
            attr.Occlusion(network),
            {
                "sliding_window_shapes": (3, WINDOW, WINDOW),
                "strides": (3, WINDOW, WINDOW),
                "perturbations_per_eval": 8,
            },
        ),
    }
    runs: dict[str, Callable[[], object]] = {}
    for spec, (method, options) in theirs.items():
        runs[spec] = lambda spec=spec: heatproof.attribute(network, images, spec, TARGET)
        runs[f"captum {spec}"] = lambda method=method, options=options: method.attribute(
            images.clone().requires_grad_(), target=TARGET, **options
        )
    return runs


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = resnet18(weights=None, num_classes=3).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False  # Captum's hooks refuse others; heatproof does not mind
    images = torch.randn(IMAGES, 3, SIDE, SIDE)
    began = time.process_time()
    heatproof.attribute(network, images, "gradient", TARGET)
    first = time.process_time() - began
    _, seconds = by_clock(pairs(network, images), REPETITIONS)
    ratios = {
        f"{name} / heatproof": round(value / seconds[name.removeprefix("captum ")], 2)
        for name, value in seconds.items()
        if name.startswith("captum ")
    }
    result = {
        "images": IMAGES,
        "side": SIDE,
        "repetitions": REPETITIONS,
        "CPU seconds of the first call of a network": round(first, 3),
        "median CPU seconds": {name: round(value, 4) for name, value in seconds.items()},
        "ratios of CPU seconds": ratios,
        "machine": machine(["torch", "torchvision", "captum"]),
    }
    print(json.dumps(result, indent=2))
    keep("attribute.json", result)


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()
