"""What an experiment knows of its films before work starts."""

import pytest
from PIL import Image

from heatproof.errors import DataError
from heatproof.experiment.file import load
from heatproof.experiment.films import matching, open_data
from heatproof.run.pipeline import run
from tests.data.test_pixels import BYTES, write_dicom


def opened(file):
    (films,) = open_data(load(file)).values()
    return films


def rewrite(file, old, new):
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_values_are_found_in_another_spelling(squares):
    films = opened(squares)
    for value in ("1", "1.0"):
        assert [s.image_id for s in matching(films, {"fold": value}, "here")] == [
            f"f{n}" for n in range(2, 12)
        ]
    assert matching(films, {"fold": "01"}, "here") == ()
    table = squares.parent / "films.csv"
    rewrite(table, ",p0,0,", ",p0,01,")
    films = opened(squares)  # now a column of names
    assert len(matching(films, {"fold": "01"}, "here")) == 2
    assert len(matching(films, {"fold": "1"}, "here")) == 10


def test_a_patient_under_two_spellings_is_told(squares):
    text = squares.read_text()
    start, end = text.index("[[data]]"), text.index("[[models]]")
    more = text[start:end].replace('"films"', '"others"').replace("films.csv", "others.csv")
    squares.write_text(text[:end] + more + text[end:])
    films = (squares.parent / "films.csv").read_text()
    (squares.parent / "films.csv").write_text(films.replace(",p0,", ",48,"))
    (squares.parent / "others.csv").write_text(films.replace(",p0,", ",48.0,"))
    with pytest.raises(DataError, match=r"'48' of 'films' and patient '48.0' of 'others'"):
        open_data(load(squares))
    (squares.parent / "others.csv").write_text(films.replace(",p0,", ",48,"))
    assert len(open_data(load(squares))) == 2


def test_strays_and_missing_masks_are_listed_and_the_run_goes_on(squares):
    rewrite(squares, '"grad_cam", "occlusion(window=8, stride=8)"', '"grad_cam"')
    rewrite(squares, 'boxes = "boxes"', 'boxes = "boxes"\nmask = "mask"')
    table = squares.parent / "films.csv"
    lines = table.read_text().splitlines()
    masks = ["mask"] + ["gone.png" if n == 5 else "" for n in range(12)]
    table.write_text("\n".join(",".join(row) for row in zip(lines, masks, strict=True)))
    text = table.read_text()
    table.write_text(text.replace('p1,1,1,"[[', 'p1,1,1,"[[5, 5, 0, 0], [', 1))
    with pytest.raises(DataError, match=r"gone.png: there is no such mask.*\n.*missing = \"set as"):
        open_data(load(squares))
    squares.write_text(f'missing = "set aside"\n{squares.read_text()}')
    films = opened(squares)
    assert [place for place, _ in films.marks] == ["f5", "f3"]
    assert len(films.usable) == len(films.samples) == 12
    page = run(load(squares)).read_text()
    assert "the box [5.0, 5.0, 0.0, 0.0] marks nothing" in page
    assert "gone.png: there is no such mask" in page


def test_a_misread_film_is_explained_anew_and_the_others_are_not(squares):
    """The names of what was made of a film follow from its version."""
    Image.fromarray(BYTES).save(squares.parent / "film0.png")
    before = {s.image_id: s.pixels.version() for s in opened(squares).samples}
    write_dicom(squares.parent / "film0.png", BYTES, RescaleSlope=1, RescaleIntercept=0)
    after = {s.image_id: s.pixels.version() for s in opened(squares).samples}
    assert {name for name in before if before[name] != after[name]} == {"f0"}
    assert after["f0"].endswith("read anew")
