"""What a map is compared with: pictures that are made without the model.

The mean mask of a finding is the average of the masks that the reference standard marked on *other*
patients, all brought to one common frame (by ``heatproof.data.geometry``).  Scored like a map, it
tells what the usual place of a finding is worth; on chest radiographs that is often as much as a
saliency method reaches (Arun et al. 2021, https://doi.org/10.1148/ryai.2021200267).

The other controls take one thing away each:

- ``centre``: a Gaussian in the middle of the film, its deviation a quarter of each side.  It ranks
  pixels as nearness to the middle does, so what asks for ranks alone (AUROC, hit rate) is the same
  for both; but nearness falls so slowly that most of its sum lies far from the middle, and what
  sums or binarizes a map would then judge the border.
- ``edges``: sees the film and no model (``heatproof.saliency.methods.edges``).
- ``noise``: sees nothing; what a metric gives for nothing.
- ``others``: the share of the other readers who marked a pixel: what radiologists reach.
- ``ceiling``: knows the answer, but is as coarse as a method: the reference mask, averaged over the
  cells of the method's grid.  About the best that a map of that resolution can reach, and no strict
  bound: a rule that binarizes by the values of the map may cut another coarse map more luckily.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int

from heatproof.data.geometry import Geometry, Squash
from heatproof.saliency.methods.edges import magnitude

SPREAD = 0.25  # standard deviation of the centre, in sides of the film


@dataclass(frozen=True)
class MeanMask:
    """The masks of one finding, summed, and each patient's share of the sum.

    Attributes:
        total: Masks that cover each pixel of the common frame.
        cases: How many masks there are.
        own: By cluster (see ``Sample.cluster``), its masks as packed bits.
    """

    total: Int[np.ndarray, "y x"]
    cases: int
    own: Mapping[str, tuple[bytes, ...]]

    @classmethod
    def of(
        cls, masks: Iterable[tuple[str, Bool[np.ndarray, "y x"]]], size: tuple[int, int]
    ) -> "MeanMask":
        """Sum masks; empty ones do not count.

        Args:
            masks: Cluster and mask in the common frame.
            size: Height and width of the common frame.
        """
        total = np.zeros(size, np.int32)
        own: dict[str, tuple[bytes, ...]] = {}
        for cluster, mask in masks:
            if mask.any():
                total += mask
                own[cluster] = (*own.get(cluster, ()), np.packbits(mask).tobytes())
        return cls(total, sum(map(len, own.values())), own)

    def without(self, cluster: str) -> Float[np.ndarray, "y x"] | None:
        """The mean over everybody else; ``None`` where nobody else has the finding."""
        own = self.own.get(cluster, ())
        others = self.cases - len(own)
        if others == 0:
            return None
        left = self.total.copy()
        for packed in own:
            left -= self._unpacked(packed)
        mean: np.ndarray = left.astype(np.float32) / np.float32(others)
        return mean

    def _unpacked(self, packed: bytes) -> Bool[np.ndarray, "y x"]:
        bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=self.total.size)
        return bits.reshape(self.total.shape).astype(bool)


def centre(size: tuple[int, int]) -> Float32[np.ndarray, "y x"]:
    """A Gaussian in the middle, in (0, 1]."""
    down, across = ((np.arange(side) + 0.5) / side - 0.5 for side in size)
    squares = down[:, None] ** 2 + across**2
    gaussian: np.ndarray = np.exp(-squares / (2 * SPREAD**2)).astype(np.float32)
    return gaussian


def edges(film: Float[np.ndarray, "y x"]) -> Float32[np.ndarray, "y x"]:
    """Where the film changes, from 0."""
    image = torch.from_numpy(np.ascontiguousarray(film, np.float32))
    return magnitude(image[None, None])[0, 0].numpy()


def noise(size: tuple[int, int], *names: str, seed: int = 0) -> Float32[np.ndarray, "y x"]:
    """Uniform in [0, 1), pixel by pixel; the same for the same names and seed."""
    drawn = np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])
    return drawn.random(size, np.float32)


def others(masks: Sequence[Bool[np.ndarray, "h w"]]) -> Float32[np.ndarray, "h w"] | None:
    """Share of the readers who marked each pixel; ``None`` without a reader."""
    if not masks:
        return None
    share: np.ndarray = np.stack(masks).mean(axis=0, dtype=np.float32)
    return share


def ceiling(
    mask: Bool[np.ndarray, "h w"], geometry: Geometry, grid: tuple[int, int]
) -> Float32[np.ndarray, "y x"]:
    """The share of each cell that is marked.

    Args:
        mask: What the reader marked.
        geometry: Of the model; where it squashes, the grid lies over the film itself.
        grid: Rows and columns of the method's maps.
    """
    marked = mask.astype(np.float32)
    canvas = marked if isinstance(geometry, Squash) else geometry.image(marked)
    shares: np.ndarray = cv2.resize(canvas, grid[::-1], interpolation=cv2.INTER_AREA)
    return shares
