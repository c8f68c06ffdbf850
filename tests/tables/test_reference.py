"""The reference of the tables is that of the code, and every file of a run is in it."""

import re
import runpy

import polars as pl
import pytest

from heatproof.experiment.file import load
from heatproof.report.paper.files import tables as paper_tables
from heatproof.report.paper.meanings import COMMON, MEANINGS, meanings
from heatproof.run.pipeline import run
from tests.conftest import ROOT
from tests.report import trial

SCRIPT = ROOT / "docs/tables.py"
REST = """
[score]
metrics = ["iou(binarize=tuned(grid=(0.3, 0.6)))", "pointwise_ap"]
structures = ["Square"]
controls = []
tune = "tuning"

[trust]
criteria = ["input_noise(std=[0.02])"]

[fidelity]
metrics = ["deletion(steps=4)"]
"""


@pytest.fixture(scope="module")
def documented():
    """By heading of the page, names and types of the columns below it."""
    page = (ROOT / "docs/reference/tables.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return {
        name: dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", text, re.MULTILINE))
        for heading, text in sections
        for name in re.findall(r"`([^`]+)`", heading)
        if not heading.startswith("What")
    }


@pytest.fixture(scope="module")
def paper():
    """By file below ``tables/``, the header of its CSV."""
    page = (ROOT / "docs/reference/tables.md").read_text(encoding="utf-8")
    sections = re.findall(r"^### `tables/(\w+)\.csv`\n(.*?)(?=^##|\Z)", page, re.M | re.S)
    ends = {"number with interval": ("", " low", " high")}
    return {
        f"{name}.csv": [
            f"{column}{end}"
            for column, kind in re.findall(r"^\| (.+?) \| (.+?) \| .+ \|$", text, re.M)
            if column != "column"
            for end in ends.get(kind, ("",))
        ]
        for name, text in sections
    }


def test_the_page_is_that_of_the_code():
    script = runpy.run_path(str(SCRIPT))
    page = script["page"]()
    assert script["PAGE"].read_text(encoding="utf-8") == page, "python docs/tables.py"
    assert not re.findall(r"^\| `\w+` .*\|  \|$", page, re.MULTILINE)


def test_every_table_of_a_run_is_documented_with_its_columns(squares, documented, paper):
    text = squares.read_text()
    start, end = text.index("[[data]]"), text.index("[[models]]")
    films = text[start:end].rstrip()
    judged = f'{films}\nwhere = {{ fold = "1" }}\n\n'
    other = films.replace('"films"', '"tuning"', 1)
    tuning = f'{other}\nwhere = {{ fold = "0" }}\njudged = false\n\n'
    rest = text[end:].replace('trained_on = { fold = "0" }\njudges = { fold = "1" }\n', "")
    text = text[:start] + judged + tuning + rest
    text = text.replace("gallery = 1", "gallery = 0").replace(
        ', "occlusion(window=8, stride=8)"', ""
    )
    squares.write_text(text + REST)
    folder = run(load(squares)).parent
    tables = {
        path.relative_to(folder): pl.read_parquet(path).columns
        if path.suffix == ".parquet"
        else pl.read_csv(path).columns
        for path in folder.rglob("*")
        if path.suffix in (".parquet", ".csv")
    }
    for path in [path for path in tables if path.parts[0] == "tables"]:
        assert tables.pop(path) == paper[path.name], path
    beside = {path.name for path in tables if len(path.parts) == 1}
    of_runs = {name for name in documented if not name.startswith("sweep")}
    assert beside == {name for name in of_runs if not name.endswith("/")}
    folders = {f"{path.parts[0]}/" for path in tables if len(path.parts) > 1}
    page = (ROOT / "docs/reference/tables.md").read_text(encoding="utf-8")
    units = re.findall(r"`(\w+/)`", page.partition("## Units")[2])
    assert folders == set(units)
    for path, columns in tables.items():
        names = [path.name, f"{path.parts[0]}/", f"{path.parts[0]}.parquet"]
        expected = next(documented[name] for name in names if name in documented)
        if len(path.parts) > 1 and path.parts[0] == "predictions":
            expected = {name: kind for name, kind in expected.items() if name != "threshold"}
        assert columns == list(expected), path
    for name in ("shapes", "comparisons", "diagnosis"):
        table = pl.read_parquet(folder / f"{name}.parquet")
        written = pl.read_csv(folder / f"{name}.csv", schema=table.schema)
        assert written.equals(table.with_columns(pl.col(pl.Float64).fill_nan(None)))


def test_every_column_that_the_page_shows_is_explained_and_no_other():
    shown = {table.name: table for table in paper_tables(trial.usual())}
    assert set(shown) == set(MEANINGS)
    for name, table in shown.items():
        headings = {column.name for column in table.columns}
        assert set(meanings(table)) == headings
        assert set(MEANINGS[name]) <= headings
    assert set(COMMON) <= {column.name for table in shown.values() for column in table.columns}
