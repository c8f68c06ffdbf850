"""Writes what heatproof is made of: ``reference/licences.md``, and a CycloneDX ``reference/sbom.json``.

Both list the runtime dependencies, direct and of these, that the installed distributions name, at
the versions of ``constraints.txt``.

    python docs/supply.py
"""

import json
import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PAGE, BILL = ROOT / "docs/reference/licences.md", ROOT / "docs/reference/sbom.json"
HEAD = """# Licences

What is installed with heatproof, direct dependencies in bold, and the licence that each says of itself. The same list for machines is
[sbom.json](sbom.json) (CycloneDX). *This page is written by `docs/supply.py`.*

| package | version | licence |
|---|---|---|
"""


def canonical(name: str) -> str:
    """The name of a package as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def direct() -> list[str]:
    """The names that pyproject.toml lists."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [canonical(Requirement(text).name) for text in project["dependencies"]]


def closure() -> list[str]:
    """Direct dependencies and theirs, sorted."""
    found: set[str] = set()
    waiting = direct()
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # of another system
        found.add(name)
        wanted = map(Requirement, needs)
        waiting += [
            canonical(each.name)
            for each in wanted
            if each.marker is None or each.marker.evaluate({"extra": ""})
        ]
    return sorted(found)


def versions() -> dict[str, str]:
    """The versions of constraints.txt, by name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = (line.partition(";")[0] for line in lines if not line.startswith("#"))
    pairs = (line.split("==") for line in pinned if "==" in line)
    return {canonical(name): version.strip() for name, version in pairs}


def licence(name: str) -> str:
    """What a distribution says of its licence, in a few words."""
    metadata = distribution(name).metadata
    said = metadata.get("License-Expression") or ""
    classified = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier") or []
        if text.startswith("License :: ")
    ]
    first = (metadata.get("License") or "").strip().partition("\n")[0]
    return said or ", ".join(classified) or first[:80] or "see the package"


def pages() -> dict[Path, str]:
    """The text of both files."""
    pinned, own = versions(), set(direct())
    rows, components = [], []
    for name in closure():
        version = pinned.get(name, distribution(name).version)
        shown = f"**{name}**" if name in own else name
        rows.append(f"| {shown} | {version} | {licence(name)} |\n")
        components.append(
            {
                "type": "library",
                "name": name,
                "version": version,
                "purl": f"pkg:pypi/{name}@{version}",
                "licenses": [{"license": {"name": licence(name)}}],
            }
        )
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "heatproof"}},
        "components": components,
    }
    return {PAGE: HEAD + "".join(rows), BILL: json.dumps(bill, indent=1) + "\n"}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
