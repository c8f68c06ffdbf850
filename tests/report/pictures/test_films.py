"""The picture of a data set shows films with and without what is looked for."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from heatproof.data.datasets.phantom import Phantom
from heatproof.data.decoded import SamplesInMemory
from heatproof.data.pixels import ImageFile
from heatproof.errors import DataError
from heatproof.report.pictures.contact_sheet import contact_sheet
from heatproof.report.pictures.films import MOST, _tile, picture_of

FILMS = [*Phantom(images=40, size=48)]


def opened(png):
    return Image.open(io.BytesIO(png)).convert("RGB")


def test_it_shows_as_many_films_as_it_may() -> None:
    few, many = (opened(picture_of(SamplesInMemory(("Nodule",), tuple(films))))
                 for films in (FILMS[:2], FILMS))  # fmt: skip
    assert many.width > few.width
    sheet = contact_sheet([_tile(film) for film in FILMS[:MOST]])
    assert many.size == opened(sheet).size


def test_marks_are_outlined_and_films_that_cannot_be_read_are_passed_over(tmp_path) -> None:
    marked = next(film for film in FILMS if film.annotations)
    gone = [
        replace(film, pixels=ImageFile(tmp_path / "gone.png"))
        for film in FILMS
        if film is not marked
    ]
    data = SamplesInMemory(tuple(marked.labels), (*gone[:5], marked))
    colours = np.asarray(opened(picture_of(data))).reshape(-1, 3)
    assert (colours == (255, 196, 0)).all(axis=1).sum() > 10
    bare = SamplesInMemory(("Nodule",), (replace(marked, annotations=()),))
    colours = np.asarray(opened(picture_of(bare))).reshape(-1, 3)
    assert not (colours == (255, 196, 0)).all(axis=1).any()


def test_what_is_said_of_a_film() -> None:
    film = next(film for film in FILMS if film.annotations)
    [finding] = film.labels
    assert _tile(film).lines == (finding, f"marked: {finding}")
    assert _tile(replace(film, labels={finding: None})).lines[0] == f"{finding}?"
    assert _tile(replace(film, labels={finding: False}, annotations=())).lines == (
        "no finding", "marked: nothing",
    )  # fmt: skip
    assert _tile(replace(film, labels={})).lines[0] == "no label"


def test_no_film_no_picture(tmp_path) -> None:
    gone = replace(FILMS[0], pixels=ImageFile(tmp_path / "gone.png"))
    with pytest.raises(DataError, match="no film can be read"):
        picture_of(SamplesInMemory(("Nodule",), (gone,)))
