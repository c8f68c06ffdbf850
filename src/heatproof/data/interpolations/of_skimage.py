"""scikit-image's ``transform.resize``: what torchxrayvision's ``XRayResizer`` does by default.

It smooths by a Gaussian before it shrinks.  torchxrayvision says ``border="constant"``, which mixes
black into the outermost pixels.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from skimage.transform import resize

from heatproof.data.interpolations import interpolations


@interpolations.register("skimage")
@dataclass(frozen=True)
class ScikitImage:
    """scikit-image's, as torchxrayvision calls it.

    Attributes:
        order: Of the spline: 0 nearest, 1 linear, 3 cubic.
        antialias: Smooth before shrinking.
        border: What is taken to lie beyond the film.
    """

    usual: ClassVar[tuple[str, ...]] = ("skimage",)
    order: Literal[0, 1, 2, 3, 4, 5] = 1
    antialias: bool = True
    border: Literal["reflect", "constant", "edge", "symmetric", "wrap"] = "reflect"

    def __call__(
        self, image: Float[np.ndarray, "h w"], size: tuple[int, int]
    ) -> Float[np.ndarray, "y x"]:
        """The image at that height and width."""
        resized = resize(  # type: ignore[no-untyped-call]
            image, size, self.order, mode=self.border, preserve_range=True,
            anti_aliasing=self.antialias,
        )  # fmt: skip
        return np.asarray(resized, np.float32)
