"""A range: 0 becomes ``low`` and 1 becomes ``high``, and all between them linearly.

torchxrayvision's networks see -1024 to 1024, those of Keras that subtract a mean of bytes 0 to 255.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from heatproof.data.intensities import intensities
from heatproof.errors import SpecError


@intensities.register("to_range")
@dataclass(frozen=True)
class ToRange:
    """From ``low`` to ``high`` instead of 0 to 1.

    Attributes:
        low: What black becomes.
        high: What white becomes.
    """

    low: float
    high: float
    fixed: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise SpecError(
                f"to_range(low={self.low:g}, high={self.high:g}); expected low below high, and"
                " invert for films whose bright parts are to be dark"
            )

    def __call__(self, image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
        """The image in that range."""
        return (self.low + image * (self.high - self.low)).astype(np.float32)
