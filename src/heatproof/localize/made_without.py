"""Controls: names, frames and what each knows."""

import numpy as np

from heatproof.data.geometry import Squash
from heatproof.maps.store import StoredMap
from heatproof.types import Validity

PRIOR = "mean_mask"
READERS = "human_benchmark"
PRIOR_NAME = "mean-mask prior"


KNOWN = {
    PRIOR: (PRIOR_NAME, "never sees the film"),
    "centre": ("image centre", "never sees the film"),
    "edges": ("edges of the film", "never sees the model"),
    "random": ("random map", "sees nothing"),
    "readers": ("the other readers", "where another marked it too"),
    READERS: ("the human benchmark", "readers who looked at every film"),
}


CEILING = "ceiling("


FRAME = Squash(256, 256)  # the common frame: finer than any lesion's outline needs


SIZE = (FRAME.height, FRAME.width)


FILM = Squash(1, 1)  # whatever is squashed to the film, at any resolution


UNKNOWN = StoredMap(np.full((1, 1), np.nan, np.float32), Validity.NOT_FINITE)
