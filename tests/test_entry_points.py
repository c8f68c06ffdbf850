"""Parts of an installed package are parts: they keep the contracts, and a report shows them."""

import re

import polars as pl
import pytest

from heatproof.errors import HeatproofError
from heatproof.registry import Registry
from tests.package import OTHERS, REGISTERED, examples, install, python

FILES = examples() | OTHERS
PARTS = {part: group for text in FILES.values() for group, part in REGISTERED.findall(text)}
CONTRACTS = (
    "saliency/methods/test_every_method.py",
    "localize/metrics/test_metrics.py",
    "localize/test_every_control.py",
    "trust/test_pairs.py",
    "trust/test_films.py",
    "trust/similarity/test_every_similarity.py",
    "trust/rules/test_every_rule.py",
    "models/test_heads.py",
    "models/test_backbones.py",
    "models/localizers/test_localizers.py",
    "data/datasets/test_every_dataset.py",
    "maps/importers/test_every_importer.py",
)
EXPERIMENT = """
name = "Parts of another package"
output = "out"

[[data]]
name = "training"
dataset = "dots"
seed = 1
judged = false

[[data]]
name = "validation"
dataset = "dots"
seed = 2
judged = false

[[data]]
name = "test"
dataset = "dots"

[[models]]
name = "more"
backbone = "plain_net"
head = "strongest"
scaling = { geometry = "squash(height=64, width=64)", channels = 1, mean = [0.5], std = [0.25] }
training = { data = "training", validation = "validation", settings = { max_epochs = 1 } }

[explain]
methods = ["energy"]

[score]
metrics = [
    "coverage(binarize=fixed(threshold=0.3))", "coverage(binarize=fixed(threshold=0.6))",
    "pixel_precision(binarize=fixed(threshold=0.3))",
    "pixel_precision(binarize=fixed(threshold=0.6))",
]
controls = ["centre", "border"]

[trust]
criteria = ["brightness"]
similarities = ["halves"]
rules = ["strict"]

[statistics]
resamples = 100
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return install(tmp_path_factory.mktemp("site"), FILES)


def test_there_is_a_part_of_every_kind():
    kinds = "methods metrics controls criteria similarities rules heads backbones localizers"
    assert set(PARTS.values()) == {*kinds.split(), "datasets", "importers"}


@pytest.mark.slow
def test_they_keep_the_contracts_of_their_kinds(site):
    named = f"({' or '.join(PARTS)}) and not energy_inside"  # which is a metric of heatproof
    options = ["-p", "no:cacheprovider", "-m", "not slow", "-k", named, "-rA"]
    found = python(site, "-m", "pytest", *options, *(f"tests/{file}" for file in CONTRACTS))
    assert found.returncode == 0, found.stdout[-3000:]
    passed = [line for line in found.stdout.splitlines() if line.startswith("PASSED")]
    for part in PARTS:
        assert any(re.search(rf"[\[-]{part}\b|{part.title()}", line) for line in passed), part


@pytest.mark.slow
def test_a_report_shows_them(site, tmp_path):
    (tmp_path / "more.toml").write_text(EXPERIMENT)
    command = "from heatproof.cli import main; main()"
    found = python(site, "-c", command, "run", tmp_path / "more.toml")
    assert found.returncode == 0, found.stdout[-2000:] + found.stderr[-2000:]
    out = tmp_path / "out"
    page = (out / "report.html").read_text()
    for words in (
        *("plain_net", "strongest", "Energy", "The sum of squared features"),
        *("Coverage (fixed", "Share of the marked pixels that the map marks too."),
        *("border of the film", "Brightness</small>", "Does it survive a darker exposure?"),
        "The map of the darker film is far more like the map of the film",
        *("Strict", "It finds less."),
    ):
        assert words in page, words
    columns = {
        "estimates": {"method": {"energy", "border", "mean_mask"}},
        "trust": {"criterion": {"brightness"}, "similarity": {"halves"}},
        "verdicts": {"criterion": {"brightness"}, "rule": {"strict"}},
    }
    for table, expected in columns.items():
        found = pl.read_parquet(out / f"{table}.parquet")
        for column, values in expected.items():
            assert values <= set(found[column]), (table, column)
    figures = {file.name.split("-fixed")[0] for file in (out / "figures").glob("*.svg")}
    assert "localization-test-dot-coverage-binarize" in figures
    # What the metric says of itself: points of a curve, the recall of pixels, regions missed.
    assert {
        "thresholds-test-dot-coverage-threshold.svg",
        "precision-recall-test-dot.svg",
    } <= figures
    assert "region missed" in (out / "tables/failures.csv").read_text()


BROKEN = '"""\n@criteria.register("hidden")\n"""\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "which cannot be imported: ZeroDivisionError: division by zero"),
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("", "which registers no part of that name; expected @register('hidden')"),
    ],
)
def test_a_broken_package_is_named_when_its_registry_is_asked(text, message, tmp_path, monkeypatch):
    name = f"broken_{abs(hash(text))}"  # modules are imported once
    monkeypatch.syspath_prepend(install(tmp_path, {"part.py": BROKEN + text}, name))
    # A package that registers nothing, so that only the broken part is there.
    asked: Registry[object] = Registry("criterion", "heatproof.stats", "heatproof.criteria")
    for _ in range(2):
        with pytest.raises(HeatproofError) as caught:
            asked.names()
        assert f"package {name} 1.0 offers the criterion hidden in" in str(caught.value)
        assert message in str(caught.value)
    assert Registry("metric", "heatproof.stats", "heatproof.metrics").names() == ()
