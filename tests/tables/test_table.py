"""What holds for every table, and what a table makes of rows, files and predicates."""

import inspect
import pkgutil
from importlib import import_module

import polars as pl
import pytest

from heatproof import tables
from heatproof.tables import Column, Table
from heatproof.tables.maps_made import MapsMade
from heatproof.tables.predictions import Predictions
from heatproof.tables.scores import Scores
from heatproof.tables.shapes import Shapes
from heatproof.tables.structures import OnStructures
from tests.tables.every import TABLES

BEFORE = {  # columns of the last version, in their order, where any had another name
    MapsMade: "data group model image_id finding method validity height width",
    OnStructures: "data group model image_id cluster finding method structure share peak area",
    Predictions: "data group model image_id cluster finding label probability reason",
    Scores: "data group model image_id cluster finding reference method regions metric value seen"
    " validity reason",
    Shapes: "data image_id finding reference instances area_ratio elongation irrectangularity"
    " box_coverage",
}


class Fruit(Table):
    """One row per fruit."""

    name = "fruit"
    columns = {  # noqa: RUF012  as every table
        "kind": Column(pl.String, "what it is"),
        "weight": Column(pl.Float64, "in grams; nan: never weighed"),
    }


ROWS = [{"kind": kind, "weight": weight} for kind, weight in (("b", 1.0), ("a", 2.0), ("b", 3.0))]


def test_every_table_is_known_here():
    modules = [
        import_module(f"{tables.__name__}.{found.name}")
        for found in pkgutil.iter_modules(tables.__path__)
    ]
    classes = {
        value
        for module in modules
        for _, value in inspect.getmembers(module, inspect.isclass)
        if issubclass(value, Table) and value is not Table
    }
    assert classes == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_every_table_and_column_has_a_meaning(table):
    assert (table.__doc__ or "").startswith("One row per ") or "Predictions, with" in table.__doc__
    for name, column in table.columns.items():
        assert name.isidentifier()
        assert column.meaning.strip()
        assert not column.meaning.endswith(".")
    assert table.name


@pytest.mark.parametrize("table", TABLES)
def test_of_no_rows_there_is_a_table_with_every_column(table):
    empty = table.of_rows([])
    assert len(empty) == 0
    assert empty.frame.schema == pl.Schema(table.schema())
    assert list(empty.frame.columns) == list(table.columns)


@pytest.mark.parametrize("table", TABLES)
def test_what_a_row_does_not_hold_is_null(table):
    first = next(iter(table.columns))
    frame = table.of_rows([{}]).frame
    assert frame.row(0) == (None,) * len(table.columns)
    assert first in frame.columns


@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_lacks_a_column_is_refused(table):
    for column in table.columns:
        frame = table.of_rows([]).frame.drop(column)
        with pytest.raises(ValueError, match=f"{table.__name__} lacks the columns {column}"):
            table(frame)


def test_all_columns_that_are_lacking_are_named():
    with pytest.raises(ValueError, match="Fruit lacks the columns kind, weight"):
        Fruit(pl.DataFrame({"colour": ["red"]}))
    more = pl.DataFrame(ROWS).with_columns(colour=pl.lit("red"))
    assert Fruit(more).frame.columns == ["kind", "weight", "colour"]


@pytest.mark.parametrize("table", BEFORE)
def test_files_of_the_last_version_are_read_as_todays(table):
    today = table.of_rows([dict.fromkeys(table.columns), {}]).frame
    numbered = today.with_columns(
        pl.format("{} {}", pl.lit(name), pl.int_range(pl.len())).alias(name)
        for name, kind in table.schema().items()
        if kind == pl.String
    )
    before = numbered.clone()
    before.columns = BEFORE[table].split()
    assert set(before.columns) - set(table.columns)
    assert table.of_file(before).frame.equals(numbered)
    assert table.of_file(numbered).frame.equals(numbered)


def test_a_model_of_the_last_version_is_a_member_and_its_group_the_model():
    old = {"data": "films", "group": "cross-fitted", "model": "fold 1", "reference": "alice"}
    row = {name: old.get(name) for name in BEFORE[Scores].split()}
    read = Scores.of_file(pl.DataFrame([row], infer_schema_length=None)).frame.row(0, named=True)
    assert (read["model"], read["member"], read["reader"]) == ("cross-fitted", "fold 1", "alice")


def test_other_files_that_lack_a_column_are_refused():
    with pytest.raises(ValueError, match="Scores lacks the columns"):
        Scores.of_file(pl.DataFrame({"group": ["a"], "model": ["b"]}))


def test_where_keeps_the_rows_for_which_all_holds_in_their_order():
    table = Fruit.of_rows(ROWS)
    assert table.where(kind="b").frame["weight"].to_list() == [1, 3]
    assert table.where(pl.col("weight") > 1, kind="b").frame["weight"].to_list() == [3]
    assert table.where(pl.col("weight") > 1, pl.col("weight") < 3).frame["kind"].to_list() == ["a"]
    assert isinstance(table.where(), Fruit)
    assert len(table.where()) == len(table) == 3
    assert len(table.where(kind="c")) == 0


def test_by_yields_the_rows_of_each_value_in_the_order_of_the_first():
    parts = [(key, part.frame["weight"].to_list()) for key, part in Fruit.of_rows(ROWS).by("kind")]
    assert parts == [(("b",), [1, 3]), (("a",), [2])]
    both = [
        key for key, part in Fruit.of_rows(ROWS).by("kind", "weight") if isinstance(part, Fruit)
    ]
    assert both == [("b", 1), ("a", 2), ("b", 3)]
    assert list(Fruit.of_rows([]).by("kind")) == []
