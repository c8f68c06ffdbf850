"""A unit is whole or absent, and its name changes with what made it."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatproof.tables.units import Units, digest

SCHEMA = {"name": pl.String, "value": pl.Float64}


def test_what_was_put_is_read_in_order(tmp_path):
    units = Units(tmp_path / "u", SCHEMA)
    units.put("b", [{"name": "x", "value": 1.0}])
    units.put("a", [{"name": "y", "value": None}])
    assert "a" in units
    assert "c" not in units
    assert units.read(["b", "a"])["name"].to_list() == ["x", "y"]
    assert units.read([]).schema == pl.Schema(SCHEMA)


def test_a_unit_without_rows_is_there_all_the_same(tmp_path):
    units = Units(tmp_path, SCHEMA)
    units.put("a", [])
    assert "a" in units
    assert units.read(["a"]).is_empty()


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    def rows():
        yield {"name": "x", "value": 1.0}
        raise RuntimeError("in the middle")

    units = Units(tmp_path, SCHEMA)
    with pytest.raises(RuntimeError, match="in the middle"):
        units.put("a", rows())
    assert list(tmp_path.iterdir()) == []


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
