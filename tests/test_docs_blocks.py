"""Every block of code in the docs is executed, or says here why it is not."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from heatproof.experiment.file import load
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
PAGES += sorted((ROOT / "docs").rglob("*.md"))

# Page to the file that runs its Python, and how many blocks it has: a new block needs a new test.
RUN_BY = {
    "README.md": (1, "tests/test_readme.py"),
    "docs/how-to/add-a-part.md": (7, "tests/package.py"),
    "docs/how-to/ask-the-tables.md": (2, "tests/test_docs.py"),
    "docs/how-to/bring-your-maps.md": (1, "tests/test_docs.py"),
    "docs/how-to/bring-your-model.md": (1, "tests/models/test_two_tower.py"),
    "docs/how-to/compare-readers.md": (1, "tests/test_docs.py"),
    "docs/how-to/convert-annotations.md": (1, "tests/test_docs.py"),
    "docs/how-to/explain-one-film.md": (4, "tests/test_docs.py"),
    "docs/how-to/measure-fidelity.md": (2, "tests/test_docs.py"),
    "docs/how-to/models-of-others.md": (4, "tests/test_models_of_others.py"),
    "docs/how-to/scorecard.md": (1, "tests/runs/test_scorecard.py"),
    "docs/how-to/work-with-runs.md": (1, "tests/runs/test_folder.py"),
    "docs/reference/preprocessing.md": (2, "tests/test_preprocessing_page.py"),
}
# Blocks of TOML that are no experiment, and who reads them.
NO_EXPERIMENT = {
    "docs/how-to/add-a-part.md": "pyproject.toml of a package, which tests/package.py installs",
    "docs/how-to/read-films.md": "a study of readers, which tests/test_docs.py opens",
}
LANGUAGES = {"", "text", "sh", "python", "toml"}
SCALING = {"geometry": "squash(height=32, width=32)", "mean": [0.5], "std": [0.25]}


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [block for name, block in found if name == language]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_no_block_is_in_a_language_that_nobody_runs() -> None:
    """What a program prints has no language, or is `text`."""
    for page in PAGES:
        said = re.findall(r"^ *```(\w+)", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert {*said} <= LANGUAGES, name(page)


def test_every_block_of_python_has_a_test_that_runs_it() -> None:
    found = {name(page): len(blocks(page, "python")) for page in PAGES}
    assert {page: n for page, n in found.items() if n} == {p: n for p, (n, _) in RUN_BY.items()}
    for page, (_, test) in RUN_BY.items():
        text = (ROOT / test).read_text(encoding="utf-8")
        assert page in text, f"{test} does not read {page}"
        assert "```python" in text, f"{test} takes no block out of {page}"


def pieces(block: str) -> list[dict[str, Any]]:
    """The block as tables; lines that say one thing in several ways are a piece each."""
    try:
        return [tomllib.loads(block)]
    except tomllib.TOMLDecodeError:
        return [found for line in block.splitlines() if (found := tomllib.loads(line))]


TOML = [
    pytest.param(piece, id=f"{name(page)}-{number}")
    for page in PAGES
    if name(page) not in NO_EXPERIMENT
    for number, block in enumerate(blocks(page, "toml"))
    for piece in pieces(block)
]


def whole(piece: dict[str, Any]) -> dict[str, Any]:
    """The piece within the least experiment that it can be a part of."""
    training = {"data": "train", "validation": "validation"}
    model = {"name": "m", "backbone": "resnet18", "scaling": SCALING, "training": training}
    maps = {"name": "others", "importer": "npy", "folder": "maps", "method": "m", "data": "train"}
    maps |= {"id": {"architecture": "resnet18"}}
    match list(piece):
        case ["scaling"]:
            piece = {"models": [model | piece]}
        case ["expect"]:
            piece = {"models": [{"name": "m", "card": "models/m"} | piece]}
        case ["weights"]:
            piece = {"models": [model | {"training": training | piece}]}
        case ["importer"]:
            piece = {"maps": [maps | piece]}
    models = piece.get("models", [] if "maps" in piece else [model])
    # What a page leaves out of a model, since another block shows it.
    ready, networks = {"card", "module", "ensemble"}, {"architectures", "backbone", "localizer"}
    rest = {key: model[key] for key in ("scaling", "training")}
    models = [
        one if ready & {*one} else (rest if networks & {*one} else model) | one for one in models
    ]
    members = {name for one in models for name in one.get("ensemble", {}).get("of", ())}
    wanted = {"train", "validation", *(one["data"] for one in piece.get("maps", ()))}
    data = piece.get("data", [])
    missing = sorted(wanted - {one["name"] for one in data})
    return {
        "name": "e",
        "explain": {"methods": ["grad_cam"]},
        **piece,
        "data": [*data, *({"name": name, "dataset": "phantom"} for name in missing)],
        "models": [*({**model, "name": name} for name in sorted(members)), *models],
    }


@pytest.mark.parametrize("piece", TOML)
def test_every_block_of_toml_is_a_part_of_an_experiment(
    piece: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "e.toml").write_text(tomlkit.dumps(whole(piece)), encoding="utf-8")
    experiment = load(tmp_path / "e.toml")
    assert experiment.explain.methods or experiment.maps


def test_a_key_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text(tomlkit.dumps(whole({"trust": {"critera": []}})))
    with pytest.raises(Exception, match="critera"):
        load(tmp_path / "e.toml")


def test_scripts_that_blocks_of_sh_run_are_there() -> None:
    said = "\n".join(block for page in PAGES for block in blocks(page, "sh"))
    scripts = re.findall(r"python ([\w/]+\.py)", said)
    modules = re.findall(r"python -m (benchmarks\.\w+)", said)
    assert len(scripts) + len(modules) > 1
    for script in [*scripts, *(module.replace(".", "/") + ".py" for module in modules)]:
        assert (ROOT / script).is_file(), script
