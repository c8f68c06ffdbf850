"""A toy problem that a small network learns in seconds: bright blobs in noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heatproof.data.geometry import Squash
from heatproof.data.pixels import ArrayPixels
from heatproof.models.classifier import Classifier, build
from heatproof.models.preprocessing import Preprocessing
from heatproof.train.settings import Settings
from heatproof.types import Label, Sample

SIDE = 32
PREPROCESSING = Preprocessing(Squash(SIDE, SIDE), channels=1, mean=(0.5,), std=(0.25,))
ARCHITECTURE = "resnet10t(width=8)"
QUICK = Settings(max_epochs=2, batch=16, accelerator="cpu")


@dataclass(frozen=True)
class Listed:
    samples: Sequence[Sample]
    findings: tuple[str, ...] = ("blob",)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]


def blobs(count: int, seed: int, labels: dict[int, Label] | None = None) -> Listed:
    """Every other image has a blob in a random place; ``labels`` replaces what is said of some."""
    generator = np.random.default_rng(seed)
    centres = np.arange(SIDE) + 0.5
    samples = []
    for index in range(count):
        image = generator.normal(0.4, 0.1, (SIDE, SIDE))
        if index % 2:
            y, x = generator.uniform(6, SIDE - 6, 2)
            image += 0.5 * np.exp(-((centres[:, None] - y) ** 2 + (centres - x) ** 2) / 20)
        label = (labels or {}).get(index, bool(index % 2))
        pixels = ArrayPixels(image.clip(0, 1).astype(np.float32))
        samples.append(Sample(f"{seed} {index}", pixels, labels={"blob": label}))
    return Listed(samples)


def model(head: str = "linear") -> Classifier:
    return build(ARCHITECTURE, head, ["blob"], PREPROCESSING)
