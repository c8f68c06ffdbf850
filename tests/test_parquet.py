"""A Parquet file is read as it was written, or refused in words, and never ends the process."""

import random

import polars as pl
import pytest

from heatproof.parquet import read_of_others, read_own, read_sealed, sealed_parquet

FRAME = pl.DataFrame({"film": ["a", "b", None], "score": [0.5, float("nan"), None]})


def of_others() -> bytes:
    import io

    buffer = io.BytesIO()
    FRAME.write_parquet(buffer)
    return buffer.getvalue()


def test_a_sealed_table_comes_back_and_is_parquet_for_others():
    data = sealed_parquet("scores", FRAME)
    for read in (read_sealed("scores", data), read_own("scores", data), read_of_others(data)):
        assert read.equals(FRAME)


def test_any_flipped_bit_of_a_sealed_table_is_noticed():
    data = sealed_parquet("scores", FRAME)
    for place in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        with pytest.raises(ValueError, match="damaged"):
            read_sealed("scores", bytes(damaged))
    with pytest.raises(ValueError, match="swapped"):
        read_sealed("pairs", data)


def test_a_table_of_others_is_read_or_refused():
    data = of_others()
    assert read_own("scores", data).equals(FRAME)
    with pytest.raises(ValueError, match="ComputeError"):
        read_of_others(data[:-9])


def test_a_damaged_table_that_ends_the_reader_is_refused():
    """Lengths of pages that no memory can hold: polars ends the process that reads them."""
    data, refused = of_others(), 0
    chance = random.Random(0)
    for _ in range(6):
        damaged = bytearray(data)
        for place in range(4, 40):
            damaged[place] = chance.randrange(256)
        try:
            read_of_others(bytes(damaged))
        except ValueError:
            refused += 1
    assert refused
