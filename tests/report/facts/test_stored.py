"""How films were read is said once for each way, and films unlike the others by name."""

from heatproof.report.facts.stored import stored_films
from heatproof.tables.headers import Headers

USUAL = {
    "data": "films", "format": "DICOM", "height": 2000, "width": 2500, "bits": 12,
    "photometric": "MONOCHROME1", "levels": "window", "centre": 2000.0, "window": 4000.0,
}  # fmt: skip


def stored(*changes, judged=None):
    rows = [USUAL | {"image_id": f"f{n}"} | change for n, change in enumerate(changes)]
    judged = judged or {("films", row["image_id"]) for row in rows}
    return list(stored_films(Headers.of_rows(rows), "films", judged))


def test_films_of_one_kind_are_one_line():
    (way,) = stored({}, {"height": 2100, "centre": 1900.0}, {"data": "others"})
    assert (way.films, way.format, way.bits) == (2, "DICOM", 12)
    assert (way.photometric, way.levels) == ("MONOCHROME1", "window")
    assert way.sizes == "2,000 to 2,100 × 2,500"
    assert way.windows == "centre 1,900 to 2,000, width 4,000"
    assert way.names == way.outliers == ()


def test_the_usual_way_comes_first_and_a_rare_one_names_its_films():
    png = {"format": "PNG", "bits": 8, "photometric": "grey", "levels": "0 to 255", "window": None}
    first, second = stored(png, *[{}] * 30)
    assert (first.films, first.names) == (30, ())
    assert (second.films, second.names, second.windows) == (1, ("f0",), "")
    # Half and half, none is unlike the others.
    assert [way.names for way in stored(png, png, {}, {})] == [(), ()]


def test_films_far_from_the_others_are_named():
    (way,) = stored({"height": 200}, {"window": 9.0}, {"window": 9000.0}, *[{}] * 30)
    assert way.outliers == (
        "1 film unlike the others, which are about 2,000 high: f0 (200)",
        "2 films unlike the others, whose windows are about 4,000 wide: f1 (9) and f2 (9,000)",
    )


def test_only_judged_films_are_described():
    assert stored({}, {}, judged={("films", "f1")})[0].films == 1
    assert stored({}, judged={("others", "f0")}) == []
