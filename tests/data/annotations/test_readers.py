"""Which reader counts: the rule, whatever the order; and no result that depends on that order."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import polars as pl
import pytest

from heatproof.data.annotations import Boxes
from heatproof.data.annotations.readers import first_of, ranked, ranked_readers, shared
from heatproof.data.datasets import datasets
from heatproof.data.datasets.phantom import Phantom
from heatproof.experiment.file import load
from heatproof.run.pipeline import run
from heatproof.tables.films import Films
from heatproof.types import REFERENCE, Annotation, Sample
from tests.squares import NETWORK

BOX = Boxes(((0, 0, 1, 1),))


def film(*readers, finding="Edema"):
    return tuple(Annotation(finding, reader, BOX) for reader in readers)


@pytest.mark.parametrize(
    ("films", "order"),
    [
        ({"ann": 3, REFERENCE: 1, "bob": 5}, (REFERENCE, "bob", "ann")),
        ({"ann": 3, "bob": 5, "carl": 1}, ("bob", "ann", "carl")),
        ({"bob": 2, "carl": 3, "ann": 2}, ("carl", "ann", "bob")),
        ({"bob": 2, "Ann": 2, "ann": 2}, ("Ann", "ann", "bob")),
        ({"bob": 1}, ("bob",)),
        ({}, ()),
    ],
)
def test_the_reference_counts_then_who_marked_most_then_the_first_by_name(films, order):
    for names in permutations(films):
        assert ranked({name: films[name] for name in names}) == order


def test_films_are_counted_once_in_whatever_order_they_and_their_readers_are():
    marked = [film("bob", "ann", "bob", "bob"), film("ann"), film("bob"), film("ann", "bob")]
    expected = {"Edema": ("ann", "bob")}  # three films each
    for films in permutations(marked):
        assert ranked_readers(films) == expected
        assert ranked_readers([film[::-1] for film in films]) == expected
    assert ranked_readers([*marked, film("bob")]) == {"Edema": ("bob", "ann")}


def test_every_finding_has_an_order_of_its_own():
    marks = [film("ann", "bob"), film("bob") + film("ann", finding="Mass"), ()]
    assert ranked_readers(marks) == {"Edema": ("bob", "ann"), "Mass": ("ann",)}
    assert ranked_readers([]) == {}


def test_on_one_film_the_first_who_marked_it_counts():
    ranking = {"Edema": ("carl", "bob", "ann")}
    for names in permutations(("ann", "bob")):
        assert first_of(ranking, film(*names), "Edema") == "bob"
    assert first_of(ranking, film("ann"), "Edema") == "ann"
    assert first_of(ranking, film("bob", finding="Mass"), "Edema") is None
    assert first_of({}, film("bob"), "Edema") is None


def test_an_order_decides_only_where_several_marked_one_film():
    marks = [film("ann"), film("bob"), film("bob", finding="Mass") + film("ann", finding="Mass")]
    ranking = ranked_readers(marks)
    assert shared(ranking, marks) == {"Mass": ("ann", "bob")}
    assert shared(ranking, marks[:2]) == {}
    assert shared({"Edema": ("ann", "bob")}, marks) == {}


def test_the_table_of_films_says_the_same():
    pixels = Phantom(images=1, size=32)[0].pixels
    marks = [film("bob", "ann"), film("bob"), film("carl", REFERENCE, finding="Mass")]
    for order in permutations(marks):
        films = [Sample(f"f{i}", pixels, annotations=each) for i, each in enumerate(order)]
        readers = Films.of({"d": films}).counting().readers
        assert readers == {("d", "Edema"): "bob", ("d", "Mass"): REFERENCE}


@dataclass(frozen=True)
class ReadTwice:
    """Bright squares, and a tube, each outlined by two readers."""

    first: int = 0
    count: int = 24
    turned: bool = False

    findings = ("Square",)

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        number = self.first + index
        x, y = np.random.default_rng(number).integers(2, 12, 2).tolist()
        drawn = {
            "ann": {"Square": (x, y, x + 16, y + 16), "Tube": (20, 0, 26, 30)},
            REFERENCE: {
                "Square": (x + 4, y + 3, x + 30, y + 9 + index % 7),
                "Tube": (0, 20, 30, 27),
            },
        }
        marks = tuple(
            Annotation(finding, reader, Boxes((drawn[reader][finding],)))
            for finding in ("Square", "Tube")
            for reader in (sorted(drawn)[::-1] if self.turned else sorted(drawn))
        )
        has = bool(number % 2)
        pixels = Phantom(images=self.first + self.count, seed=1, size=48)[number].pixels
        return Sample(
            f"f{number}", pixels, f"p{number}", labels={"Square": has}, annotations=marks * has
        )


EXPERIMENT = """
name = "Two readers"
output = "OUTPUT"

[[data]]
name = "films"
dataset = "read_twice"
turned = TURNED

[[data]]
name = "tuning"
dataset = "read_twice"
first = 24
count = 8
turned = TURNED
judged = false

[[models]]
name = "bright"
module = "network.py:build"
features = "features"
findings = ["Square"]
scaling = { geometry = "squash(height=48, width=48)", channels = 1, mean = [0], std = [1] }
id = { architecture = "bright" }

[explain]
methods = ["grad_cam"]

[score]
metrics = ["auprc", "iou(binarize=tuned(grid=(0.3, 0.6)))", "pointwise_ap"]
structures = ["Tube"]
controls = ["readers"]
tune = "tuning"

[trust]
criteria = ["input_noise(std=[0.02])"]

[statistics]
resamples = 100
min_positives = 1

[report]
gallery = 0
"""


@pytest.mark.slow
def test_no_result_depends_on_the_order_in_which_films_list_their_readers(tmp_path, monkeypatch):
    monkeypatch.setitem(datasets._classes, "read_twice", ReadTwice)
    (tmp_path / "network.py").write_text(NETWORK)
    file, tables = tmp_path / "readers.toml", []
    for turned in ("false", "true"):
        file.write_text(EXPERIMENT.replace("TURNED", turned).replace("OUTPUT", f"out {turned}"))
        folder = run(load(file)).parent
        written = [path for path in sorted(folder.glob("*.parquet")) if path.stem != "films"]
        tables.append({path.stem: pl.read_parquet(path) for path in written})
    first, second = tables
    assert set(first) == set(second) >= {
        "estimates", "scores", "shapes", "structures", "diagnosis", "trust", "verdicts", "tuned",
    }  # fmt: skip
    assert set(first["scores"]["reader"]) == {"ann", REFERENCE}
    for name in first:
        one, other = (table[name].select(pl.exclude(pl.List)) for table in tables)
        assert len(one) == len(other)
        assert one.sort(pl.all()).equals(other.sort(pl.all())), name
