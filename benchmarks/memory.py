"""Does memory stay flat?  10,000 phantom films explained in one process.

    python benchmarks/memory.py [--images 10000]

Resident memory after every thousandth film.  A small network and small films, so that what is
left behind by a call is not hidden by what a call needs.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from side_by_side import keep, machine

from heatproof.data.datasets.phantom import Phantom
from heatproof.data.geometry import Squash
from heatproof.models.classifier import build
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import explain, methods

SIDE, BATCH = 64, 20
SPECS = (
    "gradient",
    "guided_backprop",
    "guided_grad_cam",
    "integrated_gradients(steps=2)",
    "smooth_grad(samples=2)",
    "deep_lift",
    "lrp",
    "full_grad",
    "grad_cam",
    "eigen_cam",
    "class_map",
    "occlusion(window=32, stride=32)",
    "rise(masks=4)",
    "xrai(base=integrated_gradients(steps=2))",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    images = parser.parse_args().images
    torch.set_num_threads(1)
    preprocessing = Preprocessing(Squash(SIDE, SIDE), channels=1, mean=(0.5,), std=(0.25,))
    model = build("resnet10t(width=16)", "linear", ["a", "b"], preprocessing)
    films, chosen = Phantom(images=images, size=SIDE), methods.parts(SPECS)
    resident: dict[int, float] = {}
    for start in range(0, images, BATCH):
        pixels = [films[index].pixels.read() for index in range(start, start + BATCH)]
        explain(chosen, model, torch.stack([preprocessing.tensor(p) for p in pixels]), [0, 1])
        done = start + BATCH
        if done % (images // 10) == 0:
            resident[done] = round(_resident() / 1e6)
            print(done, resident[done], "MB", flush=True)
    later = np.array(list(resident.values())[1:], float)
    per_image = np.polyfit(list(resident)[1:], later, 1)[0] * 1e6
    result = {
        "methods": SPECS,
        "resident MB": resident,
        "growth in bytes per image, after the first tenth": round(float(per_image)),
    }
    keep("memory.json", result | {"machine": machine(("torch",))})


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


if __name__ == "__main__":
    main()
