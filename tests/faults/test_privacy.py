"""A report can be sent to somebody: it names no folder of the machine and no patient."""

import pytest

from heatproof.escaping import without_folders, without_quoted_folders
from heatproof.experiment.file import load
from heatproof.run.pipeline import run


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/home/jo/films/a b.png: there is no such file", "a b.png: there is no such file"),
        ("cannot read '/data/x/y.csv'", "cannot read 'y.csv'"),
        ("C:\\Users\\jo\\a.png: damaged", "a.png: damaged"),
        (
            "see https://doi.org/10.1/x/y, and/or 1 / 2",
            "see https://doi.org/10.1/x/y, and/or 1 / 2",
        ),
        ("boxes/a.json, line 3", "boxes/a.json, line 3"),
        ("/odd, 'place'/films/a.png: no", "a.png: no"),
    ],
)
def test_a_message_keeps_names_and_loses_folders(text, kept):
    assert without_folders(text, ["/odd, 'place'/films"]) == kept


def test_an_experiment_keeps_names_and_loses_folders():
    text = 'csv = "/home/jo/films.csv"\noutput = \'~/out\'\nmodule = "net.py:f"\nx = "a/b"\n'
    kept = 'csv = "…/films.csv"\noutput = \'…/out\'\nmodule = "net.py:f"\nx = "a/b"\n'
    assert without_quoted_folders(text) == kept


def test_no_page_and_no_table_of_it_names_a_folder_or_a_patient(squares):
    folder = squares.parent
    (folder / "film3.png").write_bytes(b"damaged")
    (folder / "film4.png").unlink()
    table = folder / "films.csv"
    for number in range(6):
        table.write_text(table.read_text().replace(f",p{number},", f",Doe^Jane{number},"))
    text = squares.read_text().replace('csv = "films.csv"', f'csv = "{table}"')
    squares.write_text(f'missing = "set aside"\n{text}')
    report = run(load(squares))
    shared = [report, *(report.parent / "tables").iterdir(), *(report.parent / "figures").iterdir()]
    assert len(shared) > 5
    for file in shared:
        content = file.read_bytes()
        assert str(folder).encode() not in content, file
        assert b"Doe^Jane" not in content, file
    assert "film3.png" in report.read_text()  # that it was set aside, and why
    assert "…/films.csv" in report.read_text()
