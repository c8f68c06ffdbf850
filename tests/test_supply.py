"""What heatproof is made of is listed, and its wheel is the same whoever builds it."""

import json
import os
import runpy
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.conftest import ROOT

SUPPLY = runpy.run_path(str(ROOT / "docs/supply.py"))


def test_every_direct_dependency_is_listed_at_its_version():
    bill = json.loads(SUPPLY["BILL"].read_text())
    listed = {each["name"]: each["version"] for each in bill["components"]}
    page = SUPPLY["PAGE"].read_text()
    pinned = SUPPLY["versions"]()
    assert bill["bomFormat"] == "CycloneDX"
    for name in SUPPLY["direct"]():
        assert f"| **{name}** | {listed[name]} |" in page
    for name, version in listed.items():
        assert pinned.get(name, version) == version


@pytest.mark.slow
@pytest.mark.skipif(find_spec("hatchling") is None, reason="hatchling, which builds, is not there")
def test_a_wheel_is_built_twice_to_the_same_bytes(tmp_path):
    built = []
    for name, zone in (("one", "UTC"), ("other", "Asia/Tokyo")):
        (tmp_path / name).mkdir()
        code = f"from hatchling.build import build_wheel; build_wheel({str(tmp_path / name)!r})"
        environment = {**os.environ, "TZ": zone}
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)
        [wheel] = (tmp_path / name).iterdir()
        built.append((wheel.name, wheel.read_bytes()))
    assert built[0] == built[1]
