"""The code in the docs runs."""

import re
import subprocess
import sys
import tomllib

import numpy as np
import pytest

from heatproof.stats import bounded
from tests.analysis import made_up
from tests.conftest import ROOT
from tests.package import NAME, examples, install


def test_the_experiment_of_the_how_to_is_complete(tmp_path):
    from heatproof.experiment.file import load
    from heatproof.localize import metrics
    from heatproof.saliency import methods

    page = (ROOT / "docs/how-to/bring-your-data.md").read_text(encoding="utf-8")
    (tmp_path / "ours.toml").write_text(re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0])
    experiment = load(tmp_path / "ours.toml")
    assert len(methods.parts(experiment.explain.methods)) == 3
    assert len(metrics.parts(experiment.score.metrics)) == 3


def test_keys_of_films_in_the_docs_exist(tmp_path):
    import dataclasses

    from heatproof.data.datasets import datasets
    from heatproof.data.datasets.manifest import Manifest

    page = (ROOT / "docs/reference/films-and-marks.md").read_text(encoding="utf-8")
    keys = {field.name for field in dataclasses.fields(Manifest)}
    said = re.findall(r"`(\w+) = [^`]+`", page)
    assert {*said} - keys <= {"dataset", "prefix", "missing"}
    assert len({*said} & keys) >= 5
    (pool,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (entry,) = tomllib.loads(pool)["data"]
    for table in entry["tables"].values():
        assert {*table} <= keys
    (tmp_path / "siim.csv").write_text("image,file,mask\n,a.png,a_mask.png\n")
    (tmp_path / "nih.csv").write_text("file,patient,findings\nb.png,1,No Finding\nc.png,2,Mass\n")
    films = datasets.build(entry["dataset"], {"tables": entry["tables"]}, tmp_path)
    assert [film.labels["Pneumothorax"] for film in films] == [True, False]


def test_the_training_of_the_how_to_can_be_run(tmp_path):
    from heatproof.experiment.file import load
    from heatproof.models.backbones import backbones
    from heatproof.models.heads import heads
    from heatproof.preparation.plan import settings_of

    page = (ROOT / "docs/how-to/train.md").read_text(encoding="utf-8")
    films = "".join(
        f'[[data]]\nname = "{name}"\ndataset = "phantom"\n' for name in ("train", "validation")
    )
    whole, models, *_ = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "train.toml").write_text(whole)
    assert [entry.judged for entry in load(tmp_path / "train.toml").data] == [False, False, True]
    written = f'name = "x"\n{films}{models}\n[explain]\nmethods = ["class_map"]\n'
    # Every setting and part that the page names exists.
    named = re.findall(r"`(\w+ = [^`]+)`", page)
    settings = [text for text in named if not text.startswith(("head", "backbone", "card"))]
    assert len(settings) > 10
    for text in settings:
        (tmp_path / "e.toml").write_text(
            re.sub(r"settings = .*", f"settings = {{ {text} }}", written)
        )
        for model in load(tmp_path / "e.toml").models:
            settings_of(model)
    for kind, spec in re.findall(r'`(head|backbone) = "([^`]+)"`', page):
        (heads if kind == "head" else backbones).parse(spec)


def test_maps_of_the_how_to_come_in(tmp_path, monkeypatch):
    from heatproof.maps.importers import importers
    from heatproof.maps.naming import KnownFilms

    page = (ROOT / "docs/how-to/bring-your-maps.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "maps").mkdir()
    monkeypatch.chdir(tmp_path)
    array = np.random.default_rng(0).random((20, 16))
    exec(code, {"array": array})
    spec = re.findall('^importer = "(npy.*)"$', page, re.MULTILINE)[0]
    known = KnownFilms("films", ("film7",), ("Opacity", "Edema"))
    found = importers.parse(spec).find(tmp_path / "maps", known)[0].read()
    assert (found.image_id, found.finding) == ("film7", "Opacity")
    assert found.values.ravel() == pytest.approx(array.ravel())
    named = re.findall(r"^\| `(\w+)` \| ", page.split("Pickles of CheXlocalize")[0], re.MULTILINE)
    assert sorted(named) == sorted(importers.names())


def test_the_tables_of_the_how_to_can_be_asked(tmp_path, monkeypatch, capsys):
    page = (ROOT / "docs/how-to/ask-the-tables.md").read_text(encoding="utf-8")
    values = {f"film{number}": number / 12 for number in range(12)}
    view = {film: "LL" if value > 0.7 else "PA" for film, value in values.items()}
    marks = {film: [("Edema", "reference")] for film in values}
    patient = {"cluster": "one patient"}  # by patient there would be no interval
    rows = {
        made_up.Films: made_up.films(marks, view=view),
        made_up.Called: made_up.predictions(dict.fromkeys(values, (True, 0.5)), **patient),
        made_up.Scores: [
            *made_up.scores(values, **patient),
            *made_up.control("mean_mask", values, **patient),
        ],
    }
    for table, written in rows.items():
        table.of_rows(written).frame.write_parquet(tmp_path / f"{table.name}.parquet")
    monkeypatch.setattr(sys, "argv", ["ask.py", str(tmp_path)])
    exec("".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)), {})
    mean = bounded.mean(np.array([*values.values()]), [*values], level=0.9)
    interval = f"{mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f})"
    assert capsys.readouterr().out.splitlines() == [
        f"films, Edema, iou: net by cam {interval}, 12 maps",
        "3 scores of maps on lateral films",
    ]


def test_the_reference_of_the_experiment_file_is_that_of_the_code():
    import runpy

    script = runpy.run_path(str(ROOT / "docs/experiment_file.py"))
    page = script["page"]()
    assert script["PAGE"].read_text(encoding="utf-8") == page, "python docs/experiment_file.py"
    undocumented = re.findall(r"^\| `\w+` .*\|  \|$", page, re.MULTILINE)
    assert not undocumented


def test_the_specs_of_published_studies_exist():
    from heatproof.saliency import methods

    page = (ROOT / "docs/how-to/published-maps.md").read_text(encoding="utf-8")
    table = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    specs = re.findall(r"`([^`]+)`", table) + re.findall(r"^explained_scalar.*$", page, re.M)
    assert len(specs) > 15
    for spec in specs:
        assert methods.parse(spec)


def test_the_reference_of_metrics_and_controls_is_that_of_the_code():
    import runpy

    script = runpy.run_path(str(ROOT / "docs/metrics.py"))
    assert script["PAGE"].read_text(encoding="utf-8") == script["page"](), "python docs/metrics.py"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """An installed package of the page's examples."""
    return install(tmp_path_factory.mktemp("site"), examples())


def test_the_examples_pass_the_linters(package):
    for command in (["check"], ["format", "--check"]):
        found = subprocess.run(
            [
                sys.executable,
                "-m",
                "ruff",
                *command,
                "--no-cache",
                "--config",
                ROOT / "pyproject.toml",
                package / NAME,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.slow
def test_the_examples_pass_mypy(package):
    files = [str(file) for file in (package / NAME).glob("*.py")]
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", *files],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert found.returncode == 0, found.stdout


def test_the_code_about_readers_runs() -> None:
    page = (ROOT / "docs/how-to/compare-readers.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict = {}
    exec(compile(block, "compare-readers.md", "exec"), names)
    assert names["found"].differences.height == 1


@pytest.mark.slow
def test_the_code_about_fidelity_runs() -> None:
    page = (ROOT / "docs/how-to/measure-fidelity.md").read_text(encoding="utf-8")
    of_fidelity, of_regions = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict = {}
    exec(compile(of_fidelity, "measure-fidelity.md", "exec"), names)
    assert len(names["answer"].summary) == 4
    exec(compile(of_regions, "measure-fidelity.md", "exec"), names)
    assert len(names["answer"].cells)


def test_the_code_about_one_film_runs(tmp_path, monkeypatch):
    page = (ROOT / "docs/how-to/explain-one-film.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 4
    monkeypatch.chdir(tmp_path)
    # Smaller films: what is tested is that the calls exist and fit together.
    small = "\n".join(blocks).replace("size=224", "size=64").replace("224, 224", "64, 64")
    names: dict = {}
    exec(compile(small, "explain-one-film.md", "exec"), names)
    assert (tmp_path / "overlay.png").is_file()
    assert names["maps"].shape == (4, 1, 64, 64)


@pytest.mark.slow
def test_the_site_is_built_and_every_link_leads_somewhere(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    made = subprocess.run(
        [*command, "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    first = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert "Heat maps, put to the proof" in first
    assert 'href="how-to/explain-one-film/"' in first
    # A file that the site does not hold is named, not linked.
    assert "experiments/chexlocalize_sample.toml" in first
    assert 'href="experiments/chexlocalize_sample.toml"' not in first


def test_every_page_of_the_docs_stands_in_the_navigation_of_the_site():
    told = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    there = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert there <= told


def test_public_names_stand_on_the_page_of_python():
    import heatproof

    page = (ROOT / "docs/reference/python.md").read_text(encoding="utf-8")
    constants = {"IMAGENET_MEAN", "IMAGENET_STD", "__version__"}
    for name in {*heatproof.__all__} - constants:
        assert re.search(rf"\b{name}\b", page), name


def test_the_page_of_parts_is_up_to_date():
    from docs import parts

    assert parts.PAGE.read_text(encoding="utf-8") == parts.page()


def test_commands_that_the_docs_name_exist():
    import typer

    from heatproof.cli import app

    pages = [ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md")]
    texts = [page.read_text(encoding="utf-8") for page in pages]
    inline = [found for text in texts for found in re.findall(r"`heatproof ([a-z][^`]*)`", text)]
    blocks = [block for text in texts for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)]
    lines = re.findall(r"^(?:.*\s)?heatproof ([a-z].*)$", "\n".join(blocks), re.MULTILINE)
    assert len(inline) > 30
    assert len(lines) > 3
    for said in [*inline, *lines]:
        command, (name, *words) = typer.main.get_command(app), said.split("#")[0].split()
        assert name in command.commands, said
        command = command.commands[name]
        if words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words[0]]
        known = {option for one in command.params for option in one.opts + one.secondary_opts}
        assert {word for word in words if word.startswith("-")} <= known, said


def test_the_page_of_annotation_formats_is_up_to_date():
    from docs import annotation_formats

    assert annotation_formats.PAGE.read_text(encoding="utf-8") == annotation_formats.page()


def test_annotations_are_converted_as_the_page_says(tmp_path, monkeypatch, capsys):
    """Every command of the page, in its order, on marks that VIA wrote."""
    import shlex

    import typer
    from PIL import Image

    from heatproof.cli import app
    from heatproof.data.on_disk import via_polygon, via_rect, write_csv, write_via

    monkeypatch.chdir(tmp_path)
    (tmp_path / "films").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("L", (40, 30)).save(tmp_path / "films" / name)
    triangle = via_polygon([(1, 1), (9, 1), (9, 9)])
    write_via(tmp_path / "marks.csv", {"a": [via_rect(2.0, 3.0, 9.0, 8.0)], "b": [triangle]})
    write_csv(tmp_path / "train-rle.csv", [("ImageId", " EncodedPixels"), ("a", " 31 5")])
    page = (ROOT / "docs/how-to/convert-annotations.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) == 5
    for line in lines:
        # Marks of VIA have no sizes; the page tells where films are named for those that need them.
        _, name, *words = shlex.split(line)
        words += [] if "--images" in words else ["--images", "films"]
        command = typer.main.get_command(app).commands[name]
        command.main(words, standalone_mode=False)
    assert "Not held by" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "labels").iterdir()} == {
        "a.txt", "b.txt", "classes.txt",
    }  # fmt: skip
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0])
    assert capsys.readouterr().out.startswith("2 (")


def test_the_study_of_the_how_to_opens(tmp_path):
    from heatproof.reading.serving import opened
    from heatproof.reading.study import load

    page = (ROOT / "docs/how-to/read-films.md").read_text(encoding="utf-8")
    [text] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "study.toml").write_text(text.replace("size = 512", "size = 64"))
    room = opened(load(tmp_path / "study.toml"))
    assert len(room.of_reader["Ada"]) == 1 + 3 + 3 * 24 + 4
    room.ledger.close()
