"""What every importer promises."""

from pathlib import Path

import pytest

from heatproof.errors import MapError
from heatproof.maps.importers import Importer, importers


@pytest.mark.parametrize("name", importers.names())
def test_a_folder_without_maps_is_refused(name: str, tmp_path: Path) -> None:
    importer = importers.parse(name)
    assert isinstance(importer, Importer)
    assert importers.parse(importers.spec(importer)) == importer
    with pytest.raises(MapError, match=tmp_path.name):
        importer.files(tmp_path)


@pytest.mark.parametrize("name", importers.names())
def test_what_is_no_map_is_refused(name: str, tmp_path: Path) -> None:
    for content in (b"", b"no map"):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(MapError, match="file"):
            importers.parse(name).read(tmp_path / "file")
