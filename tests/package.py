"""A package with one part of each kind, as pip would install it.

Most parts are the examples of ``docs/how-to/add-a-part.md``; those that the page shows no example
of are here.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import ROOT

NAME = "heatproof_more"
REGISTERED = re.compile(r"^@(\w+)\.register\(\"(\w+)\"\)", re.MULTILINE)
OTHERS = {
    "halves.py": '''
"""Halves: the share of all pixels that are above one half in both maps or in neither."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from heatproof.trust.similarity import similarities


@similarities.register("halves")
@dataclass(frozen=True)
class Halves:
    """How much of the film two maps agree on."""

    title: ClassVar[str] = "Agreement of halves"
    undefined: ClassVar[str] = "a map is constant"
    span: ClassVar[tuple[float, float]] = (0.0, 1.0)
    itself: ClassVar[float] = 1.0

    def __call__(
        self, one: Float[np.ndarray, "n y x"], other: Float[np.ndarray, "n y x"]
    ) -> Float[np.ndarray, " n"]:
        """The share."""
        return ((one > 0.5) == (other > 0.5)).mean(axis=(1, 2))
''',
    "plain_net.py": '''
"""Plain net: two convolutions."""

from dataclasses import dataclass

from torch import nn

from heatproof.models.backbones import Backbone, Grid, backbones


@backbones.register("plain_net")
@dataclass(frozen=True)
class PlainNet:
    """A network of 8 channels, for the smallest machines."""

    def __call__(self, channels: int = 3, weights: str = "random") -> Backbone:
        """Build it."""
        stem = nn.Sequential(nn.Conv2d(channels, 8, 3, 4, 1), nn.ReLU())
        body = nn.Sequential(nn.Conv2d(8, 8, 3, 4, 1), nn.ReLU())
        return Backbone({"stem": stem, "body": body}, Grid(8, stride=16, signed=False), weights)
''',
    "small_unet.py": '''
"""Small U-Net: the U-Net on the smallest backbone."""

from dataclasses import dataclass, field

from heatproof.models.backbones import Architecture, backbones
from heatproof.models.backbones.resnet import ResNet10t
from heatproof.models.localizers import localizers
from heatproof.models.localizers.unet import UNet


@localizers.register("small_unet")
@dataclass(frozen=True)
class SmallUNet(UNet):
    """A U-Net of 8 channels."""

    backbone: Architecture = field(
        default=ResNet10t(width=16), metadata={"registry": backbones}
    )
    width: int = 8
''',
    "arrays.py": '''
"""Arrays: maps as text, a line for each row, called after film and finding."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from heatproof.errors import MapError
from heatproof.maps.arrays import arrays_in_files, maps_in
from heatproof.maps.importers import FoundMap, importers
from heatproof.maps.naming import KnownFilms


@importers.register("arrays")
@dataclass(frozen=True)
class Arrays:
    """One file of each map."""

    suffixes: ClassVar[tuple[str, ...]] = (".txt",)
    pattern: str = "{image_id}_{finding}.txt"

    def find(self, folder: Path, known: KnownFilms) -> list[FoundMap]:
        """Those that end in txt."""
        return maps_in(arrays_in_files(folder, self.suffixes, read), known, self.pattern)


def read(file: Path) -> np.ndarray:
    """The numbers of a file."""
    try:
        return np.array([line.split() for line in file.read_text().splitlines()], float)
    except (OSError, ValueError) as error:
        raise MapError(f"{file}: {error}") from error
''',
}


def examples() -> dict[str, str]:
    """Every file of the page."""
    page = (ROOT / "docs/how-to/add-a-part.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^## [^\n]*`(\w+\.py)`\n\n```python\n(.*?)```", page, re.M | re.S))


def install(site: Path, files: Mapping[str, str], name: str = NAME) -> Path:
    """Write a package with an entry point for each part that is registered in it."""
    (site / name).mkdir(parents=True)
    (site / name / "__init__.py").write_text('"""More parts."""\n')
    groups: dict[str, list[str]] = {}
    for file, text in files.items():
        (site / name / file).write_text(text)
        for group, part in REGISTERED.findall(text):
            entry = f"{part} = {name}.{file.removesuffix('.py')}"
            groups.setdefault(f"[heatproof.{group}]", []).append(entry)
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [line for group, entries in groups.items() for line in (group, *entries)]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return site


def python(site: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python where the package is installed."""
    paths = (str(site), str(ROOT / "src"), os.environ.get("PYTHONPATH", ""))
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )
