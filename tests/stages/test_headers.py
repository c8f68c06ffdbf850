"""Headers are read once, of the films that files hold."""

import numpy as np
from PIL import Image

from heatproof.data.pixels import ImageFile
from heatproof.experiment.file import load
from heatproof.experiment.workspace import open_workspace
from heatproof.report.facts.stored import stored_films
from heatproof.stages.headers import headers
from heatproof.tables.headers import Headers


def test_every_film_that_can_be_read_is_described_once(squares, monkeypatch):
    folder = squares.parent
    Image.fromarray(np.zeros((96, 160), np.uint16)).save(folder / "film1.png")
    (folder / "film2.png").write_bytes(b"nothing")
    work = open_workspace(load(squares))
    found = headers(work.headers, work.data)
    assert found.frame["image_id"].to_list() == [f"f{n}" for n in range(12) if n != 2]
    described = found.frame.filter(image_id="f1").row(0, named=True)
    assert described == {
        "data": "films", "image_id": "f1", "format": "PNG", "height": 96, "width": 160, "bits": 16,
        "photometric": "grey", "levels": "0 to 65535", "centre": None, "window": None,
    }  # fmt: skip
    monkeypatch.setattr(ImageFile, "header", None)  # from its unit
    assert headers(work.headers, work.data).frame.equals(found.frame)


def test_of_films_in_memory_the_size_is_known(squares):
    text = squares.read_text()
    start, end = text.index("dataset ="), text.index("[[models]]")
    squares.write_text(f'{text[:start]}dataset = "phantom"\nimages = 8\n\n{text[end:]}')
    rest = squares.read_text().replace("trained_on", "# ").replace("judges", "# ")
    squares.write_text(rest.replace('"Square"', '"Nodule"'))
    work = open_workspace(load(squares))
    found = headers(work.headers, work.data).frame
    sizes = {sample.image_id: sample.pixels.size() for sample in work.data["films"].samples}
    rows = found.select("image_id", "height", "width").rows()
    assert {name: (height, width) for name, height, width in rows} == sizes
    assert set(found["format"]) == {"memory"}
    assert found["bits"].null_count() == len(found)
    every = {("films", name) for name in sizes}
    assert not list(stored_films(Headers(found), "films", every))  # the page says nothing of files
