"""XRAI beside PAIR's: segmentation, regions, and both for ten findings under three models.

    python benchmarks/xrai.py [--repetitions 5]

Phantom films, a smooth random attribution, default settings, one thread.  Both find the same: masks
and values are compared to the last bit before anything is timed.  They are run in turn, again and
again, so that a busy machine slows them alike; medians are compared.  The attribution is left out:
it is passes of the network, which cost both the same.  For ten findings and three models PAIR
segments the image thirty times, since nothing keeps the segments for it; heatproof does it once.
That total is made of the medians of its parts for PAIR (thirty times one segmentation and one
region stage), and timed as a whole, from an empty cache, for heatproof.  Needs PAIR's ``saliency``.
"""

import argparse

import numpy as np
import torch
from saliency.core import xrai as pair
from scipy.ndimage import gaussian_filter
from side_by_side import keep, machine, measure

from heatproof.data.datasets.phantom import Phantom
from heatproof.data.geometry import Squash
from heatproof.models.preprocessing import Preprocessing
from heatproof.saliency import segments
from heatproof.saliency.methods.xrai import regions
from heatproof.saliency.segments import Segments, segments_of

SIDES, FINDINGS, MODELS = (320, 512, 1024), 10, 3
PACKAGES = ("torch", "numba", "numpy", "scikit-image", "saliency")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    repetitions = parser.parse_args().repetitions
    torch.set_num_threads(1)
    keep("xrai.json", {"machine": machine(PACKAGES)})
    for side in SIDES:
        result = {"repetitions": repetitions} | one_size(side, repetitions)
        print(side, result, flush=True)
        keep("xrai.json", {f"{side} x {side} px": result})


def one_size(side: int, repetitions: int) -> dict[str, object]:
    image, attributions = example(side)
    masks = pair._get_segments_felzenszwalb(image)
    image_segments = segments_of(image, 5)
    check(image_segments, masks, attributions[0])
    medians = measure(
        {
            "segmentation": lambda: fresh(image),
            "segmentation of PAIR": lambda: pair._get_segments_felzenszwalb(image),
            "regions": lambda: mapped(attributions[0], image_segments, "full"),
            "regions of PAIR": lambda: pair.XRAI._xrai(attributions[0], masks),
            "regions (fast)": lambda: mapped(attributions[0], image_segments, "fast"),
            "regions (fast) of PAIR": lambda: pair.XRAI._xrai_fast(attributions[0], masks),
            "in all": lambda: everything(image, attributions),
        },
        repetitions,
    )
    medians["in all of PAIR"] = len(attributions) * (
        medians["segmentation of PAIR"] + medians["regions of PAIR"]
    )
    return {
        "masks": len(image_segments),
        "pieces": len(image_segments.piece_stops),
        "kilobytes kept": round(image_segments.nbytes / 1000),
        "median seconds": {name: round(value, 5) for name, value in medians.items()},
        "times faster than PAIR": {
            name.removesuffix(" of PAIR"): round(value / medians[name.removesuffix(" of PAIR")], 1)
            for name, value in medians.items()
            if name.endswith(" of PAIR")
        },
    }


def example(side: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """A film as a network sees it, and an attribution for each model and finding."""
    film = Phantom(size=side)[1].pixels.read()
    tensor = Preprocessing(Squash(side, side)).tensor(film)
    random = np.random.default_rng(0)
    noise = [random.standard_normal((side, side)) for _ in range(MODELS * FINDINGS)]
    image = np.ascontiguousarray(tensor.permute(1, 2, 0).numpy())
    return image, [gaussian_filter(each, side / 80) for each in noise]


def check(image_segments: Segments, masks: list[np.ndarray], attribution: np.ndarray) -> None:
    """Both find the same."""
    for index, mask in enumerate(masks):
        member = np.zeros(len(image_segments.piece_stops), bool)
        start = 0 if index == 0 else image_segments.mask_stops[index - 1]
        member[image_segments.mask_pieces[start : image_segments.mask_stops[index]]] = True
        assert np.array_equal(image_segments.spread(member), mask)
    for algorithm, run in (("full", pair.XRAI._xrai), ("fast", pair.XRAI._xrai_fast)):
        assert np.array_equal(
            mapped(attribution, image_segments, algorithm), run(attribution, masks)[0]
        )


def fresh(image: np.ndarray) -> Segments:
    segments._cache.clear()
    return segments_of(image, 5)


def mapped(attribution: np.ndarray, image_segments: Segments, algorithm: str) -> np.ndarray:
    order, gains = regions(attribution, image_segments, algorithm)
    return gains[order]


def everything(image: np.ndarray, attributions: list[np.ndarray]) -> None:
    """As ``xrai`` does it: segments are asked for once per model and image."""
    segments._cache.clear()
    for model in range(MODELS):
        image_segments = segments_of(image, 5)
        for attribution in attributions[model * FINDINGS : (model + 1) * FINDINGS]:
            mapped(attribution, image_segments, "full")


if __name__ == "__main__":
    main()
