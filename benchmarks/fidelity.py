"""Metrics of fidelity beside Quantus: the same maps, the same hidden pixels, the same number of passes.

    python -m benchmarks.fidelity

ResNet-50 with random weights, one image of 224 x 224, maps of 7 x 7 cells laid over it, one thread,
seconds of CPU, in turn.  heatproof measures the maps of several methods and findings together, as a
study has them; Quantus, which takes one map an image, gets the image as often as there are maps.
``passes`` is what the passes of the network alone take, bare, one image each: no library can spare
those that differ.  ROAD's imputation is measured by itself, for one map and nine shares.

``agree`` is the largest difference, over maps, of what both say where they mean the same.  Quantus
0.6.0 means another thing by Infidelity (it hides patches one after the other and keeps them hidden)
and has no sensitivity-n of one image, so there only the time is compared, with as many passes.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import warnings
from collections.abc import Callable

import numpy as np
import quantus
import torch
from quantus.functions.perturb_func import noisy_linear_imputation
from torch import Tensor, nn
from torchvision.models import resnet50

import heatproof
from benchmarks.side_by_side import by_clock, keep, machine
from heatproof.fidelity import fidelities
from heatproof.fidelity.hiding import ranks, without_most_relevant
from heatproof.fidelity.imputation import imputed
from heatproof.fidelity.metrics import Explained
from heatproof.models.still import held_still
from heatproof.saliency.forward import ForwardPass

SIDE, CELLS, METHODS, FINDINGS, STEPS, PATCH = 224, 7, 3, 5, 8, 56
MAPS = METHODS * FINDINGS
SHARES = tuple(share / 10 for share in range(1, 10))
REPETITIONS = 3
TARGET_IMPUTATION, TARGET_RATIO = 0.1, 5.0


class TwoClasses(nn.Module):
    """The probability of a finding as one of two classes, which is what Quantus asks about."""

    def __init__(self, network: nn.Module, finding: int) -> None:
        super().__init__()
        self.network, self.finding = network, finding

    def forward(self, images: Tensor) -> Tensor:
        present = self.network(images)[:, self.finding].sigmoid()
        return torch.stack([1 - present, present], dim=1)


def maps_and_image() -> tuple[Tensor, Tensor]:
    """Smooth maps of each method and finding, and an image with some texture."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, MAPS, CELLS, CELLS, generator=generator)
    relevance = nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bilinear")
    # Pixels that are equally relevant, as at the edges, may be hidden in any order.
    relevance = relevance + 1e-4 * torch.randn(relevance.shape, generator=generator)
    grey = nn.functional.interpolate(
        torch.randn(1, 1, 28, 28, generator=generator), (SIDE, SIDE), mode="bicubic"
    )
    grey = grey + 0.05 * torch.randn(grey.shape, generator=generator)
    return relevance, grey


def imputation(relevance: Tensor, image: Tensor) -> dict[str, object]:
    """One map, nine shares: seconds of both, and how far apart they are."""
    places = ranks(relevance[:, :1])[0, 0].numpy()
    order, counts = places.ravel().argsort(), [round(SIDE * SIDE * share) for share in SHARES]
    pixels = image[0].numpy().astype(np.float64)

    def theirs() -> list[np.ndarray]:
        return [noisy_linear_imputation(pixels, order[:count], noise=0.0) for count in counts]

    wall, process = by_clock(
        {"ours": lambda: imputed(pixels, places, counts), "quantus": theirs}, REPETITIONS
    )
    pairs = zip(imputed(pixels, places, counts), theirs(), strict=True)
    return {
        "shares": SHARES,
        "seconds": process,
        "wall": wall,
        "ratio": process["quantus"] / process["ours"],
        "agree": max(float(np.abs(one - other).max()) for one, other in pairs),
        "passed": process["ours"] <= TARGET_IMPUTATION,
    }


def races(relevance: Tensor, image: Tensor) -> dict[str, object]:
    """Whole metrics, their passes included."""
    network = resnet50(num_classes=FINDINGS).eval()
    # One channel: Quantus hides channels of a pixel one by one, in an order that is left open.
    network.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    names = [f"finding {number}" for number in range(FINDINGS)]
    model = heatproof.wrap(network, names, size=SIDE, mean=0, std=1, channels=1)
    targets = [number % FINDINGS for number in range(MAPS)]
    found = {}
    with held_still(model):
        forward = ForwardPass(model, image)
        explained = Explained(forward, relevance, targets)
        squares = (SIDE // PATCH) ** 2
        counts = [SIDE * SIDE * step // STEPS for step in range(1, STEPS + 1)]
        flat = {"disable_warnings": True, "normalise": False, "abs": False}
        runs: dict[str, tuple[Callable[[], Tensor], quantus.Metric, int]] = {
            "hiding the most relevant pixels": (
                lambda: without_most_relevant(
                    forward, image, torch.zeros_like(image), ranks(relevance), targets, counts
                )[0],
                quantus.PixelFlipping(
                    features_in_step=SIDE * SIDE // STEPS, perturb_baseline=0.0, **flat
                ),
                STEPS,
            ),
            "infidelity": (
                lambda: fidelities.parse(f"infidelity(samples={squares})")(explained)[0],
                quantus.Infidelity(
                    perturb_patch_sizes=[PATCH],
                    n_perturb_samples=1,
                    perturb_baseline=0.0,
                    **flat,
                ),
                squares,
            ),
        }
        for name, (ours, metric, passes) in runs.items():

            def theirs(metric: quantus.Metric = metric) -> list[object]:
                # One call for each finding, each with the maps of all methods.
                return [
                    metric(
                        model=TwoClasses(network, finding).eval(),
                        x_batch=np.repeat(image.numpy(), METHODS, axis=0),
                        y_batch=np.ones(METHODS, int),
                        a_batch=relevance[0, finding::FINDINGS, None].numpy(),
                        softmax=False,
                        device="cpu",
                    )
                    for finding in range(FINDINGS)
                ]

            wall, process = by_clock({"ours": ours, "quantus": theirs}, 1)
            found[name] = {
                "maps": MAPS,
                "passes of each map": passes,
                "seconds": process,
                "wall": wall,
                "ratio": process["quantus"] / process["ours"],
                "passed": process["quantus"] >= TARGET_RATIO * process["ours"],
            }
            if name.startswith("hiding"):
                other = np.array(theirs())  # findings, methods, steps
                own = ours().view(METHODS, FINDINGS, STEPS).transpose(0, 1).numpy()
                found[name]["agree"] = float(np.abs(own - other).max())
        _, one = by_clock({"pass": lambda: network(image)}, REPETITIONS)
        found["one pass"] = one["pass"]
    return found


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    relevance, image = maps_and_image()
    entries: dict[str, object] = {
        "command": "python -m benchmarks.fidelity",
        "machine": machine(("torch", "numba", "quantus", "heatproof")),
        "imputation": imputation(relevance, image),
    }
    with torch.no_grad():
        entries |= races(relevance, image)
    keep("fidelity.json", entries)


if __name__ == "__main__":
    main()
