"""Archives of NumPy: by film, by map, or all in one."""

from pathlib import Path

import numpy as np
import pytest

from heatproof.errors import MapError
from tests.maps.importers.reading import FILMS, FINDINGS, PLACES, are_found, read, values


def test_a_file_of_each_film(tmp_path: Path) -> None:
    for film in FILMS:
        np.savez(tmp_path / f"{film}.npz", **{f: values((film, f)) for f in FINDINGS})
    assert are_found("npz", tmp_path)


def test_one_file_of_all(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "all.npz", **{"_".join(p): values(p) for p in PLACES})
    assert are_found("npz(pattern='*.npz/{image_id}_{finding}')", tmp_path)
    assert are_found("npz(pattern='*.npz/{image_id}_{finding}')", tmp_path / "all.npz")


def test_a_file_of_each_map(tmp_path: Path) -> None:
    for place in PLACES:
        np.savez(tmp_path / "{}_{}.npz".format(*place), values(place))
    assert are_found("npz(pattern='{image_id}_{finding}.npz/*')", tmp_path)


def test_an_array_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "film_0.npz", Opacity=np.array([[None]]))
    with pytest.raises(MapError, match=r"film_0.npz, 'Opacity': .*Object arrays cannot"):
        read("npz", tmp_path)
