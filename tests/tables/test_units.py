"""A unit is whole or absent, and its name changes with what made it."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_units_of_the_last_version_are_read_beside_todays(tmp_path):
    units = Units(tmp_path, Named)
    units.put("new", [{"name": "x", "value": 1.0}])
    old = pl.DataFrame({"old": ["y"], "value": [2.0]})
    old.write_parquet(tmp_path / "named/old.parquet")
    assert units.read(["old", "new"]).frame["name"].to_list() == ["y", "x"]


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
