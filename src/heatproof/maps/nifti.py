"""A map as NIfTI: columns before rows, and an affine that says where the axes point.

https://nifti.nimh.nih.gov/nifti-1/.  Its axes run to the patient's right and to the front.  The
columns of a frontal film run to the patient's left; its rows are said to run to the back, as those
of an axial slice do, since programs show it upright then.
"""

from typing import Any

import numpy as np
from jaxtyping import Float


def nifti(saliency: Float[np.ndarray, "y x"], spacing: tuple[float, float] | None = None) -> Any:
    """A ``nibabel.Nifti1Image`` of one slice.

    Args:
        saliency: The map.
        spacing: Millimetres from pixel to pixel, down and across; None where unknown, which counts
            as 1.
    """
    import nibabel  # here, since few maps are saved so

    down, across = spacing or (1.0, 1.0)
    volume = saliency.T[:, :, None].astype(np.float32)
    return nibabel.Nifti1Image(volume, np.diag([-across, -down, 1.0, 1.0]))  # type: ignore[no-untyped-call]
