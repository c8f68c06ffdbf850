"""The file of a study is refused where it contradicts itself, with the place and the cure."""

import pytest

from heatproof.errors import ExperimentError
from heatproof.reading.cases import Cases
from heatproof.reading.study import load
from tests.reading.conftest import DECIDE, OUTLINE


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        (OUTLINE.replace("contour", "contours"), "kind"),
        (OUTLINE + 'showz = ["none"]\n', "did you mean shows"),
        (DECIDE.replace("edges-map", "edge-map"), "did you mean edges-map"),
        (OUTLINE + 'instructions = "Use the edges-map."\n', "readers must not know"),
        (OUTLINE + OUTLINE, "two tasks are named 'Outline'"),
        (
            OUTLINE + OUTLINE.replace('"Outline"', '"outline"'),
            "tasks 'Outline' and 'outline' would be written into one file",
        ),
        (OUTLINE.replace("contour", "map_rating"), "asks about maps"),
        (OUTLINE.replace("contour", "failures") + 'shows = ["edges-map"]\n', "run names the run"),
    ],
)
def test_what_cannot_be_is_refused(written, tasks, said):
    with pytest.raises(ExperimentError, match=said):
        load(written(tasks))


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        (OUTLINE.replace("phantom5_000000", "phantom5_9"), "no film is called 'phantom5_9'"),
        (OUTLINE + "repeats = 9\n", "repeats = 9, and there are 7 films"),
        (DECIDE.replace('"Nodule"', '"Nodles"'), "did you mean Nodule"),
        (OUTLINE.replace('"Nodule"', '"Nodles"'), "did you mean Nodule"),  # it has training
    ],
)
def test_what_the_films_do_not_have_is_refused(written, tasks, said):
    with pytest.raises(ExperimentError, match=said):
        Cases.open(load(written(tasks)))


def test_nobody_is_both_reference_and_benchmark(written):
    path = written()
    path.write_text(path.read_text().replace('"Ada"', '"reference"'))
    with pytest.raises(ExperimentError, match="nobody can be both"):
        Cases.open(load(path))
    path.write_text(path.read_text().replace('"Bo"', '"Reference"'))
    with pytest.raises(ExperimentError, match="two readers"):
        load(path)
