"""The page that is sent is built of the source that lies beside it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

READING = ROOT / "src/heatproof/reading"
VIEWER, BUNDLE = READING / "viewer", READING / "bundle"


def test_the_lock_names_no_registry_and_every_package_with_its_digest():
    text = (VIEWER / "package-lock.json").read_text(encoding="utf-8")
    packages = json.loads(text)["packages"]
    assert "resolved" not in text
    assert all("integrity" in each for name, each in packages.items() if name)
    hosts = set(re.findall(r"https?://([\w.-]+)", text))
    assert not {host for host in hosts if "registry" in host or "npm" in host}


def test_the_code_loads_nothing_from_elsewhere():
    index = (BUNDLE / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="([^"]+)"', index) == [
        "data:,", "/assets/index.js", "/assets/index.css",
    ]  # fmt: skip
    ours = [BUNDLE / "assets" / name for name in ("index.js", "admin.js", "index.css")]
    assert not any("http" in file.read_text(encoding="utf-8") for file in ours)


def test_the_code_makes_no_code_of_text():
    """The policy forbids it, so a library that did would fail in the middle of a study."""
    for file in (BUNDLE / "assets").glob("*.js"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"[^.\w$]eval\(", text), file.name


def test_the_licences_of_what_is_in_it_lie_beside_it_and_none_binds_others():
    text = (BUNDLE / "assets/licences.txt").read_text(encoding="utf-8")
    heads = dict(re.findall(r"^(@?[\w./-]+ \d[\w.-]*), (.+)$", text, re.MULTILINE))
    assert {name.split()[0] for name in heads} >= {"@cornerstonejs/core", "@kitware/vtk.js"}
    assert not [name for name, licence in heads.items() if "GPL" in licence or "NC" in licence]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="Node, which builds the page, is not there")
def test_the_bundle_is_what_its_source_builds(tmp_path: Path):
    skipped = shutil.ignore_patterns("node_modules")
    shutil.copytree(VIEWER, tmp_path / "viewer", ignore=skipped)

    def npm(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["npm", *words]
        return subprocess.run(
            command, cwd=tmp_path / "viewer", capture_output=True, text=True, check=False
        )

    installed = npm("ci", "--no-audit", "--no-fund")
    if re.search("code (E?NOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|E40|ENETUNREACH)", installed.stderr):
        pytest.skip("the registry of the packages cannot be reached")
    assert installed.returncode == 0, installed.stderr
    for script in ("check", "build"):
        done = npm("run", script)
        assert done.returncode == 0, done.stdout + done.stderr
    built = {
        path.relative_to(tmp_path / "bundle"): path.read_bytes()
        for path in (tmp_path / "bundle").rglob("*")
        if path.is_file()
    }
    kept = {
        path.relative_to(BUNDLE): path.read_bytes()
        for path in BUNDLE.rglob("*.*")
        if path.is_file()
    }
    assert built.keys() == kept.keys()
    assert [name for name in built if built[name] != kept[name]] == []
