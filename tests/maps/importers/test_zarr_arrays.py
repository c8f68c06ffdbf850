"""Arrays of Zarr: named by their path, or by what heatproof itself says of its blocks."""

import json
from pathlib import Path

import numpy as np
import pytest
import zarr

from heatproof.errors import MapError, UnsafePickleError
from heatproof.maps.importers import importers
from heatproof.maps.naming import KnownFilms
from heatproof.maps.store import MapStore
from heatproof.types import ModelId, Validity
from tests.maps.importers.reading import FILMS, FINDINGS, PLACES, are_found, values

BLOCK = np.stack([[values((film, finding)) for finding in FINDINGS] for film in FILMS])


@pytest.mark.parametrize("version", [2, 3])
def test_arrays_in_groups(tmp_path: Path, version: int) -> None:
    root = zarr.open_group(tmp_path / "maps.zarr", mode="w", zarr_format=version)
    for film, finding in PLACES:
        root.require_group(film).create_array(finding, data=values((film, finding)))
    assert are_found("zarr", tmp_path)
    assert are_found("zarr(pattern='maps.zarr/{image_id}/{finding}')", tmp_path)


def test_the_maps_of_another_run(tmp_path: Path) -> None:
    validity = [[Validity.OK] * len(FINDINGS)] * len(FILMS)
    store = MapStore(tmp_path / "maps")
    store.put(ModelId("a"), "grad_cam", FINDINGS, FILMS, BLOCK, validity, ["1"] * len(FILMS))
    assert are_found("zarr", tmp_path / "maps")


def test_attributes_that_do_not_fit_are_told(tmp_path: Path) -> None:
    about = {"image_ids": list(FILMS), "findings": ["Opacity"]}
    array = zarr.create_array(tmp_path / "a", data=BLOCK)
    array.attrs.update(about)
    known = KnownFilms("films", FILMS, FINDINGS)
    with pytest.raises(MapError, match=r"2 films and 1 findings; expected \(2, 1, y, x\)"):
        importers.parse("zarr").find(tmp_path, known)


@pytest.mark.parametrize("attributes", ["2", "true", "[1]", '"x"'])
def test_attributes_that_are_no_object_are_told(tmp_path: Path, attributes: str) -> None:
    """Of version 2 they lie in a file of their own."""
    place = tmp_path / FILMS[0]
    zarr.open_group(place, mode="w", zarr_format=2).create_array(FINDINGS[0], data=BLOCK[0, 0])
    (place / FINDINGS[0] / ".zattrs").write_text(attributes)
    known = KnownFilms("films", FILMS, FINDINGS)
    with pytest.raises(MapError, match="is no array of Zarr"):
        importers.parse("zarr").find(tmp_path, known)


def test_chunks_that_are_pickles_are_refused_unread(tmp_path: Path) -> None:
    place = tmp_path / FILMS[0] / FINDINGS[0]
    place.mkdir(parents=True)
    about = {
        "zarr_format": 2, "shape": [2, 2], "chunks": [2, 2], "dtype": "|O", "order": "C",
        "filters": [{"id": "vlen-utf8"}], "fill_value": 0,
        "compressor": {"id": "pickle", "protocol": 5},
    }  # fmt: skip
    (place / ".zarray").write_text(json.dumps(about))
    with pytest.raises(UnsafePickleError, match="holds pickles"):
        importers.parse("zarr").find(tmp_path, KnownFilms("films", FILMS, FINDINGS))


def test_a_packed_array_is_told(tmp_path: Path) -> None:
    file = tmp_path / "maps.zarr.zip"
    file.write_bytes(b"PK")
    with pytest.raises(MapError, match=r"maps.zarr.zip is a file; expected the folder"):
        importers.parse("zarr").find(file, KnownFilms("films", FILMS, FINDINGS))
