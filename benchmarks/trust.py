"""What the criteria of trust cost: cascades that resume at block boundaries, and similarities.

    python benchmarks/trust.py [--repetitions 5] [--images 8] [--threads 1]

Cascade: DenseNet-121 at 320 px, all blocks from the head to the first convolution, three draws as is
the default, maps of one finding.  "From scratch" explains every randomized copy by a pass of its own;
the maps of both, in the same batches, are compared to the last bit before anything is timed.  Drawing
the weights is counted on both sides, and finding out what enters each block on the one that needs it.

SSIM: the published one (7 x 7, uniform) of maps of 320 x 320 pixels, beside scikit-image's on one
core; agreement is checked first.  Times of the similarity alone, and of the whole comparison with
its check for values that are not finite.

Both clocks are told: the wall, and the seconds that the process got on all cores, which stand still
while others have the machine.  Where one thread does all, the second is the one to read.
"""

import argparse

import numpy as np
import torch
from side_by_side import by_clock, keep, machine
from skimage.metrics import structural_similarity

from heatproof.data.geometry import Squash
from heatproof.models.classifier import Classifier, build
from heatproof.models.preprocessing import Preprocessing
from heatproof.models.still import held_still
from heatproof.saliency import explain_pass, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.trust.randomize import Drawing, WeightDraw, explain_copies, steps
from heatproof.trust.similarity import compare, similarities

SIDE, MAPS, DRAWS = 320, 256, 3
CLOCKS = ("wall", "process")
PACKAGES = ("torch", "timm", "numba", "numpy", "scikit-image")
FAMILIES = {
    "CAM: grad_cam": ["grad_cam"],
    "CAM: six at once": [
        *("grad_cam", "grad_cam_plus_plus", "x_grad_cam", "hires_cam", "layer_cam", "class_map")
    ],
    "gradient": ["gradient"],
    "gradient and grad_cam": ["gradient", "grad_cam"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep("trust.json", {"machine": machine(PACKAGES)})
    keep("trust.json", {"SSIM of 320 x 320 maps": of_similarity(options.repetitions)})
    for family, specs in FAMILIES.items():
        result = of_cascade(specs, options.images, options.repetitions)
        print(family, result, flush=True)
        keep("trust.json", {f"cascade over DenseNet-121, {family}": result})


def of_similarity(repetitions: int) -> dict[str, object]:
    random = np.random.default_rng(0)
    first, second = random.random((2, MAPS, SIDE, SIDE)).astype(np.float32)
    ssim = similarities.parse("ssim")

    def scikit_image() -> list[float]:
        pairs = zip(first, second, strict=True)
        return [structural_similarity(x, y, data_range=1.0) for x, y in pairs]

    np.testing.assert_allclose(ssim(first, second), scikit_image(), atol=1e-6)
    measures = {"ssim": ssim}
    clocks = by_clock(
        {
            "scikit-image, one core": scikit_image,
            "similarity, one core": lambda: ssim(first, second),
            "comparison, one core": lambda: compare(first, second, measures, "none", threads=1),
            "comparison, two cores": lambda: compare(first, second, measures, "none", threads=2),
        },
        repetitions,
    )
    result: dict[str, object] = {"maps": MAPS, "repetitions": repetitions}
    for clock, medians in zip(CLOCKS, clocks, strict=True):
        theirs = medians["scikit-image, one core"]
        result[f"median milliseconds per pair, {clock}"] = {
            name: round(1000 * value / MAPS, 3) for name, value in medians.items()
        }
        result[f"times faster than scikit-image, {clock}"] = {
            name: round(theirs / value, 1) for name, value in medians.items() if value != theirs
        }
    print(result, flush=True)
    return result


def of_cascade(specs: list[str], count: int, repetitions: int) -> dict[str, object]:
    model = build("densenet121", "linear", ("finding",), Preprocessing(Squash(SIDE, SIDE)))
    images = torch.randn(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    cached, scratch = resumed(specs, model, images), from_scratch(specs, model, images)
    for first, second in zip(cached, scratch, strict=True):
        assert torch.equal(first, second)
    clocks = by_clock(
        {
            "resumed at block boundaries": lambda: resumed(specs, model, images),
            "from scratch": lambda: from_scratch(specs, model, images),
        },
        repetitions,
    )
    result: dict[str, object] = {
        "images": count,
        "steps": len(steps(model, "cascading")),
        "draws": DRAWS,
        "repetitions": repetitions,
    }
    for clock, medians in zip(CLOCKS, clocks, strict=True):
        result[f"median seconds, {clock}"] = {
            name: round(value, 2) for name, value in medians.items()
        }
        share = medians["resumed at block boundaries"] / medians["from scratch"]
        result[f"share of the cost from scratch, {clock}"] = round(share, 3)
    return result


def resumed(specs: list[str], model: Classifier, images: torch.Tensor) -> list[torch.Tensor]:
    chosen = methods.parts(specs)
    copies = (steps(model, "cascading"), [WeightDraw(model, Drawing(), n) for n in range(DRAWS)])
    explanations = explain_copies(chosen, model, images, (0,), copies)
    return [maps.values for _, explanation in explanations for maps in explanation.maps.values()]


def from_scratch(specs: list[str], model: Classifier, images: torch.Tensor) -> list[torch.Tensor]:
    chosen, draws = methods.parts(specs), [WeightDraw(model, Drawing(), n) for n in range(DRAWS)]
    values = []
    with held_still(model):
        at_once = ForwardPass(model, images[:1]).at_once(differentiated=True)
        for chunk in torch.split(images, at_once):
            for step in steps(model, "cascading"):
                for draw in draws:
                    forward = ForwardPass(draw.copy(step.blocks), chunk)
                    maps = explain_pass(chosen, forward, (0,)).maps
                    values += [method_maps.values for method_maps in maps.values()]
    return values


if __name__ == "__main__":
    main()
