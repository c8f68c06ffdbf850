"""NIfTI: each map as a slice, with the axes of a radiograph as ITK writes it: columns to the left
of the patient, rows to the back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heatproof.maps.nifti import nifti
from heatproof.runs.exported import Exported
from heatproof.runs.exporters import exporters
from heatproof.runs.map_files import maps_as_files


@exporters.register("nifti")
@dataclass(frozen=True)
class Nifti:
    """Maps as NIfTI, one slice per file; a header of NIfTI names no patient."""

    def write(self, what: Exported, to: Path) -> Iterator[Path]:
        """A file per map, and a list of them."""

        def save(file: Path, values: np.ndarray) -> None:
            nifti(values).to_filename(file)

        return maps_as_files(what, to, ".nii.gz", save)
