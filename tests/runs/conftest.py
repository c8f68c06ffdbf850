"""Two runs of one small experiment, the second with a metric and a method more."""

from pathlib import Path

import pytest

from heatproof.experiment.file import load
from heatproof.run.pipeline import run
from tests.squares import EXPERIMENT, NETWORK, write_films

METRICS = '[score]\nmetrics = ["iou", "hit_rate"]\ncontrols = []\n'
ADDED = '[score]\nmetrics = ["iou", "hit_rate", "auroc"]\ncontrols = []\n'
LETTERBOX = EXPERIMENT.replace("GEOMETRY", "letterbox")


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of both runs."""
    place = tmp_path_factory.mktemp("project")
    write_films(place)
    (place / "network.py").write_text(NETWORK)
    more = LETTERBOX.replace('"grad_cam"', '"grad_cam", "gradient"')
    for name, text in (("first", LETTERBOX + METRICS), ("second", more + ADDED)):
        (place / f"{name}.toml").write_text(text)
        run(load(place / f"{name}.toml"))
    return place / "runs" / "first", place / "runs" / "second"
