"""Arrays of NumPy: maps are what was saved, whatever their type; pickles are not opened."""

from pathlib import Path

import numpy as np
import pytest

from heatproof.errors import MapError, SpecError
from heatproof.maps.importers import importers
from tests.maps.importers.reading import FILMS, FINDINGS, PLACES, are_found, read, values


def test_a_map_of_each_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for number, place in enumerate(PLACES):
        folder = tmp_path / "deep" if number else tmp_path
        shape = (1,) * number + (5, 3)  # batches and channels of one
        np.save(folder / "{}_{}.npy".format(*place), values(place).reshape(shape))
    assert are_found("npy", tmp_path)


def test_underscores_stand_for_spaces_and_folders_for_films(tmp_path: Path) -> None:
    for film, finding in PLACES:
        (tmp_path / film).mkdir(exist_ok=True)
        file = tmp_path / film / f"grad_{finding.replace(' ', '_').lower()}.npy"
        np.save(file, values((film, finding))[..., None])
    assert are_found("npy(pattern='{image_id}/grad_{finding}.npy')", tmp_path)
    assert are_found("npy(pattern='{image_id}/*_{finding}.npy')", tmp_path)


def test_layers_are_findings(tmp_path: Path) -> None:
    for film in FILMS:
        np.save(tmp_path / f"{film}.npy", np.stack([values((film, f)) for f in FINDINGS])[None])
    assert are_found(f"npy(pattern='{{image_id}}.npy', findings={FINDINGS!r})", tmp_path)
    spec = "npy(pattern='{image_id}.npy', findings=('Opacity',))"
    with pytest.raises(MapError, match=r"has shape .*, expected \(1, y, x\)"):
        read(spec, tmp_path)
    with pytest.raises(MapError, match=r"does not say the finding.*findings="):
        read("npy(pattern='{image_id}.npy')", tmp_path)


@pytest.mark.parametrize("kind", ["float64", "float16", "uint8", "bool", ">f4"])
def test_numbers_of_any_type_are_maps(tmp_path: Path, kind: str) -> None:
    stored = np.array([[0, 1], [3, 2]]).astype(kind)
    np.save(tmp_path / "film_0_Opacity.npy", stored)
    found = read("npy", tmp_path)["film_0", "Opacity"]
    assert found.values.dtype == np.float32
    assert np.array_equal(found.values, stored)
    assert found.label is None
    assert found.size is None
    assert np.isnan(found.probability)


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        (np.array([[1, np.nan]]), "1 values are not finite"),
        (np.array([[1e300, 1]]), "too large for a 32-bit float"),
        (np.zeros((2, 3, 4)), "Name them in order with findings"),
        (np.zeros((0, 3)), "expected \\(y, x\\)"),
        (np.zeros(3), "expected \\(y, x\\)"),
        (np.zeros((2, 2), complex), "holds complex128, expected numbers"),
        (np.array([["a"]]), "expected numbers"),
        (np.array([[None]]), "Python objects"),
    ],
)
def test_what_is_no_map_says_so(tmp_path: Path, stored: np.ndarray, text: str) -> None:
    np.save(tmp_path / "film_0_Opacity.npy", stored, allow_pickle=True)
    with pytest.raises(MapError, match=f"film_0_Opacity.npy.*({text})"):
        read("npy", tmp_path)


def test_a_file_of_no_known_film_names_what_there_is(tmp_path: Path) -> None:
    np.save(tmp_path / "film_9_Opacity.npy", np.ones((2, 2)))
    message = r"film_9_Opacity.npy fits .*'film_0'.*'Opacity', 'Pleural Effusion'; say .*pattern="
    with pytest.raises(MapError, match=message):
        read("npy", tmp_path)


@pytest.mark.parametrize("pattern", ["{finding}.npy", "{image_id}_{image_id}.npy", "{film}.npy"])
def test_a_pattern_names_the_film_once(pattern: str) -> None:
    with pytest.raises(SpecError, match=r"expected \{image_id\} once"):
        importers.parse(f"npy(pattern={pattern!r})")
    with pytest.raises(SpecError, match="leave one of them out"):
        importers.parse("npy(findings=('Opacity',))")
