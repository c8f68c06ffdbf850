"""A report can be sent to somebody: it names no folder of the machine and no patient."""

import polars as pl
import pytest

from heatproof.data.pseudonyms import Pseudonyms
from heatproof.errors import HeatproofError
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


def identified(squares):
    """The squares under names that identify people; one film is damaged, and one is gone."""
    folder = squares.parent
    table = (folder / "films.csv").read_text()
    for number in range(12):
        table = table.replace(f"film{number}.png", f"MRN7{number:02}.png")
        table = table.replace(f",p{number},", f",Doe^Jane{number},")
        table = table.replace(f"\nf{number},", f"\nMRN7id{number},")
        (folder / f"film{number}.png").rename(folder / f"MRN7{number:02}.png")
    (folder / "films.csv").write_text(table)
    (folder / "MRN703.png").write_bytes(b"damaged")
    (folder / "MRN704.png").unlink()
    squares.write_text('missing = "set aside"\n' + squares.read_text())
    return squares


@pytest.mark.slow
def test_a_run_under_pseudonyms_holds_no_identifier_and_the_same_numbers(squares) -> None:
    named = run(load(identified(squares))).parent
    (squares.parent / "study.key").write_bytes(b"0123456789abcdef")
    overrides = {"output": "hidden", "pseudonyms": "study.key"}
    hidden = run(load(squares, overrides)).parent
    files = [file for file in hidden.rglob("*") if file.is_file()]
    assert len(files) > 20
    for file in files:
        content = file.read_bytes()
        for word in (b"MRN7", b"Doe^Jane"):
            assert word not in content, file
        assert "MRN7" not in str(file.relative_to(hidden))
    page = (hidden / "report.html").read_text()
    pseudonyms = Pseudonyms(b"0123456789abcdef")
    for gone in ("MRN7id3", "MRN7id4"):
        assert pseudonyms.of("film", gone) in page
    films = pl.read_parquet(hidden / "films.parquet")
    assert pseudonyms.of("patient", "Doe^Jane0") in films["patient"].to_list()
    first, second = (pl.read_parquet(of / "estimates.parquet") for of in (named, hidden))
    # The random control draws by the names of films.
    first, second = (each.filter(pl.col("method") != "random") for each in (first, second))
    assert len(first) > 30
    assert first["value"].to_list() == pytest.approx(second["value"].to_list(), nan_ok=True)


def test_maps_that_are_named_by_films_are_refused_under_pseudonyms(squares) -> None:
    text = squares.read_text() + '[[maps]]\nname = "theirs"\ndata = "films"\nfolder = "maps"\n'
    text += 'importer = "npy"\nmethod = "grad_cam"\nid = { architecture = "theirs" }\n'
    squares.write_text('pseudonyms = "study.key"\n' + text)
    with pytest.raises(HeatproofError, match=r"pseudonyms and \[\[maps\]\]"):
        load(squares)
