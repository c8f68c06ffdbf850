"""What the page about the clinic says exists, and can be run."""

import re
import shlex

import pytest
import typer.main

from heatproof.cli import app
from heatproof.errors import DataError
from heatproof.experiment.file import load
from heatproof.runs.exporters import exporters
from tests.conftest import ROOT

PAGE = (ROOT / "docs/how-to/send-to-the-clinic.md").read_text(encoding="utf-8")


def test_every_format_that_the_page_names_exists() -> None:
    [command] = re.findall(r"^heatproof export (.*)$", PAGE, re.MULTILINE)
    words = shlex.split(command)
    specs = [words[place + 1] for place, word in enumerate(words) if word == "--as"]
    assert len(exporters.parts(specs)) == len(specs) == 4
    options = {o for p in typer.main.get_command(app).commands["export"].params for o in p.opts}
    assert {word for word in words if word.startswith("--")} <= options
    named = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert named == {name for name in exporters.names() if name.startswith("dicom")}


def test_the_privacy_page_names_every_format() -> None:
    page = (ROOT / "docs/explanation/privacy.md").read_text(encoding="utf-8")
    table = page.split("## What an export says")[1].split("## Pseudonyms")[0]
    assert set(re.findall(r"`(\w+)`", table)) >= set(exporters.names())


def test_the_experiment_of_the_page_is_read(tmp_path) -> None:
    [text] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "e.toml").write_text(text)
    [data] = load(tmp_path / "e.toml").data
    assert data.dataset == "dicomweb"
    from heatproof.experiment.films import open_one

    with pytest.raises(DataError, match=r"studies\.csv: there is no such table"):
        open_one(data, tmp_path, refuse_missing=True)
