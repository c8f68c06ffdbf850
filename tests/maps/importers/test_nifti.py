"""NIfTI: a map is not mirrored and not transposed, whoever wrote it; what is unclear is refused."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from heatproof.errors import MapError
from tests.maps.importers.reading import PLACES, are_found, read, values

ITK = np.diag([-0.2, -0.2, 1.0, 1.0])  # what ITK writes of a picture: to the left, to the back
EAST_FIRST = np.array([[0, -1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])


def save(file: Path, array: np.ndarray, affine: np.ndarray) -> None:
    nibabel.save(nibabel.Nifti1Image(array, affine), file)  # type: ignore[attr-defined]


@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
def test_pictures_of_itk_are_read_without_a_word(tmp_path: Path, ending: str) -> None:
    for place in PLACES:
        save(tmp_path / f"{'_'.join(place)}.{ending}", values(place).T[..., None], ITK)
    assert are_found("nifti", tmp_path)
    assert are_found("nifti(axes='header')", tmp_path)


def test_an_array_given_as_it_is_needs_a_word(tmp_path: Path) -> None:
    for place in PLACES:
        save(tmp_path / "{}_{}.nii".format(*place), values(place), np.eye(4))
    with pytest.raises(MapError, match=r"film_0_Opacity.nii: its axes run to R and A.*axes='yx'"):
        read("nifti", tmp_path)
    assert are_found("nifti(axes='yx')", tmp_path)


@pytest.mark.parametrize(
    ("stored", "affine"),
    [
        (lambda array: array.T[::-1, ::-1], np.eye(4)),  # right, front
        (lambda array: array.T[::-1], np.diag([1.0, -1, 1, 1])),
        (lambda array: array.T[:, ::-1], np.diag([-1.0, 1, 1, 1])),
        (lambda array: array, EAST_FIRST),  # rows first: to the back, to the left
    ],
)
def test_the_header_turns_the_array(tmp_path: Path, stored, affine: np.ndarray) -> None:
    for place in PLACES:
        save(tmp_path / "{}_{}.nii".format(*place), stored(values(place))[..., None], affine)
    assert are_found("nifti(axes='header')", tmp_path)


def test_axes_along_the_patient_alone_are_no_picture(tmp_path: Path) -> None:
    sagittal = np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    save(tmp_path / "film_0_Opacity.nii", np.ones((2, 3, 1), np.float32), sagittal)
    with pytest.raises(MapError, match="A and S, of which one must run across"):
        read("nifti(axes='header')", tmp_path)


def test_a_volume_is_no_map(tmp_path: Path) -> None:
    save(tmp_path / "film_0_Opacity.nii", np.ones((2, 3, 4), np.float32), ITK)
    with pytest.raises(MapError, match=r"film_0_Opacity.nii has shape \(3, 2, 4\)"):
        read("nifti", tmp_path)
