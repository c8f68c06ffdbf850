"""How far apart are films that are normalized as in training, and films that are not?

python benchmarks/normalization.py          # a minute on one core
python benchmarks/normalization.py FILMS.csv NETWORKS.py:build WEIGHTS...     # beside these, trained networks of yours

`heatproof check` asks the first batch norm of a network whether it gets what it was trained on
(``heatproof.models.batch_statistics``), and warns from a divergence of .3 on where another usual
normalization comes four times nearer.  Here architectures of timm, with random weights, learn their
running statistics on phantom films under one normalization, and are asked about 8 other films under
that one and under each other.  Their first layer sees what that of a trained network sees, a linear
map of the film, so that no further training is needed for it.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from heatproof.data.datasets.manifest import Manifest
from heatproof.data.datasets.phantom import Phantom
from heatproof.data.geometry import Squash
from heatproof.models.adapter import Adapted
from heatproof.models.loading import load_module
from heatproof.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from heatproof.run.normalization import _divergence, _others

ARCHITECTURES = (
    "resnet10t",
    "mobilenetv2_035",
    "densenet121",
    "regnetx_002",
    "vgg11_bn",
    "efficientnet_b0",
)
SIDE, BATCH, ASKED = 64, 8, 8
TRAININGS = {
    "ImageNet": (IMAGENET_MEAN, IMAGENET_STD),
    "0 to 1": ((0.0,), (1.0,)),
    "-1 to 1": ((0.5,), (0.5,)),
}


def learned() -> Iterator[tuple[str, str, nn.Module, Preprocessing, Sequence]]:
    """Networks whose running statistics are those of phantom films."""
    import timm

    films = [sample.pixels.read() for sample in Phantom(images=48, seed=5)]
    for name in ARCHITECTURES:
        for training, (mean, std) in TRAININGS.items():
            torch.manual_seed(0)
            network = timm.create_model(name, num_classes=1).train()
            ours = Preprocessing(Squash(SIDE, SIDE), 3, mean, std)
            images = torch.stack([ours.tensor(film) for film in films[ASKED:]])
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.momentum = None  # the mean over all batches
            with torch.no_grad():
                for batch in torch.split(images, BATCH):
                    network(batch)
            yield name, training, network.eval(), ours, films[:ASKED]


def brought(
    csv: str, build: str, weights: Sequence[str]
) -> Iterator[tuple[str, str, nn.Module, Preprocessing, Sequence]]:
    """Trained networks, whose films are normalized to -1 to 1, with films of a table."""
    opened = Manifest(Path(csv), image="file")
    films = [
        opened[index].pixels.read() for index in range(0, len(opened), max(1, len(opened) // ASKED))
    ][:ASKED]
    for path in weights:
        network = load_module(build, path=Path(path))
        yield (
            Path(path).stem,
            "-1 to 1",
            network,
            Preprocessing(Squash(224, 224), 3, (0.5,), (0.5,)),
            films,
        )


def asked(network: nn.Module, ours: Preprocessing, films: Sequence) -> tuple[float, list[float]]:
    """The divergence as trained, and under each other usual normalization."""
    model = Adapted(network, None, ["finding"], ours)
    own = _divergence(model, ours, films)
    others = [other for other in _others(ours).values() if not _same(other, ours)]
    return own or 0.0, [_divergence(model, other, films) or 0.0 for other in others]


def _same(one: Preprocessing, other: Preprocessing) -> bool:
    """Whether two say the same: -1 to 1 may be said for one channel or for three."""
    return replace(one, mean=other.mean, std=other.std) == other and (one.mean, one.std) == (
        other.mean,
        other.std,
    )


def main() -> None:
    print(
        "| network | trained on | as trained | the nearest other | the furthest |\n|---|---|---|---|---|"
    )
    own, wrong = [], []
    cases = [learned()] + ([brought(*sys.argv[1:3], sys.argv[3:])] if sys.argv[3:] else [])
    for found in cases:
        for name, training, network, ours, films in found:
            mine, others = asked(network, ours, films)
            own.append(mine)
            wrong += others
            print(
                f"| {name} | {training} | {mine:.3f} | {min(others):.2f} | {max(others):.3g} |",
                flush=True,
            )
    missed = sum(one < 0.3 for one in wrong)
    print(f"as trained at most {max(own):.3f}; {missed} of {len(wrong)} others below .3")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
