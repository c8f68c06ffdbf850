"""What every importer promises."""

from pathlib import Path

import pytest

from heatproof.errors import MapError
from heatproof.maps.importers import Importer, importers
from heatproof.maps.naming import KnownFilms

KNOWN = KnownFilms("films", ("film0", "film1"), ("Opacity", "Pleural Effusion"))


@pytest.mark.parametrize("name", importers.names())
def test_a_folder_without_maps_is_refused(name: str, tmp_path: Path) -> None:
    importer = importers.parse(name)
    assert isinstance(importer, Importer)
    assert importers.parse(importers.spec(importer)) == importer
    with pytest.raises(MapError, match=tmp_path.name):
        importer.find(tmp_path, KNOWN)
    with pytest.raises(MapError, match="there is no such folder"):
        importer.find(tmp_path / "nowhere", KNOWN)


def read_all(name: str, folder: Path) -> None:
    for found in importers.parse(name).find(folder, KNOWN):
        found.read()


@pytest.mark.parametrize("name", importers.names())
@pytest.mark.parametrize("content", [b"", b"no map", b"\x00" * 600])
def test_what_is_no_map_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    for suffix in importers.parse(name).suffixes:
        for file in ("film0_Opacity", "film0"):
            place = tmp_path / f"{file}{suffix}"
            place.write_bytes(content)
            with pytest.raises(MapError, match=f"{tmp_path.name}|film0"):
                read_all(name, tmp_path)
            place.unlink()
