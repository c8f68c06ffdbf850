"""Tables as files: compressed ones are read, unless they would fill the memory."""

import gzip

import pytest

from heatproof.data import tabular
from heatproof.errors import DataError


def test_a_compressed_table_is_read_and_a_bomb_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "table.csv.gz"
    file.write_bytes(gzip.compress(b"image,Nodule\n" + b"a.png,1\n" * 5))
    assert len(tabular.read_rows(file)) == 5
    monkeypatch.setattr(tabular, "_UNPACKED", 1 << 16)
    file.write_bytes(gzip.compress(b"image,Nodule\n" + b"a.png,1\n" * 500_000))
    with pytest.raises(DataError, match="unpacks to more than 100 times its size"):
        tabular.read_rows(file)
