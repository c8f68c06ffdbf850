"""The trust table of methods whose truth was planted, on films and networks of a few pixels."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from heatproof.data.annotations import Boxes
from heatproof.data.datasets import datasets
from heatproof.data.datasets.manifest import Manifest
from heatproof.errors import ExperimentError, ModelError
from heatproof.experiment.file import load
from heatproof.experiment.settings import BY_DEFAULT
from heatproof.run.pipeline import run
from heatproof.saliency import Maps, Need, methods
from heatproof.saliency.forward import ForwardPass
from heatproof.tables.pairs import Pairs
from tests.run.test_pipeline import Counting
from tests.squares import EXPERIMENT, write_films

NETWORK = '''
import torch
from torch import nn

class Small(nn.Module):
    """Untrained, and as good as any other for what is planted here."""

    def __init__(self, width):
        super().__init__()
        norm = nn.BatchNorm2d(width)
        self.first = nn.Sequential(nn.Conv2d(1, width, 5, 4, 2), norm, nn.ReLU(True))
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1), nn.ReLU(True))
        self.third = nn.Conv2d(width, width, 3, 1, 1)
        self.last = nn.Linear(width, 1)

    def forward(self, images):
        return self.last(self.third(self.second(self.first(images))).relu().mean((2, 3)))

def build(seed, width=4):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Small(width)
'''

MODEL = """
[[models]]
name = "NAME"
module = "network.py:build"
arguments = { seed = SEED, width = WIDTH }
features = "third"
findings = ["Square"]
scaling = { geometry = "squash(height=32, width=32)", channels = 1, mean = [0], std = [1] }
id = { architecture = "width WIDTH", seed = SEED }
"""

TABLE = """
[trust]
criteria = CRITERIA
similarities = ["ssim", "pearson"]
side = 32
"""

_calls = count()


def weights_of(model) -> int:
    return zlib.crc32(b"".join(p.detach().cpu().numpy().tobytes() for p in model.parameters()))


def noise(like: torch.Tensor, *seeds: int) -> torch.Tensor:
    generator = np.random.default_rng([*seeds])
    return torch.from_numpy(generator.random(like.shape, np.float32))


@dataclass(frozen=True)
class Planted:
    """One map per image, whatever the target."""

    title: ClassVar[str] = "planted"
    needs: ClassVar[Need] = "logits"

    def __call__(self, forward: ForwardPass, targets: Sequence[int]) -> Maps:
        one = [self.map(forward, image) for image in forward.images]
        return Maps(torch.stack(one).expand(-1, len(targets), -1, -1))


@dataclass(frozen=True)
class Fresh(Planted):
    def map(self, forward, image):
        return noise(image, next(_calls))


@dataclass(frozen=True)
class HashOfWeights(Planted):
    def map(self, forward, image):
        return noise(image, weights_of(forward.model), zlib.crc32(image.cpu().numpy().tobytes()))


@dataclass(frozen=True)
class Oracle(Planted):
    trained: ClassVar[set[int]] = set()

    def map(self, forward, image):
        if weights_of(forward.model) in self.trained:
            return (image > 0.6).float() + 1e-3 * image
        return noise(image, weights_of(forward.model), zlib.crc32(image.cpu().numpy().tobytes()))


@dataclass(frozen=True)
class Blob(Planted):
    def map(self, forward, image):
        y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
        return torch.exp(-((y - 16) ** 2 + (x - 16) ** 2) / 50)[None]


PLANTED = {"fresh": Fresh, "hash_of_weights": HashOfWeights, "oracle": Oracle, "blob": Blob}
METHODS = ["edges", *PLANTED]


def plant(folder, monkeypatch):
    """The experiment file, with two replicates each of two architectures."""
    assert not set(PLANTED) & set(methods.names())
    for name, cls in PLANTED.items():
        monkeypatch.setitem(methods._classes, name, cls)
    write_films(folder, count=20, size=(96, 96))
    (folder / "network.py").write_text(NETWORK)
    space: dict[str, object] = {}
    exec(NETWORK, space)
    who = [("a", 0, 4), ("b", 1, 4), ("c", 0, 6), ("d", 1, 6)]
    Oracle.trained.clear()
    Oracle.trained.update(weights_of(space["build"](seed, width)) for _, seed, width in who)
    models = "".join(
        MODEL.replace("NAME", name).replace("SEED", str(seed)).replace("WIDTH", str(width))
        for name, seed, width in who
    )
    explain = f"""
[explain]
methods = {json.dumps(METHODS)}

[score]
metrics = ["hit_rate"]

[statistics]
resamples = 100
min_positives = 1
"""
    file = folder / "planted.toml"
    data = EXPERIMENT[: EXPERIMENT.index("[[models]]")]
    file.write_text('output = "out"\n' + data + models + explain)
    return file


@pytest.fixture
def planted(tmp_path, monkeypatch):
    return plant(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """The table of the three criteria that compare models."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        file = plant(tmp_path_factory.mktemp("planted"), monkeypatch)
        return table(ask(file, "repeatability", "reproducibility", "randomization(draws=2)"))


def ask(file, *criteria, **options):
    text = TABLE.replace("CRITERIA", json.dumps(criteria))
    text += "".join(f"{key} = {value!r}\n" for key, value in options.items())
    base = file.read_text().split("\n[trust]")[0]
    file.write_text(base + text)
    return file


def only(file, *few):
    """The experiment with some of the methods."""
    text = file.read_text()
    assert json.dumps(METHODS) in text
    file.write_text(text.replace(json.dumps(METHODS), json.dumps(few)))
    return file


def table(file, progress=None):
    """Its rows, without the report: the units of one experiment are all there is."""
    folder = run(load(file), "trust", progress)
    return pl.concat(pl.read_parquet(unit) for unit in sorted(folder.glob("*.parquet")))


def mean(rows, method, similarity="pearson", **where):
    for column, value in {"method": method, "similarity": similarity, **where}.items():
        rows = rows.filter(pl.col(column) == value)
    assert len(rows)
    return rows["value"].mean()


@pytest.mark.slow
def test_planted_truths_come_out_end_to_end(rows):
    """Each in the criteria that it must pass, and in those that it must not."""
    assert rows.schema == pl.Schema(Pairs.schema())
    between, copies = ("repeatability", "reproducibility"), "randomization(draws=2)"
    same, different = {"population": "same film"}, {"population": "different films"}
    full = {"criterion": copies, "step": "first", **same}
    for criterion in between:
        for similar in ("edges", "oracle", "blob"):
            assert mean(rows, similar, criterion=criterion, **same) == pytest.approx(1)
        for unlike in ("fresh", "hash_of_weights"):
            assert abs(mean(rows, unlike, criterion=criterion, **same)) < 0.05
        assert mean(rows, "oracle", criterion=criterion, **different) < 0.5
        assert mean(rows, "blob", criterion=criterion, **different) == pytest.approx(1)
    for unmoved in ("edges", "blob"):
        assert mean(rows, unmoved, **full) == pytest.approx(1)
    for moved in ("fresh", "hash_of_weights", "oracle"):
        assert abs(mean(rows, moved, **full)) < 0.05
    random = {"criterion": copies, "population": "random pairs"}
    assert mean(rows, "oracle", **full) < mean(rows, "oracle", **random) < 0.5
    assert mean(rows, "blob", **random) == pytest.approx(1)


def test_the_table_says_who_was_compared_with_whom(rows):
    pairs = {
        criterion: set(here.select("model_a", "model_b").unique().iter_rows())
        for (criterion,), here in rows.filter(pl.col("population") == "same film").group_by(
            "criterion"
        )
    }
    assert pairs["repeatability"] == {("a", "b"), ("c", "d")}
    assert pairs["reproducibility"] == {("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")}
    assert pairs["randomization(draws=2)"] == {(name, name) for name in "abcd"}
    same = rows.filter(pl.col("population") == "same film")
    assert (same["image_id"] == same["image_id_b"]).all()
    assert same["image_id"].n_unique() == 10  # those with a square
    others = rows.filter(pl.col("population") != "same film")
    assert (others["cluster"] != others["cluster_b"]).all()
    assert (others["step"] == "").all()
    for (criterion,), here in others.group_by("criterion"):  # by the models that share a film
        found = set(here.select("model_a", "model_b").unique().iter_rows())
        assert found == pairs[criterion]
    copies = same.filter(pl.col("criterion") == "randomization(draws=2)")
    steps = copies["step"].unique(maintain_order=True).to_list()
    assert sorted(steps) == ["first", "last", "second", "third"]
    assert set(copies["draw"]) == {0, 1}
    assert set(rows.filter(pl.col("criterion") != "randomization(draws=2)")["draw"]) == {-1}
    counts = copies.group_by("model_a", "method", "similarity", "step", "draw").len()["len"]
    assert set(counts) == {10}


@dataclass(frozen=True)
class ReadTwice(Manifest):
    """Every box was drawn by one reader, its left half by another; the box is their consensus."""

    def __getitem__(self, index):
        film = super().__getitem__(index)
        drawn = list(film.annotations)
        for whole in film.annotations:
            ((x0, y0, x1, y1),) = whole.shape.boxes
            half = Boxes(((x0, y0, (x0 + x1) / 2, y1),))
            drawn += [replace(whole, source="a"), replace(whole, source="b", shape=half)]
        return replace(film, annotations=tuple(drawn))


@pytest.mark.slow
def test_readers_of_the_same_film_are_compared_as_two_models_are(planted, monkeypatch):
    monkeypatch.setitem(datasets._classes, "twice", ReadTwice)
    criteria = ("repeatability", "randomization(order='whole', draws=1)")
    text = ask(only(planted, "edges"), *criteria).read_text()
    planted.write_text(text.replace('"manifest"', '"twice"').replace("side = 32", "side = 96"))
    rows = table(planted)
    read = rows.filter(pl.col("method") == "readers")
    assert set(read.select("criterion", "model_a", "model_b").unique().iter_rows()) == {
        ("repeatability", "a", "b")
    }
    whole, half = 32**2 / 96**2, 32 * 16 / 96**2  # of boxes one in the other
    alike = (half * (1 - whole) / (whole * (1 - half))) ** 0.5
    same = read.filter((pl.col("population") == "same film") & (pl.col("similarity") == "pearson"))
    assert same["value"].to_list() == pytest.approx([alike] * 10, abs=1e-6)
    others = read.filter(pl.col("population") == "different films")
    assert (others["cluster"] != others["cluster_b"]).all()


@pytest.mark.slow
def test_every_other_criterion_is_one_line(planted):
    criteria = ("input_noise(std=[0.02])", "flip", "shift", "compression(quality=[50])")
    rows = table(ask(planted, *criteria, "efficient_mprt(draws=1)", images=4))
    assert set(rows["criterion"]) == {
        *("input_noise(std=(0.02,))", "flip", "shift", "compression(quality=(50,))"),
        "efficient_mprt(draws=1)",
    }
    edges = {"method": "edges", "population": "same film"}
    assert mean(rows, criterion="flip", **edges) == pytest.approx(1, abs=1e-3)
    assert mean(rows, criterion="shift", **edges) > 0.9
    assert mean(rows, criterion="shift", method="blob", population="same film") < 0.95
    assert mean(rows, criterion="compression(quality=(50,))", **edges) > 0.9
    rise = {"similarity": "entropy_rise(bins=100)", "population": "same film"}
    assert mean(rows, "edges", **rise) == pytest.approx(0)
    assert mean(rows, "oracle", **rise) > 1
    assert rows.filter(pl.col("population") == "same film")["image_id"].n_unique() == 4


def test_smooth_mprt_compares_averaged_maps(planted):
    spec = "smooth_mprt(base=randomization(order='whole', draws=1), samples=3)"
    rows = table(ask(only(planted, "blob"), spec, images=2))
    assert set(rows["step"]) == {"", "first"}
    assert mean(rows, "blob", population="same film") == pytest.approx(1)


@pytest.mark.slow
def test_a_second_run_makes_nothing_and_another_criterion_leaves_the_first_alone(planted):
    first = table(ask(only(planted, "edges", "oracle"), "repeatability", "randomization(draws=1)"))
    counting = Counting()
    again = table(planted, counting)
    steps = first.filter(pl.col("draw") == 0)["step"].unique(maintain_order=True)
    assert steps.to_list() == ["last", "third", "second", "first"]
    assert counting.done["trust"] == 0
    assert again.equals(first)
    counting = Counting()
    more = table(ask(planted, "repeatability", "randomization(draws=1)", "flip"), counting)
    assert counting.skipped["trust"] > 0
    kept = more.filter(pl.col("criterion") != "flip")
    assert kept.sort(kept.columns).equals(first.sort(first.columns))
    assert counting.done["trust"] == 12  # of four models: ten films, eight a unit; different films


def test_maps_that_are_no_maps_are_there_with_their_validity(planted):
    """A constant map: of the film that is evenly black, by edges."""
    Image.new("L", (96, 96)).save(planted.parent / "film1.png")
    rows = table(ask(only(planted, "edges", "oracle"), "repeatability"))
    here = rows.filter((pl.col("image_id") == "f1") & (pl.col("method") == "edges"))
    assert set(here["validity_a"]) == {"zero"}
    assert here["value"].is_nan().all()
    others = rows.filter((pl.col("image_id") != "f1") & (pl.col("image_id_b") != "f1"))
    assert not others["value"].is_nan().any()


def test_mistakes_are_answered(planted):
    with pytest.raises(ExperimentError, match=r"head needs two models with different heads.*a, b"):
        run(load(ask(planted, "head")))
    with pytest.raises(Exception, match="did you mean repeatability"):
        run(load(ask(planted, "repeatibility")))
    with pytest.raises(ExperimentError, match=r"(?s)normalize.*min_max"):
        load(ask(planted, "flip", normalize="z"))


def test_a_network_without_weights_cannot_be_randomized(squares):
    text = squares.read_text()
    squares.write_text(text + '\n[trust]\ncriteria = ["randomization"]\nside = 32\n')
    with pytest.raises(ModelError, match="Bright has no named children with weights"):
        run(load(squares))
    assert not (squares.parent / "out").exists()  # found before anything is explained


def test_by_default_a_network_without_weights_is_left_out_and_the_page_says_why(squares):
    report = run(load(squares))
    why = "Randomization of weights is not asked of bright: Bright has no named children"
    assert why in " ".join(report.read_text().split())
    assert len(pl.read_parquet(report.parent / "trust.parquet")) == 0
    verdicts = pl.read_parquet(report.parent / "verdicts.parquet")
    assert set(verdicts["method"]) == {"grad_cam", "occlusion(window=8, stride=8)"}
    assert set(verdicts["verdict"]) == {"not tested"}
    assert all(note.startswith(why) for note in verdicts["notes"])


@pytest.mark.slow
def test_a_run_that_refused_trust_is_resumed_with_nothing_but_trust(planted):
    text = only(planted, "edges", "oracle").read_text()
    planted.write_text(f"trust = false\n{text}")
    report = run(load(planted))
    assert not (report.parent / "trust.parquet").exists()
    assert "it says <code>trust = false</code>" in report.read_text()
    planted.write_text(text)
    counting = Counting()
    again = run(load(planted), progress=counting)
    assert counting.done == {"check": 1, "explain": 0, "score": 0, "trust": 12, "report": 5}
    rows = pl.read_parquet(again.parent / "trust.parquet")
    assert set(rows["criterion"]) == {"randomization(order='whole', draws=1)"}
    copies = rows.filter(pl.col("population") == "same film")
    assert set(copies.select("step", "draw").iter_rows()) == {("first", 0)}  # all weights, once
    assert set(copies["similarity"]) == {"pearson", "ssim"}
    # What is asked by default is what a file may ask for, so that more may be added to it.
    counting = Counting()
    planted.write_text(f'{text}\n[trust]\ncriteria = ["{BY_DEFAULT}", "repeatability"]\n')
    table(planted, counting)
    assert counting.skipped["trust"] == 12
