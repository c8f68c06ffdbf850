"""Grey pictures are maps of their numbers; colours are refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tifffile import imwrite

from heatproof.errors import MapError
from tests.maps.importers.reading import PLACES, are_found, read, values

STEPS = np.arange(6, dtype=np.uint8).reshape(2, 3)


def test_floats_come_back_as_they_are(tmp_path: Path) -> None:
    for place in PLACES:
        Image.fromarray(values(place)).save(tmp_path / "{}_{}.tif".format(*place))
    assert are_found("picture", tmp_path)


@pytest.mark.parametrize(
    ("stored", "ending"),
    [(STEPS, "png"), (STEPS.astype(np.uint16) * 9000, "png"), (STEPS.astype(np.uint16), "tiff")],
)
def test_grey_values_are_the_map(tmp_path: Path, stored: np.ndarray, ending: str) -> None:
    Image.fromarray(stored).save(tmp_path / f"film_0_Opacity.{ending}")
    assert np.array_equal(read("picture", tmp_path)["film_0", "Opacity"].values, stored)
    signed = read("picture(zero=3)", tmp_path)["film_0", "Opacity"].values
    assert np.array_equal(signed, stored.astype(float) - 3)


def test_double_precision_and_equal_colours_are_grey(tmp_path: Path) -> None:
    imwrite(tmp_path / "film_0_Opacity.tif", STEPS / 7)
    Image.fromarray(STEPS).convert("RGBA").save(tmp_path / "film_1_Opacity.png")
    found = read("picture", tmp_path)
    assert np.array_equal(found["film_0", "Opacity"].values, (STEPS / 7).astype(np.float32))
    assert np.array_equal(found["film_1", "Opacity"].values, STEPS)


def test_a_rendering_is_refused(tmp_path: Path) -> None:
    jet = np.stack([STEPS * 40, STEPS * 20, 255 - STEPS * 40], axis=-1)
    Image.fromarray(jet).save(tmp_path / "film_0_Opacity.png")
    with pytest.raises(MapError, match=r"film_0_Opacity.png is in colours.*Save its values"):
        read("picture", tmp_path)
