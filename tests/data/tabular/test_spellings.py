"""Equal values in another spelling are equal, and names that look like numbers stay names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatproof.data.tabular.spellings import name, numbers, plain, whole
from heatproof.words import spelled


@pytest.mark.parametrize("value", [48, 48.0, "48", "48.0", " 48 ", "48.00"])
def test_a_whole_number_is_one_however_it_is_spelled(value):
    assert whole(value) == 48
    assert name(value) == "48"


@pytest.mark.parametrize(
    "value", [48.5, "48.5", "x", "", None, [48], True, float("nan"), "1e3", "9" * 5000]
)
def test_what_is_no_whole_number_is_none(value):
    assert whole(value) is None


@pytest.mark.parametrize("value", [None, True, 1.5, [1], {}])
def test_what_names_nothing_is_no_name(value):
    assert name(value) is None


def test_a_leading_zero_belongs_to_a_name():
    assert plain(" 007 ") == "007"
    assert name("007") == "007" != name(7)
    assert plain("007.0") == "007.0"


@pytest.mark.parametrize(
    "column",
    [
        ["01", "02"],
        ["007", "7"],
        ["1e3", "1000"],
        ["1", "1.0"],  # as numbers they would be one
        ["1.10", "1.1"],
        ["nan", "1"],
        ["inf", "1"],
        ["1_000", "2"],
        ["9007199254740993", "9007199254740992"],  # more digits than a float holds
        ["61", "unknown"],
    ],
)
def test_names_that_look_like_numbers_stay_names(column):
    assert numbers(column) is None


def test_columns_of_numbers_are_numbers():
    assert numbers(["61", "61.5", "-3"]) == [61.0, 61.5, -3.0]
    assert numbers(["61.0", "61.5"]) == [61.0, 61.5]  # as data frames write them
    assert numbers(["20190315"]) == [20190315.0]


@given(st.lists(st.text("0123456789.eE+-_ naif", max_size=6), max_size=4))
def test_no_two_cells_become_one_number(column):
    found = numbers(column)
    if found is not None:
        assert len(set(found)) == len(set(column))
        assert len({spelled(value) for value in found}) == len(set(column))
