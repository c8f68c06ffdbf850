"""What every format promises: what it writes it reads, and each mask stays what it was."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from heatproof.data.annotations import Boxes, Outline, Points, RotatedBox, encode
from heatproof.data.annotations.formats import formats, guessed
from heatproof.data.annotations.holding import Losses, fitted, kind_of
from heatproof.data.annotations.marks import Beside, Mark, MarkedFilm, Markings, Origin
from tests.runs.radiograph import write_radiograph

SIZE = 20, 26
READERS = ("reference", "anna@x.org")
SPECS = sorted({*formats.names(), "kaggle_rle(relative=True)", "voc(counted_from=1)"})
NEVER_GUESSED = {"kaggle_rle", "chexlocalize_masks"}
ENDINGS = {"cvat": ".xml", "via": ".csv", "kaggle_rle": ".csv"}
FOLDERS = {"labelme", "voc", "yolo", "masks", "nifti", "dicom_seg", "dicom_sr"}
FEW = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def named(spec):
    return spec.partition("(")[0]


@pytest.fixture
def beside(tmp_path):
    """Films that are DICOM files, to which segmentations can refer, under the names of pictures."""
    for number, name in enumerate(("a.png", "b.png")):
        Image.new("L", SIZE[::-1]).save(tmp_path / name)
        write_radiograph(tmp_path / name, tmp_path / name.replace("png", "dcm"), number)
    return Beside({name: tmp_path / name.replace("png", "dcm") for name in ("a.png", "b.png")})


# Plain values, of which the test makes shapes: beartype, which looks at each, draws lots.
BITS = st.tuples(st.booleans(), st.binary(min_size=65, max_size=65))
DRAWN = st.tuples(
    st.integers(0, 4), st.integers(1, 16), st.integers(0, 12), st.integers(2, 8),
    st.integers(2, 7), st.integers(1, 359), BITS,
)  # fmt: skip
MARKS = st.lists(
    st.tuples(st.sampled_from(("Nodule", "Pleural Effusion")), DRAWN, st.sampled_from(READERS)),
    max_size=3,
)
FILMS = st.tuples(MARKS, MARKS)


def mask_of(bits):
    coarse, packed = bits
    cells = (SIZE[0] // 2, SIZE[1] // 2) if coarse else SIZE
    mask = np.unpackbits(np.frombuffer(packed, np.uint8))[: cells[0] * cells[1]].reshape(cells)
    mask = np.kron(mask, np.ones((2, 2))) if coarse else mask
    mask = mask.astype(bool)
    mask[3, 4] = True  # never empty
    return mask


def shape_of(drawn):
    kind, x, y, w, h, degrees, bits = drawn
    match kind:
        case 0:
            return Boxes(((float(x), float(y), float(x + w), float(y + h)),))
        case 1:
            return RotatedBox(13.0, 10.0, float(w), float(h), float(degrees))
        case 2:
            corners = (x, y), (x + w, y), (x + w, y + h), (x + w // 2, y + h // 2), (x, y + h)
            return Outline((tuple((float(a), float(b)) for a, b in corners),), SIZE)
        case 3:
            return Points(((x + 0.5, y + 0.5),))
    return encode(mask_of(bits), 1)


def films_of(drawn):
    made = []
    for name, of_film in zip(("a.png", "b.png"), drawn, strict=True):
        marks = tuple(Mark(finding, shape_of(shape), who) for finding, shape, who in of_film)
        looked = tuple(dict.fromkeys(mark.reader for mark in marks)) or ("reference",)
        made.append(MarkedFilm(name, SIZE, marks, looked))
    return made


def place(folder, spec):
    name = named(spec)
    return folder / (name if name in FOLDERS else f"marks{ENDINGS.get(name, '.json')}")


def through(spec, given_films, folder, beside):
    """What is read of what was written."""
    part = formats.parse(spec)
    if not part.holds.readers:  # ``convert`` writes a file for each reader
        given_films = [
            replace(film, marks=tuple(replace(mark, reader="reference") for mark in film.marks))
            for film in given_films
        ]
    losses = Losses()
    given_films = [replace(film, origin=Origin(beside.images[film.name])) for film in given_films]
    shaped = fitted(given_films, part.holds, losses)
    target = place(folder, spec)
    part.write(shaped, target)
    return shaped, part.read(target, beside), losses


def pixels(films, *keys):
    """Masks joined by film, and by the keys of a mark."""
    joined = {}
    for film in films:
        for mark in film.marks:
            key = film.name, *(getattr(mark, each) for each in keys)
            joined[key] = joined.get(key, np.zeros(SIZE, bool)) | mark.shape.mask(*SIZE)
    return joined


def same(one, other):
    assert one.keys() == other.keys()
    for key, mask in one.items():
        np.testing.assert_array_equal(mask, other[key], err_msg=str(key))


@pytest.mark.parametrize("spec", SPECS)
@FEW
@given(FILMS)
def test_what_is_written_is_read(spec, tmp_path_factory, beside, drawn):
    given_films = films_of(drawn)
    kinds = {kind_of(mark.shape) for film in given_films for mark in film.marks}
    assume(kinds - {"points"})  # which few formats hold
    folder = tmp_path_factory.mktemp("written")
    shaped, read, _ = through(spec, given_films, folder, beside)
    assert isinstance(read, Markings)
    assert read.strays == ()
    keys = ("finding", "reader")
    same(pixels(shaped, *keys), pixels(read.films, *keys))
    holds = formats.parse(spec).holds
    for film in read.films:
        assert film.name in ("a.png", "b.png")
        assert not holds.sizes or film.size == SIZE or not film.marks
        assert all(kind_of(mark.shape) in holds.shapes for mark in film.marks)
    if holds.things:
        count = {film.name: len(film.marks) for film in shaped if film.marks}
        assert count == {film.name: len(film.marks) for film in read.films if film.marks}
    listed = {film.name for film in read.films}
    if holds.empty and any(film.marks for film in given_films):
        assert listed == {"a.png", "b.png"}


@pytest.mark.parametrize("spec", SPECS)
@FEW
@given(FILMS)
def test_what_is_lost_is_told(spec, drawn):
    """The pixels of a film change only where something says so, and nothing vanishes in silence."""
    holds, given_films = formats.parse(spec).holds, films_of(drawn)
    losses = Losses()
    shaped = fitted(given_films, holds, losses)
    told = " ".join(losses.told())
    before, after = pixels(given_films, "finding"), pixels(shaped, "finding")
    for key, mask in before.items():
        if not np.array_equal(mask, after.get(key, np.zeros(SIZE, bool))):
            assert any(word in told for word in ("around", "holes", "points: left out")), told
    lost = {kind_of(m.shape) for film in given_films for m in film.marks} - holds.shapes
    assert all(kind in told for kind in lost)


@pytest.mark.parametrize("spec", SPECS)
def test_it_is_told_by_its_content(spec, tmp_path, beside):
    film = MarkedFilm(
        "a.png", SIZE, (Mark("Nodule", Boxes(((2.0, 3.0, 9.0, 8.0),))),), ("reference",)
    )
    folder = tmp_path / "written"
    folder.mkdir()
    through(spec, [film], folder, beside)
    if named(spec) not in NEVER_GUESSED:
        assert guessed(place(folder, spec)) == named(spec)


@pytest.mark.parametrize("spec", [s for s in SPECS if formats.parse(s).holds.lookers])
def test_who_looked_and_drew_nothing_is_told(spec, tmp_path, beside):
    mark = Mark("Nodule", Boxes(((2.0, 3.0, 9.0, 8.0),)), "anna@x.org")
    films = [
        MarkedFilm("a.png", SIZE, (mark,), ("anna@x.org", "ben@x.org")),
        MarkedFilm("b.png", SIZE, (), ("ben@x.org",)),
    ]
    _, read, _ = through(spec, films, tmp_path, beside)
    assert {film.name: {*film.readers} for film in read.films} == {
        "a.png": {"anna@x.org", "ben@x.org"}, "b.png": {"ben@x.org"},
    }  # fmt: skip


@given(BITS)
@FEW
def test_edges_and_rims_of_a_mask_hold_the_mask(bits):
    from heatproof.data.annotations import Polygons
    from heatproof.data.annotations.contours import edges, parts, rims

    mask = mask_of(bits)
    filled = np.zeros(SIZE, bool)
    for part in parts(mask):
        filled |= Outline(*[edges(part)[0]], None, edges(part)[1]).mask(*SIZE)
    np.testing.assert_array_equal(filled, mask)
    without_holes = Polygons(rims(mask), SIZE, 1).mask(*SIZE)
    assert (without_holes >= mask).all()
