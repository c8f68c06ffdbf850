"""A unit is whole or absent, and its name changes with what made it."""

import warnings

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatproof.errors import DamagedError, DamagedFile
from heatproof.tables import Column, Table
from heatproof.tables.units import Units, digest


class Named(Table):
    """One row per name."""

    name = "named"
    columns = {  # noqa: RUF012  as every table
        "name": Column(pl.String, "anything"),
        "value": Column(pl.Float64, "null: unknown"),
    }
    former = {"old": "name"}  # noqa: RUF012


class Former(Table):
    """The same before a column was renamed."""

    name = "named"
    columns = {  # noqa: RUF012  as every table
        "old": Column(pl.String, "anything"),
        "value": Column(pl.Float64, "null: unknown"),
    }


class Other(Table):
    """Another table."""

    name = "other"
    columns = {"other": Column(pl.Float64, "anything")}  # noqa: RUF012  as every table


def test_what_was_put_is_read_in_order(tmp_path):
    units = Units(tmp_path / "run", Named)
    units.put("b", [{"name": "x", "value": 1.0}])
    units.put("a", [{"name": "y", "value": None}])
    assert "a" in units
    assert "c" not in units
    assert units.read(["b", "a"]).frame["name"].to_list() == ["x", "y"]
    assert {file.name for file in (tmp_path / "run/named").iterdir()} == {"a.parquet", "b.parquet"}
    nothing = units.read([])
    assert isinstance(nothing, Named)
    assert nothing.frame.schema == pl.Schema(Named.schema())


def test_columns_of_an_earlier_version_get_their_present_names(tmp_path):
    Units(tmp_path, Former).put("old", [{"old": "y", "value": 2.0}])
    units = Units(tmp_path, Named)
    units.put("new", [{"name": "x", "value": 1.0}])
    assert units.read(["old", "new"]).frame["name"].to_list() == ["y", "x"]


@pytest.fixture
def unit(tmp_path):
    """A unit, and the content of its file."""
    Units(tmp_path, Named).put("a", [{"name": f"x{i}", "value": float(i)} for i in range(40)])
    file = tmp_path / "named/a.parquet"
    return file, file.read_bytes()


def is_missing(tmp_path) -> bool:
    """Whether a unit, which is there, is told to be damaged, and counts as missing."""
    units = Units(tmp_path, Named)
    with pytest.warns(DamagedFile, match=r"a\.parquet: .*; it is made again"):
        missing = "a" not in units
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DamagedError, match=r"a\.parquet"):
            units.read(["a"])
    return missing


def test_no_flipped_byte_of_a_unit_is_believed(unit, tmp_path):
    file, good = unit
    for place in range(len(good)):
        file.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        assert is_missing(tmp_path), place


def test_no_part_of_a_unit_is_believed(unit, tmp_path):
    file, good = unit
    for length in (0, 1, 4, len(good) // 2, len(good) - 1):
        file.write_bytes(good[:length])
        assert is_missing(tmp_path), length
    file.write_bytes(good + b"x")
    assert is_missing(tmp_path)


def test_neither_a_unit_of_another_name_nor_a_file_of_another_tool_is_believed(unit, tmp_path):
    file, _ = unit
    Units(tmp_path, Named).put("b", [{"name": "another", "value": 1.0}])
    file.write_bytes((tmp_path / "named/b.parquet").read_bytes())
    assert is_missing(tmp_path)
    pl.DataFrame({"name": ["y"], "value": [2.0]}).write_parquet(file)
    assert is_missing(tmp_path)
    file.unlink()
    file.mkdir()
    assert is_missing(tmp_path)


def test_a_unit_of_a_table_with_other_columns_is_missing(tmp_path):
    Units(tmp_path, Former).put("a", [{"old": "y", "value": 2.0}])
    file = tmp_path / "named/a.parquet"
    Units(tmp_path / "other", Other).put("a", [{"other": 1.0}])
    file.write_bytes((tmp_path / "other/other/a.parquet").read_bytes())
    assert is_missing(tmp_path)


def test_a_unit_that_goes_after_it_was_seen_is_an_error(unit, tmp_path):
    units = Units(tmp_path, Named)
    assert "a" in units
    unit[0].unlink()
    with pytest.raises(DamagedError, match="is gone"):
        units.read(["a"])
    assert "a" not in units  # so that the next look makes it


def test_a_unit_is_parquet_for_other_tools(unit):
    assert pl.read_parquet(unit[0])["name"][3] == "x3"


@pytest.mark.parametrize("folder", ["run?", "[draft] x", "a*b", "file:%20x", "naïve\udcff"])
def test_a_folder_is_no_pattern(tmp_path, folder):
    beside = tmp_path / "run1"
    Units(beside, Named).put("a", [{"name": "of another run", "value": None}])
    units = Units(tmp_path / folder, Named)
    units.put("a", [{"name": "x", "value": 1.0}])
    assert units.read(["a"]).frame["name"].to_list() == ["x"]
    assert units.damaged() == []


def test_a_unit_without_rows_is_there_all_the_same(tmp_path):
    units = Units(tmp_path, Named)
    units.put("a", [])
    assert "a" in units
    assert len(units.read(["a"])) == 0


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    def rows():
        yield {"name": "x", "value": 1.0}
        raise RuntimeError("in the middle")

    units = Units(tmp_path, Named)
    with pytest.raises(RuntimeError, match="in the middle"):
        units.put("a", rows())
    assert "a" not in units
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(json_values, json_values)
def test_equal_inputs_have_equal_names(one, other):
    assert digest(one) == digest(one)
    same = repr(one) == repr(other)
    if not same and one != other:
        assert digest(one) != digest(other)
    assert digest({"a": 1, "b": one}) == digest({"b": one, "a": 1})
