"""Linear: each pixel of a region becomes the mean of its neighbours, as ROAD imputes."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from heatproof.fidelity.imputation import imputed
from heatproof.fidelity.infills import Normal, infills


@infills.register("linear")
@dataclass(frozen=True)
class Linear:
    """Imputed smoothly from the edge of the region, without noise; see ``imputation``."""

    title: ClassVar[str] = "Linear"
    needs_normal: ClassVar[bool] = False

    def __call__(
        self, image: Float[np.ndarray, "c h w"], region: Bool[np.ndarray, "h w"], _normal: Normal
    ) -> Float[np.ndarray, "c h w"]:
        """The input with the region replaced."""
        # Hidden pixels come first in the order in which pixels are hidden.
        order = np.argsort(~region.ravel(), kind="stable")
        places = np.empty_like(order)
        places[order] = np.arange(order.size)
        count = int(np.count_nonzero(region))
        filled: np.ndarray = imputed(image, places.reshape(region.shape), [count])[0]
        return np.where(region, filled, image)
