"""What a map must beat: a picture that never looked at the radiograph.

The mean mask of a finding is the average of the masks that the reference standard marked on *other*
patients, all brought to one common frame (by ``heatproof.data.geometry``).  Scored like a map, it
tells what the usual place of a finding is worth; on chest radiographs that is often as much as a
saliency method reaches (Arun et al. 2021, https://doi.org/10.1148/ryai.2021200267).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int


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
