"""A pilot is a few films, apart from the results of the whole, and says what it is."""

import pytest

from heatproof import cli
from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from tests.squares import write_films


def films_of(file, most):
    work = open_workspace(load(file, {"pilot": most}))
    return [sample for one in work.assignments for sample in one.samples], work


def test_a_pilot_has_films_with_and_without_the_finding_and_those_that_trained(squares):
    write_films(squares.parent, 40)
    judged, work = films_of(squares, 7)
    every = work.data["films"].samples
    assert len(every) == 7
    assert sum(sample.metadata["fold"] == 0.0 for sample in every) == 1  # who trained the model
    positives = sum(sample.labels["Square"] is True for sample in judged)
    assert len(judged) == 6
    assert positives == 3
    again, _ = films_of(squares, 7)
    assert [sample.image_id for sample in again] == [sample.image_id for sample in judged]


def test_a_pilot_larger_than_the_data_is_all_of_them(squares):
    judged, work = films_of(squares, 1000)
    assert len(work.data["films"].samples) == 12
    assert len(judged) == 10


@pytest.mark.parametrize("output", ['output = "out"\n', ""])
def test_a_pilot_never_writes_among_the_results_of_the_whole(squares, output):
    squares.write_text(squares.read_text().replace('output = "out"\n', output))
    whole, pilot = load(squares).output_folder, load(squares, {"pilot": 7}).output_folder
    assert pilot == whole.with_name(f"{whole.name}-pilot-7")


def test_the_report_of_a_pilot_says_that_it_is_one_and_how_it_was_made(squares, capfd):
    cli._run(squares, "report", None, films=6, quiet=True)
    page = (squares.parent / "out-pilot-6/report.html").read_text()
    assert page.index("This is a pilot: at most 6 films") < page.index("<table")
    assert "Squares (pilot)" in page
    assert "heatproof run squares.toml --films 6" in page
    assert not (squares.parent / "out").exists()
