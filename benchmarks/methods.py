"""What one map takes of each method: seconds of CPU, in forward passes of the same image.

    python -m benchmarks.methods [METHOD ...]

One image of 112 x 112, one finding, ResNet-18 with a linear head and random weights; a small vision
transformer for methods that explain no other network.  The options are those that a method has
unless told; all of them, or those that are named.  The clock is that of the process, which stands still while others have the machine,
and torch has one thread.  Writes the file that ``heatproof methods`` reads.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from benchmarks.side_by_side import machine
from heatproof.data.geometry import Squash
from heatproof.errors import MapError
from heatproof.models.classifier import Classifier, build
from heatproof.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from heatproof.saliency import explain, methods
from heatproof.saliency.methods import SPEED, forward_passes

SIDE = 112
NETWORKS = ("resnet18", "deit_small")
LONG = 2.0  # seconds of CPU after which one run is enough, after the first


def measured(run: Callable[[], object]) -> float:
    """Median seconds of CPU of five runs after a first one, or of the second if it takes long."""
    taken: list[float] = []
    for _ in range(6):
        began = time.process_time()
        run()
        taken.append(time.process_time() - began)
        if len(taken) > 1 and taken[-1] > LONG:
            return taken[-1]
    return statistics.median(taken[1:])  # the first one compiles and allocates


def opened(name: str) -> Classifier:
    torch.manual_seed(0)
    scaling = Preprocessing(Squash(SIDE, SIDE), 3, IMAGENET_MEAN, IMAGENET_STD)
    return build(name, "linear", ["Opacity"], scaling).eval()


def forward(model: Classifier, image: torch.Tensor) -> Callable[[], object]:
    def run() -> None:
        with torch.no_grad():
            model(image)

    return run


def main() -> None:
    torch.set_num_threads(1)
    image = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    models = {name: opened(name) for name in NETWORKS}
    passes = forward_passes()
    for name in sys.argv[1:] or methods.names():
        parts = methods.parts([name])
        for network, model in models.items():
            run = partial(explain, parts, model, image, [0])
            try:
                taken = measured(run)
            except MapError:
                continue
            once = measured(forward(model, image))
            passes[name] = float(f"{taken / once:.2g}")
            print(f"{name}: {passes[name]:g} passes of {network}, {taken:.2f} s", flush=True)
            break
        keep(passes)


def keep(passes: dict[str, float]) -> None:
    result = {
        "forward passes": dict(sorted(passes.items())),
        "networks": NETWORKS,
        "side": SIDE,
        "machine": machine(["torch", "timm"]),
    }
    path = Path(__file__).parents[1] / "src/heatproof/saliency/methods" / SPEED
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()
